#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dissect/uuid.h"

namespace rpcaudit::policy {

// What the module DSInternals.RpcFilters calls interfaces, operations and numbers, when it prints
// filters and when it is told to make them.

// A UUID anywhere in the text, or a name of the module: `MS-DRSR`, `DirectoryReplicationService`.
[[nodiscard]] std::optional<Uuid> dsinternals_interface(std::string_view text) noexcept;

// An operation that has a name of its own there.
struct NamedOperation {
  std::string_view name;
  std::string_view interface_name;
  std::uint16_t opnum;
};
[[nodiscard]] const NamedOperation* dsinternals_operation(std::string_view name) noexcept;

// The number that a name or a decimal or hexadecimal number stands for.
[[nodiscard]] std::optional<std::uint64_t> dsinternals_transport(std::string_view text) noexcept;
[[nodiscard]] std::optional<std::uint64_t> dsinternals_auth_level(std::string_view text) noexcept;
[[nodiscard]] std::optional<std::uint64_t> dsinternals_auth_type(std::string_view text) noexcept;

}  // namespace rpcaudit::policy
