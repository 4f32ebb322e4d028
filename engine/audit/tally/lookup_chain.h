#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "engine/audit/event/listing.h"
#include "engine/audit/event/slot_pool.h"

namespace rpcaudit::audit {

class EndpointJudge;

// An endpoint that a client learned by a look-up.
struct LearnedEndpoint {
  IpAddress client;
  IpAddress server;
  dissect::SyntaxId interface;
  dissect::TowerProtocol protocol = dissect::TowerProtocol::other;
  std::uint16_t port = 0;
  std::string pipe;        // without its prefix, in lower case
  bool is_listed = false;  // in the answer to a look-up that named no interface

  auto operator<=>(const LearnedEndpoint&) const = default;
};

// Where an endpoint mapper told its asker that something is, and where a context's server is: to
// be compared. The interface is left out.
[[nodiscard]] LearnedEndpoint place_told(const dissect::EndpointEntry& entry);
[[nodiscard]] LearnedEndpoint place_used(const dissect::RpcContext& context);

// How long a client may go on using what it was told.
inline constexpr std::int64_t kLearnedAge = 3600 * kNanosecondsPerSecond;

// What would not have happened without that look-up.
struct LookupConsequence {
  std::uint32_t policy = 0;        // whose filter would hide it
  std::uint32_t filter = 0;        // index into its Policy::filters
  dissect::FrameReference lookup;  // the first answer that told the endpoint
  Timestamp learned;               // the last one
  std::uint64_t contexts = 0;      // that the client began there afterwards
  std::uint64_t calls = 0;         // on them
};

// By endpoint; at most so many, what finds no place is counted.
struct LookupConsequences {
  static constexpr std::size_t kEndpointsMax = 4096;

  std::map<LearnedEndpoint, LookupConsequence> endpoints;
  std::uint64_t overflow = 0;

  // Those of other hosts, or of other protocols of the same ones.
  void add(const LookupConsequences& more);
  // Those with later calls, the most calls first; then by endpoint. Either those that were asked
  // for or those that were listed.
  [[nodiscard]] std::vector<const std::pair<const LearnedEndpoint, LookupConsequence>*> sorted(
      bool listed) const;
  [[nodiscard]] std::uint64_t calls(bool listed) const;
};

// Joins look-ups that would be hidden with the later calls that found their server by them. A
// context that began before the look-up did not need it, nor does one that begins much later: an
// answer counts for an hour. Versions are compared by their major number. Nobody needs a look-up
// to find the mapper.
//
// Hidden is what a client asked for by name: by ept_map, or by ept_lookup with an interface. Of a
// look-up that names none no source tells whether filters hide entries of its answer. Those that
// they would hide from who asked for them are followed apart, and never counted with the others.
//
// Look-ups and calls are joined when both are of connections or both are of datagrams.
class LookupChain {
 public:
  // Borrows the judge, and where the sums go.
  LookupChain(const dissect::Limits& limits, EndpointJudge& judge, LookupConsequences& sums);

  // A look-up for the interface that would be blocked by the filter. `source` is what its answer
  // will be: mapped or listed.
  void note_hidden(const dissect::RpcContext& mapper, dissect::EndpointSource source,
                   const dissect::SyntaxId& interface, std::uint32_t policy, std::uint32_t filter);
  // A look-up that names no interface. Its answer is the next one that lists anything.
  void note_listing(const dissect::RpcContext& mapper, Listing listing);
  void note_answer(const dissect::EndpointEntry& entry);
  // When it appears: what is known then decides.
  void note_context(const dissect::RpcContext& context);
  void note_call(const dissect::RpcContext& context);

 private:
  struct Asker {
    IpAddress client;
    IpAddress server;
    bool by_datagram = false;

    auto operator<=>(const Asker&) const = default;
  };
  struct Question {
    Asker asker;
    dissect::EndpointSource source = dissect::EndpointSource::mapped;
    dissect::SyntaxId interface;

    auto operator<=>(const Question&) const = default;
  };
  // A policy, and the filter of it that would hide an answer.
  using Hiding = std::pair<std::uint32_t, std::uint32_t>;
  struct ContextUse {
    LookupConsequence* consequence = nullptr;
    bool counted = false;  // among the contexts with calls
  };

  [[nodiscard]] static Asker asker_of(const dissect::RpcContext& mapper) noexcept;
  void learn(const dissect::EndpointEntry& entry, const Hiding& hiding, bool listed);
  [[nodiscard]] LookupConsequence* find_fresh(const LearnedEndpoint& used, Timestamp now);

  EndpointJudge& judge_;
  LookupConsequences& sums_;
  std::map<Question, Hiding> questions_;
  std::map<Asker, Listing> listings_;  // the last one of each
  SlotTable<ContextUse> contexts_;
};

}  // namespace rpcaudit::audit
