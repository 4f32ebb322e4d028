#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dissect/uuid.h"

namespace rpcaudit::audit {

// An operation that an attack technique is known to use (MITRE ATT&CK). It says what a call can
// serve, not that a call is hostile.
struct AttackOperation {
  std::string_view technique;  // `T1187`
  Uuid interface;
  std::uint16_t opnum = 0;
  std::string_view what_for;
};

[[nodiscard]] std::span<const AttackOperation> attack_operations() noexcept;  // by technique
// Those of one technique, whose id is written as above; empty for one that is not known.
[[nodiscard]] std::span<const AttackOperation> attack_operations(
    std::string_view technique) noexcept;

// Those of an interface, by opnum; an operation may serve several techniques. Valid for ever.
[[nodiscard]] std::span<const AttackOperation> attack_operations(const Uuid& interface);

}  // namespace rpcaudit::audit
