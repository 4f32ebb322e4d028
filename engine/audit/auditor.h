#pragma once

#include <cstdint>
#include <optional>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "engine/audit/call_judge.h"
#include "engine/audit/endpoint_judge.h"
#include "engine/audit/event/event_sink.h"
#include "engine/audit/event/identity_store.h"
#include "engine/audit/event/pending_queue.h"
#include "engine/audit/event/slot_pool.h"
#include "engine/audit/tally/announced_endpoints.h"
#include "engine/audit/tally/audit_tally.h"
#include "engine/audit/tally/control_monitor.h"

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
  // Borrows the sink. `limits` must be those of the dissector.
  Auditor(const dissect::Limits& limits, const AuditOptions& options, EventSink& sink);

  void on_context(const dissect::RpcContext& context) override;
  void on_context_result(const dissect::RpcContext& context) override;
  void on_context_closed(dissect::ContextKey key) override;
  void on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) override;
  void on_outcome(const dissect::RpcOutcome& outcome) override;
  void on_blindness(const dissect::Blindness& blindness) override;
  void on_endpoint(const dissect::EndpointEntry& entry) override;
  void on_opening(const dissect::TcpOpening& opening) override;
  void on_opening_answer(const dissect::TcpOpening& opening) override;
  void on_closing(const dissect::TcpClosing& closing) override;
  void on_watermark(std::uint64_t sequence) override;

  [[nodiscard]] const AuditTally& tally() const noexcept { return tally_; }

  // Writes the records of frames before this one as they are: outcomes are not waited for.
  void give_up_before(std::uint64_t sequence);

  // No record written from here on has a frame before this one.
  [[nodiscard]] std::uint64_t safe_before() noexcept {
    return queue_.empty() ? watermark_ : queue_[queue_.head()].position.sequence;
  }

 private:
  // A context whose records may outlive it.
  struct KeptContext {
    ContextInfo info;
    std::uint32_t references = 0;
    std::uint32_t key_slot = 0;
  };
  struct OpenContext {
    std::uint32_t kept = kNothing;
    std::uint32_t identity = kNothing;    // the last one met on it
    std::uint32_t unresolved = kNothing;  // its own event, while that waits for the result
  };

  [[nodiscard]] std::uint32_t add_event(dissect::Position position);
  [[nodiscard]] std::uint32_t keep_identity(OpenContext& open,
                                            const dissect::SecurityIdentity& identity);
  [[nodiscard]] std::optional<Judgement> judge(const dissect::RpcContext& context,
                                               const dissect::RpcCall& call);
  // What an endpoint mapper was asked, for what follows from its answer.
  void follow_lookup(const dissect::RpcContext& context, const dissect::RpcCall& call,
                     const Judgement& judgement);
  void queue_call(const dissect::RpcContext& context, const dissect::RpcCall& call,
                  const std::optional<Judgement>& judgement, bool reported);
  // What a refused proposal shows of the policy, where that would have refused it.
  void note_refusal(const dissect::RpcContext& context, PendingEvent& event);
  void release_context(std::uint32_t kept);
  void look_ahead() noexcept;
  void give_up_head();
  void write_head();

  AuditOptions options_;
  EventSink& sink_;
  std::optional<CallJudge> judge_;
  std::optional<EndpointJudge> endpoint_judge_;
  PendingQueue queue_;
  SlotTable<OpenContext> open_;
  SlotPool<KeptContext> kept_;
  SlotTable<std::uint32_t> events_of_calls_;     // by CallKey::slot: event + 1, 0 without one
  SlotTable<std::uint32_t> events_of_openings_;  // by TcpOpening::slot, likewise
  IdentityStore identities_;
  AuditTally tally_;
  ControlMonitor monitor_{tally_.other_controls};
  std::optional<LookupChain> chain_;  // sums into tally_; where there are filters of layer epmap
  AnnouncedEndpoints announced_;
  std::uint64_t watermark_ = 0;
};

}  // namespace rpcaudit::audit
