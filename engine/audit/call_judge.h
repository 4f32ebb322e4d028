#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "dissect/rpc_observer.h"
#include "engine/audit/event/audit_event.h"
#include "engine/audit/known_narrowings.h"
#include "engine/audit/known_verdicts.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::audit {

// Whether calls on the context carry its interface: not when the server refused it.
[[nodiscard]] bool carries_interface(const dissect::RpcContext& context) noexcept;

// Whether the server of the context is taken to run Windows: as the settings say, otherwise unless
// the interface shows that it does not.
[[nodiscard]] bool runs_windows(const policy::HostSettings& host,
                                const dissect::RpcContext& context) noexcept;

// A verdict, and the policy it is of: an index into the ServerPolicies.
struct Judgement {
  std::uint32_t policy = 0;
  evaluate::Verdict verdict;
};

// What becomes of a call that is to be judged.
struct JudgeResult {
  std::optional<Judgement> judgement;  // empty where no policy is that of its server
  bool is_other_system = false;        // empty because the server does not run Windows
};

// Judges calls by the policy of their server: finds and narrows it when a context's first call
// comes, and remembers the verdicts of the last few kinds of call on each context.
class CallJudge {
 public:
  // A kind of call on a context, and its verdict.
  struct Known {
    std::uint64_t facts = 0;  // packed, all but the operation
    const policy::CallerToken* token = nullptr;
    const Uuid* app_id = nullptr;
    evaluate::OpnumRange opnums{0};
    std::uint32_t verdict = 0;  // in KnownVerdicts
  };
  // What is remembered of a context. Most calls need no more than what stands first.
  struct ContextState {
    std::uint32_t generation = 0;
    std::uint32_t policy = evaluate::kNoPolicy;
    std::uint32_t epoch = 0;  // of the verdicts
    bool narrowed = false;
    bool other_system = false;
    bool has_interface = false;    // the interface was known when the policy was narrowed
    bool has_server_name = false;  // the server's name of the pipe was known when it was narrowed
    std::uint8_t known_count = 0;
    std::uint8_t next = 0;  // entry of `known` to overwrite next
    std::array<Known, 4> known;
    evaluate::NarrowedPolicy narrow;
    evaluate::KnownCaller caller;
  };

  // What a context takes, with room for some filters that its calls are held against.
  [[nodiscard]] static std::size_t bytes_of_context() noexcept {
    constexpr std::size_t kNarrowed = 512;
    return sizeof(ContextState) + kNarrowed;
  }

  // Borrows the policies.
  explicit CallJudge(const evaluate::ServerPolicies& policies)
      : policies_(policies), narrowings_(policies) {}

  // `state` is that of the context's slot. Calls of which the wire leaves several readings are
  // judged by what all of them share.
  [[nodiscard]] JudgeResult judge(const dissect::RpcContext& context, const dissect::RpcCall& call,
                                  ContextState& state);
  // Judges a call over again that came into doubt after it was judged as `told`.
  [[nodiscard]] evaluate::Verdict judge_in_doubt(const dissect::RpcContext& context,
                                                 const dissect::RpcCall& call,
                                                 const Judgement& told);

  // Judges a refused proposal: what the settings of the server's RPC runtime say of any call on it,
  // had the server accepted it. Empty unless they would stop such a call.
  [[nodiscard]] std::optional<RefusedContext> judge_refused(
      const dissect::RpcContext& refused) const;

 private:
  void begin(const dissect::RpcContext& context, ContextState& state);
  // Judges a kind of call that is not known, and remembers it in place of the oldest one.
  const Known& evaluate(const dissect::RpcContext& context, const evaluate::CallFacts& call,
                        ContextState& state);

  const evaluate::ServerPolicies& policies_;
  KnownVerdicts verdicts_;
  KnownNarrowings narrowings_;
  // The survey of targets, narrowed for the context that needed it last and shares none. Not kept
  // with each context, which would be most of its memory for something that few of its calls need.
  std::vector<evaluate::NarrowedPolicy> variants_;
  std::optional<dissect::ContextKey> variants_of_;
  evaluate::NarrowedPolicy in_doubt_;
};

}  // namespace rpcaudit::audit
