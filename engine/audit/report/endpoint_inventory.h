#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "engine/audit/event/slot_pool.h"
#include "engine/audit/sink/record_values.h"
#include "engine/audit/text/output_buffer.h"
#include "engine/policy/listings/endpoint_listing.h"

namespace rpcaudit::audit {

// Where a server offers an interface.
struct ServedEndpoint {
  IpAddress server;
  dissect::TowerProtocol protocol = dissect::TowerProtocol::other;
  std::uint16_t port = 0;  // 0 for pipes and local ports
  std::string name;        // of a pipe (\PIPE\name, in lower case) or local port
  dissect::SyntaxId interface;

  auto operator<=>(const ServedEndpoint&) const = default;
};

// What was seen of it.
struct EndpointSighting {
  static constexpr std::size_t kClientsMax = 64;

  bool announced = false;   // by an endpoint mapper, or by the server itself
  bool bound = false;       // a server accepted a context there, or answered a datagram
  bool listed = false;      // in what a tool printed that asked the endpoint mapper
  bool has_version = true;  // false where only a listing without versions names the interface
  Timestamp first_seen;
  Timestamp last_seen;
  std::set<IpAddress> clients;  // that bound or called
  bool more_clients = false;
  std::string annotation;  // as announced
};

// The observer that collects what a passive look at endpoint mappers and at the traffic itself
// tells of who serves what where. Bounded: what finds no place is counted.
class EndpointInventory : public dissect::RpcObserver {
 public:
  // `limits` must be those of the dissector.
  explicit EndpointInventory(const dissect::Limits& limits);

  void on_context(const dissect::RpcContext& context) override;
  void on_context_result(const dissect::RpcContext& context) override;
  void on_context_closed(dissect::ContextKey key) override;
  void on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) override;
  void on_outcome(const dissect::RpcOutcome& outcome) override;
  void on_blindness(const dissect::Blindness&) override {}
  void on_endpoint(const dissect::EndpointEntry& entry) override;
  void on_watermark(std::uint64_t) override {}

  // Adds an endpoint of a listing of that time, to be called when the traffic has been seen. What
  // has no version is taken for the interface of any version that was seen there, so that listings
  // with versions come first.
  void note_listed(const policy::ListedEndpoint& listed, Timestamp time);

  using Endpoints = std::map<ServedEndpoint, EndpointSighting>;

  // In the order of server, protocol, port or name, interface.
  [[nodiscard]] const Endpoints& endpoints() const noexcept { return endpoints_; }
  // Sightings that found no place.
  [[nodiscard]] std::uint64_t overflow() const noexcept { return overflow_; }

 private:
  static constexpr std::size_t kEndpointsMax = std::size_t{1} << 16;

  // A connectionless call under way: it shows that somebody serves it when it is answered.
  struct OpenCall {
    ServedEndpoint endpoint;
    IpAddress client;
    Timestamp time;
  };

  [[nodiscard]] EndpointSighting* note(const ServedEndpoint& endpoint, Timestamp time);
  EndpointSighting* note_bound(const ServedEndpoint& endpoint, const IpAddress& client,
                               Timestamp time);
  bool mark_listed(const ServedEndpoint& endpoint, const policy::ListedEndpoint& listed);

  Endpoints endpoints_;
  SlotTable<EndpointSighting*> of_contexts_;      // by ContextKey::slot
  std::map<std::uint32_t, OpenCall> open_calls_;  // by CallKey::slot, so at most as many
  std::uint64_t overflow_ = 0;
};

// One record, `rpc_endpoint`, a line.
void write_endpoints_json(const EndpointInventory& inventory, const RecordMarks& marks,
                          OutputBuffer& out);
// A table for people.
void write_endpoints_text(const EndpointInventory& inventory, OutputBuffer& out);

}  // namespace rpcaudit::audit
