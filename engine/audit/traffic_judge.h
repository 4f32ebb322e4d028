#pragma once

#include <optional>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "engine/audit/call_judge.h"
#include "engine/audit/endpoint_judge.h"
#include "engine/audit/event/slot_pool.h"
#include "engine/audit/tally/audit_tally.h"
#include "engine/audit/tally/control_monitor.h"
#include "engine/audit/tally/lookup_chain.h"

namespace rpcaudit::audit {

// All that the policies say of the traffic, and all that has to be remembered of it for that: calls
// by CallJudge, what they ask an endpoint mapper by EndpointJudge, the calls that follow from such
// look-ups by LookupChain, and what the other controls need to know of earlier traffic by
// ControlMonitor.
class TrafficJudge {
 public:
  // What is kept of each context.
  [[nodiscard]] static std::size_t bytes_of_context() noexcept;

  // Borrows the policies, and the tally, which counts what is judged. `limits` must be those of the
  // dissector.
  TrafficJudge(const dissect::Limits& limits, const evaluate::ServerPolicies& policies,
               AuditTally& tally);

  // From here on these policies judge, which follow those before (ServerPolicies) and are borrowed.
  // What was remembered of earlier traffic stays where it does not depend on the policies: who
  // authenticates look-ups, which connections are open, which endpoints were learned by a look-up.
  // Look-ups that wait for their answer are forgotten.
  void take_over(const evaluate::ServerPolicies& policies);

  // To be called with each context, when it appears.
  void note_context(const dissect::RpcContext& context);
  // Judges a call, and counts the verdict.
  [[nodiscard]] std::optional<Judgement> judge(const dissect::RpcContext& context,
                                               const dissect::RpcCall& call);
  // Judges a call anew that came into doubt after it was judged, and counts that verdict in place
  // of the first one.
  void judge_again(const dissect::RpcContext& context, const dissect::RpcCall& call,
                   Judgement& told);
  // Counts the new verdict on such a call that has no record, because it would have been permitted.
  void judge_unwritten(const dissect::RpcContext& context, dissect::Doubts doubts);
  // See CallJudge::judge_refused().
  [[nodiscard]] std::optional<RefusedContext> judge_refused(
      const dissect::RpcContext& refused) const {
    return by_->calls.judge_refused(refused);
  }
  // What IPsec rules say of a connection that a client opens; counted, and empty where they have
  // nothing to say.
  [[nodiscard]] std::optional<ConnectionEvent> judge_opening(const dissect::TcpOpening& opening);

  void note_endpoint(const dissect::EndpointEntry& entry);
  void note_opening_answer(const dissect::TcpOpening& opening);
  void note_closing(const dissect::TcpClosing& closing) { monitor_.note_closing(closing); }
  // The input has ended: the tally is complete after this.
  void finish();
  // Brings into the cache what a call on the context will need.
  void prefetch(std::uint32_t context_slot) const noexcept { contexts_.prefetch(context_slot); }

 private:
  // All that each call on a context needs, in one place.
  struct ContextEntry {
    ServerCounter::Sum sum;
    CallJudge::ContextState judged;
  };

  void begin_with(const evaluate::ServerPolicies& policies);
  // Remembers what follows from the answer to a look-up that was judged.
  void follow_lookup(const dissect::RpcContext& context, const dissect::RpcCall& call,
                     const Judgement& judgement);

  // The parts that other policies need anew.
  struct ByPolicies {
    ByPolicies(const evaluate::ServerPolicies& policies, ServerTable& table)
        : all(policies), calls(policies), endpoints(policies), servers(table) {}

    const evaluate::ServerPolicies& all;
    CallJudge calls;
    EndpointJudge endpoints;
    ServerCounter servers;
  };

  dissect::Limits limits_;
  AuditTally& tally_;
  SlotTable<ContextEntry> contexts_;    // by ContextKey::slot
  std::optional<ByPolicies> by_;        // never empty
  std::optional<LookupChain> lookups_;  // where there are filters of layer epmap
  ControlMonitor monitor_;
};

}  // namespace rpcaudit::audit
