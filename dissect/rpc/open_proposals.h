#pragma once

#include <cstdint>
#include <optional>

#include "capture/timestamp.h"
#include "dissect/rpc/pdus/pdu.h"
#include "dissect/store/intrusive_list.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

struct RpcSession;
struct ContextRecord;

// A bind or alter_context that waits for its answer.
struct OpenProposal {
  Timestamp since;
  Slot<RpcSession> session;
  std::uint32_t call_id = 0;
  bool is_bind = false;                       // else an alter_context
  std::optional<std::uint32_t> auth_context;  // the security context that its trailer names
  Slot<ContextRecord> first;  // the context of its first item; none when it has no item

  ListLinks<OpenProposal> by_age;      // in the list of all proposals
  ListLinks<OpenProposal> of_session;  // in the list of its session
};

// All proposals that wait for an answer. A server answers one after the other, so few are open on a
// session at once: they are found by going through its list. Bounded, for each session and over
// all: whoever adds makes room first.
class OpenProposals {
 public:
  // How many proposals of one session are open at once, at most.
  static constexpr std::uint32_t kOfSessionMax = 16;

  // The proposals of one session, which owns the list.
  struct List {
    IntrusiveList<OpenProposal, &OpenProposal::of_session> proposals;
    std::uint32_t count = 0;

    // None when no proposal is open.
    [[nodiscard]] Slot<OpenProposal> oldest() const noexcept { return proposals.oldest(); }
    [[nodiscard]] bool full() const noexcept { return count == kOfSessionMax; }
  };

  explicit OpenProposals(std::size_t capacity) : slots_(capacity) {}

  [[nodiscard]] bool full() const noexcept { return slots_.size() == slots_.capacity(); }
  [[nodiscard]] Slot<OpenProposal> oldest() const noexcept { return by_age_.oldest(); }
  OpenProposal& operator[](Slot<OpenProposal> slot) noexcept { return slots_[slot]; }
  const OpenProposal& operator[](Slot<OpenProposal> slot) const noexcept { return slots_[slot]; }

  // Adds a proposal. Not to be called when full(), or when the list is full.
  Slot<OpenProposal> add(Slot<RpcSession> session, const Pdu& pdu, List& list) noexcept;
  // The open proposal of this call id; none when the session has none.
  [[nodiscard]] Slot<OpenProposal> find(std::uint32_t call_id, const List& list) const noexcept;
  // The proposal that is answered, or none. Some peers answer under another call id: then the
  // answer is for the earliest that is open. Unless all of the association was seen, it may be for
  // one that is not known.
  [[nodiscard]] Slot<OpenProposal> find_answered(const RpcHeader& answer, const List& list,
                                                 bool all_seen) const noexcept;
  void remove(Slot<OpenProposal> slot, List& list) noexcept;

 private:
  Slab<OpenProposal> slots_;
  IntrusiveList<OpenProposal, &OpenProposal::by_age> by_age_;
};

}  // namespace rpcaudit::dissect
