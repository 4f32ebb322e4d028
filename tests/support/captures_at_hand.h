#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace rpcaudit::test {

// The captures of pcaps/, and those below the folder that RPCAUDIT_CORPUS names, as long as they
// are smaller than `bytes_max`; in order.
[[nodiscard]] std::vector<std::filesystem::path> captures_at_hand(std::uintmax_t bytes_max);

}  // namespace rpcaudit::test
