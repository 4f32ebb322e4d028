#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dissect/limits.h"
#include "dissect/rpc/association.h"
#include "dissect/rpc/pdus/pdu.h"
#include "dissect/rpc/pdus/rpc_bind.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/store/intrusive_list.h"
#include "dissect/store/keyed_slab.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

struct ContextId;

// A presentation context as it is kept. `context` is what observers are lent.
struct ContextRecord {
  RpcContext context;
  ListLinks<ContextRecord> links;        // in the list of its association
  ListLinks<ContextRecord> idle_links;   // in the LRU list of contexts that may be evicted
  ListLinks<ContextRecord> of_id;        // in the list of its id
  Slot<ContextId> id;                    // its id, until it is superseded
  Slot<ContextRecord> next_in_proposal;  // in the order of the items
  std::uint32_t open_calls = 0;          // calls on it that wait for their outcome
  std::uint32_t generation = 0;
  bool superseded = false;  // another context took its id: closed when no call is open
  bool resolved = false;    // on_context_result was told, or there is nothing to tell

  // Whether calls on it are served, as far as is known.
  [[nodiscard]] bool is_usable() const noexcept {
    return context.result == ContextResult::accepted || context.origin == ContextOrigin::implied;
  }
  // Whether it may be evicted.
  [[nodiscard]] bool is_idle() const noexcept { return resolved && open_calls == 0; }
};

// The presentation contexts of one association.
struct ContextList {
  using Idle = IntrusiveList<ContextRecord, &ContextRecord::idle_links>;

  std::uint32_t association = 0;  // a number that no other open association has
  std::uint32_t count = 0;
  Slot<ContextRecord> recent;  // context for recent_id (one-entry cache)
  std::uint16_t recent_id = 0;
  IntrusiveList<ContextRecord, &ContextRecord::links> all;
  Idle usable;   // LRU
  Idle refused;  // LRU
};

// What is known of one context id of one association.
struct ContextId {
  std::uint32_t association = 0;
  std::uint16_t id = 0;
  IntrusiveList<ContextRecord, &ContextRecord::of_id> contexts;  // all but superseded ones
  Slot<ContextRecord> accepted;                                  // the one accepted last
  Slot<ContextRecord> refused;                                   // the one refused last
};

// What a bind or alter_context says besides its items.
struct Proposal {
  const Pdu& pdu;
  std::optional<AuthNumbers> auth;
  SecurityIdentity identity;
};

// The presentation contexts of all associations: proposed by bind and alter_context, answered by
// position, used by context id. Tells the observer of each. Bounded, for each association and over
// all: among contexts without an open call, evicts the one refused the longest ago, or else the
// least recently used, and counts it. Each step takes constant time, however full a table is.
class PresentationContexts {
 public:
  PresentationContexts(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                       std::uint64_t seed);

  // Adds the items of a bind or alter_context as far as `reader` shows them and room is left.
  // Returns the first of them, by which the proposal is answered.
  Slot<ContextRecord> propose(ContextList& list, const Association& association,
                              const Proposal& proposal, BindReader& reader) noexcept;
  // The results of a bind_ack or alter_context_response, in the order of the items from `first` on,
  // which becomes the first item without a result. Returns whether any was accepted.
  bool answer(ContextList& list, const Association& association, Slot<ContextRecord>& first,
              const SecurityIdentity& identity, BindAckReader& reader) noexcept;
  // A bind_nak refuses every item: nothing is left to answer.
  void refuse(ContextList& list, const Association& association, Slot<ContextRecord> first,
              const SecurityIdentity& identity, std::uint16_t reason) noexcept;
  // A fault in answer to an alter_context gives no results.
  void note_fault(Slot<ContextRecord> first, std::uint32_t status) noexcept;
  // No answer will come to the items from `first` on: they are told without a result.
  void end(ContextList& list, const Association& association, Slot<ContextRecord> first,
           const SecurityIdentity& identity) noexcept;

  // A context that calls name but that nobody was seen to propose; none when no room is left.
  Slot<ContextRecord> imply(ContextList& list, const Association& association, const Pdu& pdu,
                            std::uint16_t context_id) noexcept;

  // The context that a call under this id means; none when there is no such id.
  [[nodiscard]] Slot<ContextRecord> find(ContextList& list, std::uint16_t context_id) noexcept {
    if (!list.recent || list.recent_id != context_id) {
      list.recent = search(list, context_id);
      list.recent_id = context_id;
    }
    return list.recent;
  }

  // Brings what a call on the context used last needs into the cache.
  void prefetch_recent(const ContextList& list) const noexcept {
    if (!list.recent) return;
    contexts_.prefetch(list.recent, sizeof(ContextRecord));
    observer_.on_approach(list.recent.index);
  }

  // A call on the context begins to wait for its outcome; a call waits no longer.
  void add_call(ContextList& list, Slot<ContextRecord> slot) noexcept;
  void remove_call(ContextList& list, Slot<ContextRecord> slot) noexcept;

  void close_all(ContextList& list) noexcept;

  const ContextRecord& operator[](Slot<ContextRecord> slot) const noexcept {
    return contexts_[slot];
  }

  // Contexts that can still be added before others have to be closed to make room.
  [[nodiscard]] std::size_t free() const noexcept {
    return contexts_.capacity() - contexts_.size();
  }

 private:
  // How many contexts one association may have now.
  [[nodiscard]] std::size_t most_of_one() const noexcept;
  [[nodiscard]] Slot<ContextRecord> add(ContextList& list) noexcept;
  [[nodiscard]] Slot<ContextRecord> search(const ContextList& list,
                                           std::uint16_t context_id) const noexcept;
  [[nodiscard]] Slot<ContextId> find_id(const ContextList& list,
                                        std::uint16_t context_id) const noexcept;
  [[nodiscard]] std::uint64_t hash(const ContextList& list,
                                   std::uint16_t context_id) const noexcept;
  void name(const ContextList& list, Slot<ContextRecord> slot, std::uint16_t context_id) noexcept;
  void unname(Slot<ContextRecord> slot) noexcept;
  [[nodiscard]] static ContextList::Idle& idle_list(ContextList& list,
                                                    const ContextRecord& record) noexcept {
    return record.is_usable() ? list.usable : list.refused;
  }
  void resolve(ContextList& list, const Association& association, Slot<ContextRecord> slot,
               const SecurityIdentity& identity) noexcept;
  void take_meaning(ContextList& list, Slot<ContextRecord> slot) noexcept;
  void supersede(ContextList& list, Slot<ContextRecord> slot) noexcept;
  void close(ContextList& list, Slot<ContextRecord> slot) noexcept;

  const Limits& limits_;
  RpcObserver& observer_;
  DissectStatistics& statistics_;
  Slab<ContextRecord> contexts_;
  KeyedSlab<ContextId> ids_;  // at most one for each context
  std::array<std::uint64_t, 2> secrets_{};
};

}  // namespace rpcaudit::dissect
