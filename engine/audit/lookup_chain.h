#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "engine/audit/slot_pool.h"

namespace rpcaudit {

// An endpoint that a client learned by a look-up.
struct LearnedEndpoint {
  IpAddress client;
  IpAddress server;
  SyntaxId interface;
  TowerProtocol protocol = TowerProtocol::other;
  std::uint16_t port = 0;
  std::string pipe;  // without its prefix, in lower case

  auto operator<=>(const LearnedEndpoint&) const = default;
};

// Where an endpoint mapper told its asker that something is, and where a context's server is: to
// be compared. The interface is left out.
[[nodiscard]] LearnedEndpoint place_told(const EndpointEntry& entry);
[[nodiscard]] LearnedEndpoint place_used(const RpcContext& context);

// How long a client may go on using what it was told.
inline constexpr std::int64_t kLearnedAge = 3600 * kNanosecondsPerSecond;

// What would not have happened without that look-up.
struct LookupConsequence {
  std::uint32_t policy = 0;    // whose filter would hide it
  std::uint32_t filter = 0;    // index into its Policy::filters
  FrameReference lookup;       // the first answer that told the endpoint
  Timestamp learned;           // the last one
  std::uint64_t contexts = 0;  // that the client began there afterwards
  std::uint64_t calls = 0;     // on them
};

// By endpoint; at most so many, what finds no place is counted.
struct LookupConsequences {
  static constexpr std::size_t kEndpointsMax = 4096;

  std::map<LearnedEndpoint, LookupConsequence> endpoints;
  std::uint64_t overflow = 0;

  // Those of other hosts, or of other protocols of the same ones.
  void add(const LookupConsequences& more);
  // Those with later calls, the most calls first; then by endpoint.
  [[nodiscard]] std::vector<const std::pair<const LearnedEndpoint, LookupConsequence>*> sorted()
      const;
  [[nodiscard]] std::uint64_t calls() const;
};

// Joins look-ups that would be hidden with the later calls that found their server by them. A
// context that began before the look-up did not need it, nor does one that begins much later: an
// answer counts for an hour. Versions are compared by their major number.
//
// Look-ups and calls are joined when both are of connections or both are of datagrams.
class LookupChain {
 public:
  // Borrows where the sums go.
  LookupChain(const Limits& limits, LookupConsequences& sums);

  // A look-up that would be hidden by the filter.
  void note_hidden(const RpcContext& mapper, const SyntaxId& interface, std::uint32_t policy,
                   std::uint32_t filter);
  void note_answer(const EndpointEntry& entry);
  // When it appears: what is known then decides.
  void note_context(const RpcContext& context);
  void note_call(const RpcContext& context);

 private:
  struct Question {
    IpAddress client;
    IpAddress server;
    SyntaxId interface;
    bool by_datagram = false;

    auto operator<=>(const Question&) const = default;
  };
  struct ContextUse {
    LookupConsequence* consequence = nullptr;
    bool counted = false;  // among the contexts with calls
  };

  LookupConsequences& sums_;
  // And the policy and filter that would hide the answer.
  std::map<Question, std::pair<std::uint32_t, std::uint32_t>> questions_;
  SlotTable<ContextUse> contexts_;
};

}  // namespace rpcaudit
