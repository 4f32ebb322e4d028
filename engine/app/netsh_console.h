#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/policy/filter_store.h"
#include "engine/policy/netsh_session.h"
#include "engine/policy/policy.h"
#include "engine/policy/reporter.h"

namespace rpcaudit {

// A netsh session on a filter store: runs commands and answers them as netsh does.
//
// Persistent filters go into the store, volatile ones live as long as the console. The rule that
// waits for its `add filter` is the store's, so that another process may go on with it. Each
// command is a transaction of its own, or all those between begin() and end() one together.
class NetshConsole {
 public:
  enum class Result : std::uint8_t {
    done,
    refused,  // said in `problems`; nothing has changed
    left,     // the command ends the session
    broken,   // the store fails; said in `problems`
  };

  // Borrows the store. `file` is the name of what the commands come from, for places in messages;
  // empty where commands have no place.
  NetshConsole(FilterStore& store, const std::string& file);
  NetshConsole(const NetshConsole&) = delete;
  NetshConsole& operator=(const NetshConsole&) = delete;

  // The file to read commands with (ScriptReader, script_line()).
  [[nodiscard]] static constexpr std::uint32_t file() noexcept { return 0; }
  [[nodiscard]] Reporter& reporter() noexcept { return reporter_; }

  // What the commands answer is appended to `answers`, what is wrong with them to `problems`.
  [[nodiscard]] Result run(const ScriptLine& line, std::string& answers, std::string& problems);

  [[nodiscard]] bool begin(std::string& problems);
  [[nodiscard]] bool end(std::string& problems);

  // `netsh rpc filter>`, as the context is.
  [[nodiscard]] std::string prompt() const;
  void enter(NetshContext context) noexcept { session_.enter(context); }
  [[nodiscard]] bool has_pending() const noexcept { return session_.pending() != nullptr; }
  [[nodiscard]] std::size_t volatile_count() const noexcept { return volatile_count_; }

 private:
  [[nodiscard]] Result run_command(const ScriptLine& line, std::string& answers,
                                   std::string& problems);
  [[nodiscard]] bool refresh();
  [[nodiscard]] bool load();
  [[nodiscard]] bool apply(const NetshEffect& effect, std::string& answers, std::string& problems,
                           bool& refused);
  [[nodiscard]] bool add_filter(const NetshEffect& effect, std::string& answers,
                                std::string& problems, bool& refused);
  [[nodiscard]] bool save_pending();
  void restore_pending(const std::string& script);
  [[nodiscard]] std::string pending_text() const;
  bool say_diagnostics(std::string& problems);
  Result fail(std::string& problems);

  FilterStore& store_;
  Policy policy_;
  std::vector<Diagnostic> diagnostics_;  // of the last command
  Reporter reporter_;
  NetshSession session_;
  std::optional<std::int64_t> version_;  // of the store that policy_ has
  std::string stored_pending_;
  std::size_t volatile_count_ = 0;
  bool in_batch_ = false;
  bool has_places_ = false;
};

}  // namespace rpcaudit
