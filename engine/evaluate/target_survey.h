#pragma once

#include <cstddef>
#include <vector>

#include "engine/evaluate/compiled_policy.h"

namespace rpcaudit {

// Tells which verdicts depend on the target: the policy compiled once for each way in which some
// target would judge it otherwise. Ways that cannot matter to the policy's filters are left out, so
// that for most policies there are one or two. Immutable; any number of threads may share one.
class TargetSurvey {
 public:
  // `policy` is borrowed for the time of the call, the Policy that it was compiled from for longer.
  explicit TargetSurvey(const CompiledPolicy& policy);

  [[nodiscard]] std::size_t size() const noexcept { return ways_.size(); }

  // Narrows each way for the context. No allocation once `narrowed` has grown to its largest size.
  void narrow(const ContextFacts& context, std::vector<NarrowedPolicy>& narrowed) const;

  // Whether some target gives another verdict than `verdict`, which is for the policy's own one.
  // `narrowed` is for the context.
  [[nodiscard]] bool depends(const std::vector<NarrowedPolicy>& narrowed,
                             const ContextFacts& context, const CallFacts& call,
                             const Verdict& verdict) const noexcept;

 private:
  struct Way {
    CompiledPolicy policy;
    bool only_datagrams = false;  // differs for datagram calls only

    [[nodiscard]] bool concerns(const ContextFacts& context) const noexcept {
      return !only_datagrams || context.protocol == ProtocolSequence::ncadg_ip_udp;
    }
  };

  std::vector<Way> ways_;
};

}  // namespace rpcaudit
