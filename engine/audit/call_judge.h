#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dissect/rpc_observer.h"
#include "engine/audit/slot_pool.h"
#include "engine/evaluate/compiled_policy.h"
#include "engine/evaluate/target_survey.h"

namespace rpcaudit {

// Whether calls on the context carry its interface: not when the server refused it.
[[nodiscard]] bool carries_interface(const RpcContext& context) noexcept;

// Judges calls: narrows the policy when a context's first call comes, and remembers the verdicts
// of the last few kinds of call on each context.
class CallJudge {
 public:
  // Borrows policy and survey; without a survey Verdict::depends_on_target stays false.
  // `contexts_max` bounds ContextKey::slot.
  CallJudge(const CompiledPolicy& policy, const TargetSurvey* survey, std::size_t contexts_max);

  [[nodiscard]] Verdict judge(const RpcContext& context, const RpcCall& call);

  [[nodiscard]] const Policy& policy() const noexcept { return policy_.policy(); }

 private:
  struct Known {
    std::uint64_t facts = 0;  // packed; 0: empty
    Verdict verdict;
  };
  struct ContextState {
    std::uint32_t generation = 0;
    bool narrowed = false;
    bool has_interface = false;    // when it was narrowed
    bool has_server_name = false;  // of the pipe
    std::uint8_t next = 0;         // of `known` to overwrite
    std::array<Known, 4> known;
    NarrowedPolicy policy;
    std::vector<NarrowedPolicy> ways;  // of the survey
  };

  const CompiledPolicy& policy_;
  const TargetSurvey* survey_;
  SlotTable<ContextState> contexts_;
};

}  // namespace rpcaudit
