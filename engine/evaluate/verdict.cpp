#include "engine/evaluate/verdict.h"

#include <array>

namespace rpcaudit {
namespace {

constexpr std::array<std::string_view, 3> kActionNames{"would_permit", "would_block",
                                                       "undecidable"};
constexpr std::array<std::string_view, 2> kControlNames{"none", "rpc_filter"};

}  // namespace

std::string_view to_string(VerdictAction action) noexcept {
  return kActionNames[static_cast<std::size_t>(action)];
}

std::string_view to_string(Control control) noexcept {
  return kControlNames[static_cast<std::size_t>(control)];
}

}  // namespace rpcaudit
