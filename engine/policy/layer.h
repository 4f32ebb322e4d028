#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rpcaudit::policy {

// The RPC layers of the filtering platform, as `netsh rpc filter add rule layer=` names them.
enum class Layer : std::uint8_t { um, epmap, ep_add, proxy_conn, proxy_if };

inline constexpr std::size_t kLayerCount = 5;

enum class Action : std::uint8_t {
  permit,
  block,
  continue_,  // NOLINT(readability-identifier-naming): the word itself is taken
};

[[nodiscard]] std::string_view to_string(Layer layer) noexcept;
[[nodiscard]] std::string_view to_string(Action action) noexcept;  // `continue_` prints `continue`
// Case-insensitive; exact token only.
[[nodiscard]] std::optional<Layer> parse_layer(std::string_view token) noexcept;
[[nodiscard]] std::optional<Action> parse_action(std::string_view token) noexcept;

}  // namespace rpcaudit::policy
