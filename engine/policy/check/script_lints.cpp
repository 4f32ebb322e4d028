#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/policy/check/linter.h"
#include "engine/policy/text/code_fences.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"
#include "engine/policy/text/shell_commands.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

bool is_netsh(std::string_view word) noexcept {
  return equal_ignoring_case(program_name(word), "netsh");
}

bool begins_with(std::span<const Word> words, std::string_view first, std::string_view second) {
  return words.size() >= 2 && equal_ignoring_case(words[0].text, first) &&
         equal_ignoring_case(words[1].text, second);
}

// How netsh would run the script, as far as it differs from how it is read.
class ScriptLinter {
 public:
  explicit ScriptLinter(Reporter& reporter) : reporter_(reporter) {}

  void take(const ScriptLine& line) {
    if (line.words.empty()) return;
    bool starts_netsh = false;
    const std::vector<ShellCommand> commands = shell_commands(line);
    for (const ShellCommand& command : commands) {
      starts_netsh = starts_netsh || is_netsh(command.words.front().text);
    }
    if (!starts_netsh) return take_command(line.words, line.span);
    for (const ShellCommand& command : commands) take_command(command.words, line.span);
  }

  // Whether netsh is to read the script, and not a shell that runs netsh.
  [[nodiscard]] bool is_for_netsh() const noexcept { return is_for_netsh_; }

 private:
  void take_command(std::span<const Word> words, const SourceSpan& span) {
    const bool is_process = is_netsh(words[0].text);
    if (is_process) words = words.subspan(1);
    const bool is_all_context = enter_contexts(words, is_process);
    if (is_process) {
      if (!is_all_context) take_process(words, span);
    } else if (is_all_context) {
      is_for_netsh_ = true;
    } else {
      take_bare(words, span);
    }
  }

  // Cuts `rpc`, `filter` off the front; true when nothing is left.
  bool enter_contexts(std::span<const Word>& words, bool is_process) {
    bool in_rpc = false;
    while (!words.empty()) {
      const std::string_view word = words.front().text;
      const bool is_rpc = equal_ignoring_case(word, "rpc");
      const bool is_filter =
          equal_ignoring_case(word, "filter") && (in_rpc || in_rpc_ || is_process);
      if (!is_rpc && !is_filter) break;
      in_rpc = in_rpc || is_rpc;
      if (is_filter) in_command_filter_ = true;
      words = words.subspan(1);
    }
    if (words.empty() && !is_process) {
      in_rpc_ = in_rpc_ || in_rpc;
      in_filter_ = in_filter_ || in_command_filter_;
    }
    reached_filter_ = std::exchange(in_command_filter_, false) || in_filter_;
    return words.empty();
  }

  // Each line a process: none of them knows of the rule that another opened.
  void take_process(std::span<const Word> words, const SourceSpan& span) {
    if (begins_with(words, "add", "rule")) opened_by_process_ = span;
    if (!begins_with(words, "add", "filter") || !opened_by_process_) return;
    reporter_.warning_once("separate-processes", *opened_by_process_,
                           "each line is a process of its own: the rule is lost when it ends, and "
                           "nothing is filtered",
                           "put the commands after a line `rpc filter` into a file for `netsh -f`");
  }

  // What `netsh -f` is given: it begins in the root context.
  void take_bare(std::span<const Word> words, const SourceSpan& span) {
    opened_by_process_.reset();
    const bool is_command =
        begins_with(words, "add", "rule") || begins_with(words, "filter", "add");
    is_for_netsh_ = is_for_netsh_ || is_command;
    if (!is_command || reached_filter_) return;
    reporter_.warning_once("netsh-f-context", span,
                           "`netsh -f` begins in the root context and refuses the command",
                           "begin the file with a line `rpc filter`");
  }

  Reporter& reporter_;
  bool is_for_netsh_ = false;  // it has commands of netsh without its name
  bool in_rpc_ = false;        // the session is in the context `rpc`
  bool in_filter_ = false;     // the session is in the context `rpc filter`
  bool in_command_filter_ = false;
  bool reached_filter_ = false;  // the command at hand runs in the context `rpc filter`
  std::optional<SourceSpan> opened_by_process_;
};

// Comment signs of batch files, which netsh may take for commands.
void lint_comments(const SourceText& source, std::uint32_t file, Reporter& reporter) {
  for (std::size_t i = 1; i <= source.line_count(); ++i) {
    std::string_view line = source.line(i);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    const bool is_batch =
        line.starts_with(';') || line.starts_with("::") || starts_with_ignoring_case(line, "rem ");
    if (!is_batch) continue;
    return reporter.note("comment-sign", {file, static_cast<std::uint32_t>(i), 1, 1},
                         "whether netsh passes over lines with this sign is not known",
                         "write comments with `#`, as netsh itself does in its dumps");
  }
}

// Of a Markdown page the blocks of code, whose lines keep their numbers.
SourceText script_of(const SourceText& text) {
  const std::vector<FencedBlock> blocks = code_fences(text);
  if (blocks.empty()) return text;
  std::vector<bool> kept(text.line_count(), false);
  for (const FencedBlock& block : blocks) {
    for (std::size_t line = block.first_line; line <= block.last_line; ++line)
      kept[line - 1] = true;
  }
  return text.with_lines(kept);
}

}  // namespace

void lint_script(const SourceText& file_text, std::uint32_t file,
                 std::vector<Diagnostic>& diagnostics) {
  const SourceText source = script_of(file_text);
  std::vector<Diagnostic> unused;  // what the reader has said already
  Reporter reading(unused);
  Reporter reporter(diagnostics);
  ScriptReader reader(source, file, reading);
  ScriptLinter linter(reporter);
  ScriptLine line;
  while (!reading.is_full() && reader.next(line)) linter.take(line);
  if (linter.is_for_netsh()) lint_comments(source, file, reporter);
  reporter.sort_by_line();
}

}  // namespace rpcaudit::policy
