#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "engine/evaluate/facts.h"
#include "engine/evaluate/reading.h"
#include "engine/policy/policy.h"

namespace rpcaudit {

// Whether a condition of the `um` layer holds, straight from the written form: the definition.
[[nodiscard]] Truth condition_truth(const Condition& condition, const ContextFacts& context,
                                    const CallFacts& call, const Reading& reading);

// The fact that conditions on the field look at, for people; untrusted bytes made printable.
[[nodiscard]] std::string seen_text(Field field, const ContextFacts& context,
                                    const CallFacts& call);

// The number that conditions on `protocol` compare; 0 for a protocol that netsh does not know.
[[nodiscard]] std::uint8_t protocol_number(ProtocolSequence protocol) noexcept;

// An authentication type of 9 (SPNEGO) that nothing resolved stands for any of these.
inline constexpr std::uint8_t kNegotiateType = 9;
inline constexpr std::array<std::uint8_t, 3> kNegotiableTypes{9, 10, 16};

// Cuts the run of adjacent conditions on one field off the front: alternatives of each other.
[[nodiscard]] std::span<const Condition> take_run(std::span<const Condition>& conditions) noexcept;

}  // namespace rpcaudit
