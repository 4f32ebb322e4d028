#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "engine/audit/event/event_sink.h"
#include "engine/audit/event/identity_store.h"
#include "engine/audit/event/pending_queue.h"
#include "engine/audit/event/slot_pool.h"
#include "engine/audit/tally/announced_endpoints.h"
#include "engine/audit/tally/audit_tally.h"
#include "engine/audit/traffic_judge.h"

namespace rpcaudit::audit {

struct AuditOptions {
  const evaluate::ServerPolicies* policies = nullptr;  // borrowed; without any nothing is judged
  // Contexts and every call, not only those that would change or that audit=enable asks for.
  bool write_all = false;
  bool mark_findings = false;  // what would be blocked or is undecidable is an rpc_audit record
  bool write_blindness = false;
  std::size_t records_waiting_max = std::size_t{1} << 18;  // then the oldest is written as it is
};

// The observer that turns what the dissector tells into records: judges each call at its request,
// holds its record until the outcome is known and writes records in the order of their Positions.
//
// All its memory is bounded by Limits and AuditOptions and taken when first needed; the steady
// state allocates nothing.
class Auditor : public dissect::RpcObserver {
 public:
  // What is kept for each slot of the dissector, and for each record that waits.
  [[nodiscard]] static dissect::SlotBytes bytes_of_slots() noexcept;
  [[nodiscard]] static std::size_t bytes_of_record() noexcept;

  // Borrows the sink. `limits` must be those of the dissector.
  Auditor(const dissect::Limits& limits, const AuditOptions& options, EventSink& sink);

  void on_context(const dissect::RpcContext& context) override;
  void on_context_result(const dissect::RpcContext& context) override;
  void on_context_closed(dissect::ContextKey key) override;
  void on_approach(std::uint32_t slot) noexcept override {
    if (judge_) judge_->prefetch(slot);
  }
  void on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) override;
  void on_outcome(const dissect::RpcOutcome& outcome) override;
  void on_doubt(dissect::CallKey call, dissect::Doubts doubts) override;
  void on_blindness(const dissect::Blindness& blindness) override;
  void on_endpoint(const dissect::EndpointEntry& entry) override;
  void on_opening(const dissect::TcpOpening& opening) override;
  void on_opening_answer(const dissect::TcpOpening& opening) override;
  void on_closing(const dissect::TcpClosing& closing) override;
  void on_watermark(std::uint64_t sequence) override;

  [[nodiscard]] const AuditTally& tally() const noexcept { return tally_; }

  // No record written from here on has a frame before this one.
  [[nodiscard]] std::uint64_t safe_before() const noexcept {
    return queue_.empty() ? watermark_
                          : std::min(watermark_, queue_[queue_.head()].position.sequence);
  }
  // From the next call on these policies judge, which follow those before (ServerPolicies) and are
  // borrowed. Records that wait keep their verdicts (TrafficJudge::take_over). Only where there
  // were policies before.
  void take_over(const evaluate::ServerPolicies& policies);
  // Writes the records of frames before this one as they are: outcomes are not waited for.
  void give_up_before(std::uint64_t sequence);

 private:
  // What records say of a context, kept until the last of them is written.
  struct RetainedContext {
    ContextInfo info;
    std::uint32_t references = 0;  // the open context's own, and one for each record that waits
    std::uint32_t open_slot = 0;   // in open_
  };
  // A context that the dissector has not closed; by ContextKey::slot.
  struct OpenContext {
    std::uint32_t retained = kNoSlot;         // in retained_
    std::uint32_t identity = kNoSlot;         // in identities_: the last one met on it
    std::uint32_t awaiting_result = kNoSlot;  // in queue_: its own record, until its result is told
  };
  // A call that waits for its outcome; by CallKey::slot.
  struct OpenCall {
    std::uint32_t event = kNoSlot;    // in queue_, where it has a record
    std::uint32_t context = kNoSlot;  // in open_, where it was judged
  };
  // A TCP connection that is being opened; by TcpOpening::slot.
  struct OpenConnection {
    std::uint32_t event = kNoSlot;  // in queue_
  };

  // A place for what records say of a context. Records of closed contexts are given up where there
  // is none.
  [[nodiscard]] std::uint32_t take_retained();
  // Takes a place in the queue; the oldest record is given up where there is none.
  [[nodiscard]] std::uint32_t add_event(dissect::Position position);
  // A reference to a copy of the identity, which the context remembers for its next records.
  [[nodiscard]] std::uint32_t intern_identity(OpenContext& open,
                                              const dissect::SecurityIdentity& identity);
  // Adds the record of a call; returns its place in the queue.
  std::uint32_t queue_call(const dissect::RpcContext& context, const dissect::RpcCall& call,
                           const std::optional<Judgement>& judgement);
  // Whether the record says that something would change.
  [[nodiscard]] bool is_reported(const evaluate::Verdict& verdict) const noexcept {
    return options_.mark_findings && verdict.action != evaluate::VerdictAction::would_permit;
  }
  // What a refused proposal shows of the policy, where that would have refused it.
  void note_refusal(const dissect::RpcContext& context, PendingEvent& event);
  // Gives back a reference; the last one frees the place.
  void release_context(std::uint32_t retained);
  // Brings into the cache what the next records need.
  void look_ahead() noexcept;
  void give_up_head();
  void write_head();

  AuditOptions options_;
  EventSink& sink_;
  AuditTally tally_;
  std::optional<TrafficJudge> judge_;  // counts into tally_; only with policies
  PendingQueue queue_;
  SlotTable<OpenContext> open_;
  SlotPool<RetainedContext> retained_;
  SlotTable<OpenCall> open_calls_;
  SlotTable<OpenConnection> open_connections_;
  IdentityStore identities_;
  AnnouncedEndpoints announced_;
  std::uint64_t watermark_ = 0;
};

}  // namespace rpcaudit::audit
