#include "engine/policy/layer.h"

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::array<std::string_view, kLayerCount> kLayerNames{"um", "epmap", "ep_add",
                                                                "proxy_conn", "proxy_if"};
constexpr std::array<std::string_view, 3> kActionNames{"permit", "block", "continue"};

}  // namespace

std::string_view to_string(Layer layer) noexcept {
  return kLayerNames[static_cast<std::size_t>(layer)];
}

std::string_view to_string(Action action) noexcept {
  return kActionNames[static_cast<std::size_t>(action)];
}

std::optional<Layer> parse_layer(std::string_view token) noexcept {
  for (std::size_t i = 0; i < kLayerNames.size(); ++i) {
    if (equal_ignoring_case(token, kLayerNames[i])) return static_cast<Layer>(i);
  }
  return std::nullopt;
}

std::optional<Action> parse_action(std::string_view token) noexcept {
  for (std::size_t i = 0; i < kActionNames.size(); ++i) {
    if (equal_ignoring_case(token, kActionNames[i])) return static_cast<Action>(i);
  }
  return std::nullopt;
}

}  // namespace rpcaudit::policy
