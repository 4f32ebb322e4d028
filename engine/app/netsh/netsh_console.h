#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/policy/netsh/filter_store.h"
#include "engine/policy/netsh/netsh_session.h"
#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"

namespace rpcaudit::app {

// A netsh session on a filter store: runs commands and answers them as netsh does.
//
// Filters go into the store; volatile ones stay there until it is told of a restart. Each command
// is a transaction of its own, or all those between begin() and end() one together.
class NetshConsole {
 public:
  enum class Result : std::uint8_t {
    done,
    refused,  // said in `problems`; nothing has changed
    broken,   // the store fails; said in `problems`
  };

  // Whose the rule is that waits for its `add filter`.
  enum class Rule : std::uint8_t {
    of_console,  // as netsh has it: it ends with the console
    of_store,    // another process may go on with it, and everybody has the same one
  };

  // Which filters the store takes.
  enum class Takes : std::uint8_t { all, volatile_ones };

  // Borrows the store. `file` is the name of what the commands come from, for places in messages;
  // empty where commands have no place.
  NetshConsole(policy::FilterStore& store, Rule rule, const std::string& file,
               Takes takes = Takes::all);
  NetshConsole(const NetshConsole&) = delete;
  NetshConsole& operator=(const NetshConsole&) = delete;

  // The file to read commands with (ScriptReader, script_line()).
  [[nodiscard]] static constexpr std::uint32_t file() noexcept { return 0; }
  [[nodiscard]] policy::Reporter& reporter() noexcept { return reporter_; }

  // What the commands answer is appended to `answers`, what is wrong with them to `problems`.
  [[nodiscard]] Result run(const policy::ScriptLine& line, std::string& answers,
                           std::string& problems);

  [[nodiscard]] bool begin(std::string& problems);
  [[nodiscard]] bool end(std::string& problems);

  // `netsh rpc filter>`, as the context is.
  [[nodiscard]] std::string prompt() const;
  void enter(policy::NetshContext context) noexcept { session_.enter(context); }
  // Whether a command has ended the session.
  [[nodiscard]] bool has_left() const noexcept { return has_left_; }
  // What the context that the last command entered has; empty when it entered none.
  [[nodiscard]] std::string_view entered_context_help() const noexcept;
  // Whether the last command opened a rule; whether one waits for its `add filter`.
  [[nodiscard]] bool opened_rule() const noexcept { return opened_rule_; }
  [[nodiscard]] bool has_pending() const noexcept { return session_.pending() != nullptr; }
  [[nodiscard]] std::size_t volatile_count() const noexcept { return volatile_count_; }

 private:
  [[nodiscard]] Result run_command(const policy::ScriptLine& line, std::string& answers,
                                   std::string& problems);
  [[nodiscard]] bool refresh();
  [[nodiscard]] bool load();
  [[nodiscard]] bool apply(const policy::NetshEffect& effect, std::string& answers);
  [[nodiscard]] bool add_filter(const policy::NetshEffect& effect, std::string& answers);
  [[nodiscard]] bool save_pending();
  void restore_pending(const std::string& script);
  [[nodiscard]] std::string pending_text() const;
  [[nodiscard]] std::string say_diagnostics(std::string& problems);
  Result fail(std::string& problems);

  policy::FilterStore& store_;
  policy::Policy policy_;
  std::vector<policy::Diagnostic> diagnostics_;  // of the last command
  policy::Reporter reporter_;
  policy::NetshSession session_;
  std::optional<std::int64_t> version_;  // of the store that policy_ has
  std::string stored_pending_;
  std::size_t volatile_count_ = 0;
  bool rule_is_of_store_ = false;
  bool has_places_ = false;
  Takes takes_;
  bool in_batch_ = false;
  bool opened_rule_ = false;
  bool entered_context_ = false;
  bool has_left_ = false;
  bool is_unreadable_ = false;  // something in the store
};

}  // namespace rpcaudit::app
