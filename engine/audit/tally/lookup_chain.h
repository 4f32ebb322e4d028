#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "engine/audit/event/epm_listing.h"
#include "engine/audit/event/learned_endpoint.h"
#include "engine/audit/event/slot_pool.h"

namespace rpcaudit::audit {

// Tells what filters would hide of the answer to a look-up that names no interface.
class ListingFilter {
 public:
  ListingFilter() = default;
  ListingFilter(const ListingFilter&) = delete;
  ListingFilter& operator=(const ListingFilter&) = delete;
  virtual ~ListingFilter() = default;

  // The filter that would block the same look-up if it asked for the interface; kNoFilter if none
  // surely would.
  [[nodiscard]] virtual std::uint32_t blocks(const EpmListing& listing,
                                             const dissect::SyntaxId& interface) = 0;
};

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

  // Merges the consequences that another shard found.
  void add(const LookupConsequences& more);
  // The endpoints with later calls, the most calls first; then by endpoint. `listed`: endpoints
  // from the answer to a look-up that named no interface; otherwise endpoints that were asked for.
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
  // What is kept of each context.
  [[nodiscard]] static constexpr std::size_t bytes_of_context() noexcept {
    return sizeof(ContextUse);
  }

  // Borrows the filter, and where the sums go.
  LookupChain(const dissect::Limits& limits, ListingFilter& filter, LookupConsequences& sums);

  // A look-up for the interface that would be blocked by the filter. `source` is what its answer
  // will be: mapped or listed.
  void note_hidden(const dissect::RpcContext& mapper, dissect::EndpointSource source,
                   const dissect::SyntaxId& interface, std::uint32_t policy, std::uint32_t filter);
  // A look-up that names no interface. Its answer is the next one that lists anything.
  void note_listing(const dissect::RpcContext& mapper, EpmListing listing);
  // Answers to look-ups before this say nothing: other filters judge from here on.
  void forget_questions() noexcept;
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

  ListingFilter& filter_;
  LookupConsequences& sums_;
  std::map<Question, Hiding> questions_;
  std::map<Asker, EpmListing> listings_;  // the last one of each
  SlotTable<ContextUse> contexts_;
};

}  // namespace rpcaudit::audit
