#include "engine/policy/layer.h"

#include "engine/policy/text/enum_names.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr EnumNames<Layer, kLayerCount> kLayerNames("um", "epmap", "ep_add", "proxy_conn",
                                                    "proxy_if");
constexpr EnumNames<Action, 3> kActionNames("permit", "block", "continue");

}  // namespace

std::string_view to_string(Layer layer) noexcept { return kLayerNames[layer]; }

std::string_view to_string(Action action) noexcept { return kActionNames[action]; }

std::optional<Layer> parse_layer(std::string_view token) noexcept {
  return kLayerNames.find(token, equal_ignoring_case);
}

std::optional<Action> parse_action(std::string_view token) noexcept {
  return kActionNames.find(token, equal_ignoring_case);
}

}  // namespace rpcaudit::policy
