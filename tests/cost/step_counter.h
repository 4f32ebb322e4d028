#pragma once

#include <cstdint>

namespace rpcaudit::test {

// How many steps the dissector has taken: every piece of code without a branch is one. The
// dissector of this test program is compiled so that it counts them, so the number is the same on
// every machine, however busy it is.
[[nodiscard]] std::uint64_t steps_taken() noexcept;

}  // namespace rpcaudit::test
