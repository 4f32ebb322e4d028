#pragma once

#include <string_view>

namespace rpcaudit::app {

// Of the program, as CMakeLists.txt has it.
inline constexpr std::string_view kVersion = RPCAUDIT_VERSION;

}  // namespace rpcaudit::app
