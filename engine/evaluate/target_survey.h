#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/evaluate/compiled_policy.h"

namespace rpcaudit::evaluate {

// Tells which verdicts depend on the target: the policy compiled once for each variant that some
// target would judge it by. Variants that cannot matter to the policy's filters are left out, so
// that for most policies there are one or two. Immutable; any number of threads may share one.
class TargetSurvey {
 public:
  // `policy` is borrowed for the time of the call, the Policy that it was compiled from for longer.
  explicit TargetSurvey(const CompiledPolicy& policy);

  [[nodiscard]] std::size_t size() const noexcept { return variants_.size(); }

  // Narrows each variant for the context. No allocation once `narrowed` has grown to its largest
  // size.
  void narrow(const ContextFacts& context, std::vector<NarrowedPolicy>& narrowed) const;

  // As NarrowedPolicy::is_of_interface() and CompiledPolicy::names_client(), of all variants.
  [[nodiscard]] bool is_of_interface(const ContextFacts& context,
                                     const std::vector<NarrowedPolicy>& narrowed) const noexcept;
  [[nodiscard]] bool names_client(const IpAddress& client) const noexcept;

  // Notes in `verdict`, which is for the policy's own target, whether some target gives another
  // one, and what each gives. `narrowed` is for the context.
  void compare(const std::vector<NarrowedPolicy>& narrowed, const ContextFacts& context,
               const CallFacts& call, Verdict& verdict) const noexcept;

  // Leaves in `range` the numbers that no variant tells apart. `narrowed` is for the context.
  void split(const std::vector<NarrowedPolicy>& narrowed, const ContextFacts& context,
             OpnumRange& range) const noexcept;

 private:
  // Bit `1 << ProtocolSequence`.
  using ProtocolSet = std::uint8_t;
  static constexpr ProtocolSet protocol_bit(dissect::ProtocolSequence protocol) noexcept {
    return static_cast<ProtocolSet>(1u << static_cast<unsigned>(protocol));
  }
  // The protocol sequences on which versions that differ in the row can differ in a verdict.
  static constexpr ProtocolSet protocols_of(policy::Difference difference) noexcept {
    switch (difference) {
      case policy::Difference::datagrams:
        return protocol_bit(dissect::ProtocolSequence::ncadg_ip_udp);
      case policy::Difference::pipe_addresses:
        return protocol_bit(dissect::ProtocolSequence::ncacn_np);
      default: return 0xff;
    }
  }

  struct Variant {
    CompiledPolicy policy;
    ProtocolSet protocols = 0;            // of the calls that it may judge otherwise
    std::vector<policy::Target> targets;  // that judge by it

    [[nodiscard]] bool concerns(const ContextFacts& context) const noexcept {
      return (protocols & protocol_bit(context.protocol)) != 0;
    }
  };

  std::vector<Variant> variants_;
};

}  // namespace rpcaudit::evaluate
