#pragma once

#include <cstdint>
#include <string_view>

namespace rpcaudit::audit {

// `nca_s_op_rng_error`, `ERROR_ACCESS_DENIED`, ... for the status of a fault or reject; empty when
// it has no name here (C706 appendix E; MS-ERREF 2.2 for what Windows sends instead).
[[nodiscard]] std::string_view status_name(std::uint32_t status) noexcept;

}  // namespace rpcaudit::audit
