#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "engine/evaluate/evaluation_options.h"
#include "engine/evaluate/facts.h"
#include "engine/policy/policy.h"

namespace rpcaudit::evaluate {

// Whether a condition holds on the target, straight from the written form: the definition.
[[nodiscard]] Truth condition_truth(const policy::Condition& condition, const ContextFacts& context,
                                    const CallFacts& call, const policy::TargetProfile& profile,
                                    const Reading& reading);

// Whether the condition can never hold on the target, whatever the call: ranges of addresses.
[[nodiscard]] bool never_holds_on(const policy::Condition& condition,
                                  const policy::TargetProfile& profile) noexcept;
// Whether the target compares the bytes of the condition's IPv4 address in reverse.
[[nodiscard]] bool is_swapped_on(const policy::Condition& condition,
                                 const policy::TargetProfile& profile) noexcept;
[[nodiscard]] constexpr std::uint32_t byte_swapped(std::uint32_t value) noexcept {
  return value >> 24 | (value >> 8 & 0xff00) | (value << 8 & 0xff'0000) | value << 24;
}

// The fact that conditions on the field look at, for people; untrusted bytes made printable.
[[nodiscard]] std::string seen_text(policy::Field field, const ContextFacts& context,
                                    const CallFacts& call, const policy::TargetProfile& profile);

// The number that conditions on `protocol` compare; 0 for a protocol that netsh does not know.
[[nodiscard]] std::uint8_t protocol_number(dissect::ProtocolSequence protocol) noexcept;

// An authentication type of 9 (SPNEGO) that nothing resolved stands for any of these.
inline constexpr std::uint8_t kNegotiateType = 9;
inline constexpr std::array<std::uint8_t, 3> kNegotiableTypes{9, 10, 16};

// Cuts the run of adjacent conditions on one field off the front: alternatives of each other, on
// targets that have such; elsewhere a single condition.
[[nodiscard]] std::span<const policy::Condition> take_run(
    std::span<const policy::Condition>& conditions, const policy::TargetProfile& profile) noexcept;

}  // namespace rpcaudit::evaluate
