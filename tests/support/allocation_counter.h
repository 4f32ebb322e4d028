#pragma once

#include <cstdint>

namespace rpcaudit::test {

// How often memory was asked for by operator new since the program began, on any thread.
// Always 0 where counting is off (sanitizers replace the allocator themselves).
[[nodiscard]] std::uint64_t allocations() noexcept;
[[nodiscard]] bool allocations_are_counted() noexcept;

}  // namespace rpcaudit::test
