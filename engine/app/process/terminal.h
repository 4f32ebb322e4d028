#pragma once

#include <cstddef>

namespace rpcaudit::app {

// The columns of the terminal that the descriptor is: what COLUMNS says, otherwise what the
// terminal says, otherwise 80. 0 for what is no terminal.
[[nodiscard]] std::size_t terminal_columns(int descriptor);

}  // namespace rpcaudit::app
