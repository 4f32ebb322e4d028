#pragma once

#include <cstdint>

namespace rpcaudit::app {

// Lets the process have as many files open as the system allows it, and returns how many.
std::uint64_t raise_open_file_limit() noexcept;

}  // namespace rpcaudit::app
