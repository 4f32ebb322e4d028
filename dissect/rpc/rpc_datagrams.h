#pragma once

#include <cstdint>

#include "capture/frame.h"
#include "dissect/endpoint.h"
#include "dissect/limits.h"
#include "dissect/rpc/datagram_activities.h"
#include "dissect/rpc/datagram_contexts.h"
#include "dissect/rpc/pdus/rpc_connectionless.h"
#include "dissect/rpc/pending_calls.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/stubs/epm_stubs.h"

namespace rpcaudit::dissect {

// A UDP datagram. Borrows its payload.
struct UdpPayload {
  Endpoint source;
  Endpoint destination;
  Bytes bytes;               // as captured: at most `length`
  std::uint32_t length = 0;  // as the headers state
  Doubts doubts;             // where it was put together from fragments
};

// The state machine of the connectionless protocol (C706 10, 12.5): calls are known by activity and
// sequence number, not by ports, so an answer finds its call from whatever port or address it
// comes, and a fragment or retransmission finds it too, in whatever order they arrive.
//
// The slots of its contexts and calls begin where those of the connection-oriented protocol end
// (Limits::contexts, Limits::pending_calls), so that the observer sees one range of each.
class RpcDatagrams {
 public:
  RpcDatagrams(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
               std::uint64_t seed);

  // A UDP datagram that may_be_connectionless(). What turns out to be something else is passed
  // over.
  void add(const UdpPayload& datagram, const FrameReference& frame) noexcept;

  // Outcomes older than the window are given up.
  void expire(Timestamp now) noexcept;
  // Everything still open is resolved and told.
  void close_all() noexcept;

 private:
  using Pending = Slot<DatagramPendingCalls::Call>;

  // A PDU and where it came from.
  struct Received {
    DatagramHeader header;
    const UdpPayload& datagram;
    const FrameReference& frame;
  };

  void on_request(const Received& pdu) noexcept;
  void on_answer(const Received& pdu) noexcept;
  void on_client_note(const Received& pdu) noexcept;
  // `doubts` are of the call from its beginning.
  void tell_call(const Received& pdu, Slot<DatagramActivity> slot, Doubts doubts) noexcept;
  // Messages of endpoint mappers; `context` of their first fragment, nullptr for later ones.
  void read_mapper(const Received& pdu, const RpcContext* context, std::uint16_t opnum) noexcept;
  [[nodiscard]] static std::uint8_t protection_level(const Received& pdu) noexcept;
  void read_security(const Received& pdu, RpcCall& call) const noexcept;
  void resolve(Pending slot, Outcome outcome, std::uint32_t status,
               const FrameReference& frame) noexcept;
  void give_up(Pending slot) noexcept;
  void doubt(Pending slot, const Received& pdu, Doubts doubts) noexcept;
  void tell_other_reading(const Received& pdu, Slot<DatagramActivity> slot) noexcept;
  void tell_blindness(const Received& pdu, BlindnessKind kind, std::uint64_t bytes) noexcept;

  // The activity that a request belongs to, new or known.
  [[nodiscard]] Slot<DatagramActivity> use_activity(const Received& pdu) noexcept;
  [[nodiscard]] Slot<DatagramActivity> find_open(const Uuid& uuid, const IpAddress& client,
                                                 const IpAddress& server,
                                                 std::uint32_t sequence) const noexcept;
  void forget_activity(Slot<DatagramActivity> slot) noexcept;
  [[nodiscard]] Pending find_pending(Slot<DatagramActivity> slot,
                                     std::uint32_t sequence) const noexcept {
    return pending_.find(slot, sequence, activities_[slot].calls);
  }
  [[nodiscard]] CallKey key_of(Pending slot) const noexcept;

  const Limits& limits_;
  RpcObserver& observer_;
  DissectStatistics& statistics_;
  DatagramActivities activities_;
  DatagramContexts contexts_;
  DatagramPendingCalls pending_;
  EpmStubs mapper_stubs_;
};

}  // namespace rpcaudit::dissect
