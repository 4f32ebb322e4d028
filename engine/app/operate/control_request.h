#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit::app {

// A request is one line of JSON, at most so long: {"command":"status","format":"text"}. The answer
// is a JSON object, after which the monitor closes the connection.
inline constexpr std::size_t kRequestBytesMax = std::size_t{64} << 10;
inline constexpr std::size_t kAnswerBytesMax = std::size_t{16} << 20;

enum class ControlCommand : std::uint8_t { status, stats, reload, rotate, stop, netsh };
[[nodiscard]] std::string_view to_string(ControlCommand command) noexcept;
[[nodiscard]] std::optional<ControlCommand> parse_control_command(std::string_view word) noexcept;

struct ControlRequest {
  ControlCommand command = ControlCommand::status;
  bool as_json = false;
  std::vector<std::string> words = {};  // netsh: its command
  std::string script = {};              // netsh: commands, where there are no words

  bool operator==(const ControlRequest&) const = default;
};

// What the client prints and how it ends; see ExitStatus.
struct ControlAnswer {
  int status = 0;
  std::string out = {};
  std::string err = {};

  bool operator==(const ControlAnswer&) const = default;
};

// Text of either, without a line end inside. Nothing, and `error`, for a text that is none.
[[nodiscard]] std::string write_request(const ControlRequest& request);
[[nodiscard]] std::optional<ControlRequest> read_request(std::string_view line, std::string& error);
[[nodiscard]] std::string write_answer(const ControlAnswer& answer);
[[nodiscard]] std::optional<ControlAnswer> read_answer(std::string_view text);

}  // namespace rpcaudit::app
