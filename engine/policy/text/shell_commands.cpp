#include "engine/policy/text/shell_commands.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::string_view kOperatorCharacters = "&|<>";

bool is(const Word& word, std::string_view text) {
  return !word.quoted && equal_ignoring_case(word.text, text);
}

// The length of the redirection operator that `text` begins with; 0 when it begins with none.
// A digit or `*` before it names the redirected stream.
std::size_t redirection_size(std::string_view text) noexcept {
  std::size_t size = 0;
  const bool names_stream =
      text.size() > 1 && (std::isdigit(static_cast<unsigned char>(text[0])) != 0 || text[0] == '*');
  if (names_stream && (text[1] == '>' || text[1] == '<')) size = 1;
  if (size >= text.size() || (text[size] != '>' && text[size] != '<')) return 0;
  const char direction = text[size++];
  if (size < text.size() && direction == '>' && text[size] == '>') ++size;
  return size;
}

// The length of the operator or of the plain text that `text` begins with.
std::size_t piece_size(std::string_view text) noexcept {
  if (text[0] == '&' || text[0] == '|') return text.size() > 1 && text[1] == text[0] ? 2 : 1;
  return std::min(text.find_first_of(kOperatorCharacters), text.size());
}

// Takes the operators out of words such as `/f>nul` and `2>&1`, so that each stands alone, and
// leaves out redirections together with their targets.
std::vector<Word> without_redirections(const std::vector<Word>& words, bool& reads_file) {
  std::vector<Word> pieces;
  bool target_follows = false;
  for (const Word& word : words) {
    if (word.quoted) {
      if (!std::exchange(target_follows, false)) pieces.push_back(word);
      continue;
    }
    std::size_t at = 0;
    while (at < word.text.size()) {
      const std::string_view rest = std::string_view(word.text).substr(at);
      const std::size_t redirection =
          at == 0 || rest[0] == '>' || rest[0] == '<' ? redirection_size(rest) : 0;
      if (redirection != 0) {
        reads_file = reads_file || rest.substr(0, redirection).ends_with('<');
        at += redirection;
        target_follows = true;
        // `2>&1`: the target is another stream.
        if (at < word.text.size() && word.text[at] == '&') ++at;
        continue;
      }
      const std::size_t size = piece_size(rest);
      if (!std::exchange(target_follows, false)) pieces.push_back(word.slice(at, size));
      at += size;
    }
  }
  return pieces;
}

bool is_any_of(const Word& word, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&word](std::string_view name) { return is(word, name); });
}

bool is_separator(const Word& word) {
  return is_any_of(word, {"&", "&&", "|", "||", "else", ";", "{", "}"});
}

// How many words the parenthesis has that PowerShell's conditions stand in.
std::size_t parenthesis_size(std::span<const Word> words) {
  std::ptrdiff_t depth = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& text = words[i].text;
    depth += std::count(text.begin(), text.end(), '(') - std::count(text.begin(), text.end(), ')');
    if (depth <= 0) return i + 1;
  }
  return words.size();
}

// How many words the condition behind `if` has.
std::size_t condition_size(std::span<const Word> words) {
  std::size_t at = 0;
  while (at < words.size() && (is(words[at], "/i") || is(words[at], "not"))) ++at;
  if (at >= words.size()) return words.size();
  if (words[at].text.starts_with('(')) return at + parenthesis_size(words.subspan(at));
  for (const std::string_view unary : {"exist", "errorlevel", "defined", "cmdextversion"}) {
    if (is(words[at], unary)) return std::min(at + 2, words.size());
  }
  // `A==B` in one word, or an operator between two.
  const std::string& first = words[at].text;
  const std::size_t equals = first.find("==");
  if (equals != std::string::npos) {
    const bool has_right_side = equals + 2 < first.size();
    return std::min(at + (has_right_side ? 1 : 2), words.size());
  }
  if (at + 1 < words.size() && words[at + 1].text.starts_with("==")) {
    const bool has_right_side = words[at + 1].text.size() > 2;
    return std::min(at + (has_right_side ? 2 : 3), words.size());
  }
  return std::min(at + 3, words.size());
}

std::size_t start_options_size(std::span<const Word> words) {
  std::size_t at = 0;
  if (at < words.size() && words[at].quoted) ++at;  // the title of the window
  while (at < words.size() && words[at].text.starts_with('/')) ++at;
  return at;
}

// Parentheses stand alone or at the borders of words: `(reg add ... /f)`.
void cut_parentheses(std::span<Word>& words) {
  while (!words.empty() && !words.front().quoted && words.front().text.starts_with('(')) {
    Word& word = words.front();
    if (word.text.size() > 1) {
      word = word.slice(1, word.text.size() - 1);
    } else {
      words = words.subspan(1);
    }
  }
  while (!words.empty() && !words.back().quoted && words.back().text.ends_with(')') &&
         words.back().text.find('(') == std::string::npos) {
    Word& word = words.back();
    if (word.text.size() > 1) {
      word = word.slice(0, word.text.size() - 1);
    } else {
      words = words.first(words.size() - 1);
    }
  }
}

// The words of a command that is handed over in quotation marks: `cmd /c "reg add ..."`.
std::vector<Word> words_within(const Word& word) {
  std::vector<Word> words;
  std::size_t at = 0;
  while ((at = word.text.find_first_not_of(' ', at)) != std::string::npos) {
    const std::size_t end = std::min(word.text.find(' ', at), word.text.size());
    words.push_back(word.slice(at, end - at));
    words.back().quoted = false;
    at = end;
  }
  return words;
}

// How many words say over what a loop runs: `for %%i in (...) do`, `foreach ($i in ...)`, `%`.
std::size_t loop_head_size(std::span<const Word> words) {
  if (is(words[0], "for")) {
    const auto keyword =
        std::find_if(words.begin(), words.end(), [](const Word& word) { return is(word, "do"); });
    if (keyword != words.end()) return static_cast<std::size_t>(keyword - words.begin()) + 1;
  }
  if (is_any_of(words[0], {"for", "foreach", "while"}) && words.size() > 1 &&
      words[1].text.starts_with('(')) {
    return 1 + parenthesis_size(words.subspan(1));
  }
  return is_any_of(words[0], {"for", "foreach", "while", "ForEach-Object", "%"}) ? 1 : 0;
}

// Strips what only says when or how the command runs. Nothing is left where a line ends behind a
// condition or the head of a loop.
ShellCommand simple_command(std::span<Word> words) {
  ShellCommand command;
  for (;;) {
    if (!words.empty() && loop_head_size(words) == 0) cut_parentheses(words);
    if (words.empty()) return command;
    const std::size_t before = words.size();
    if (is_any_of(words[0], {"if", "elseif"})) {
      words = words.subspan(1);
      words = words.subspan(condition_size(words));
      command.is_conditional = true;
    } else if (const std::size_t head = loop_head_size(words); head != 0) {
      words = words.subspan(head);
      command.is_in_loop = true;
    } else if (words.size() > 2 && words[0].text.starts_with('$') && words[1].text == "=") {
      words = words.subspan(2);
    } else if (is(words[0], "call") && words.size() > 1) {
      words = words.subspan(1);
    } else if (is(words[0], "start")) {
      words = words.subspan(1);
      words = words.subspan(start_options_size(words));
    } else if ((is(words[0], "cmd") || is(words[0], "cmd.exe")) && words.size() > 2 &&
               (is(words[1], "/c") || is(words[1], "/k"))) {
      words = words.subspan(2);
      if (words.size() == 1 && words[0].quoted) {
        command.words = words_within(words[0]);
        return command;
      }
    }
    if (words.size() == before) break;
  }
  command.words.assign(words.begin(), words.end());
  return command;
}

}  // namespace

std::string_view program_name(std::string_view word) noexcept {
  const std::size_t folder = word.find_last_of("\\/");
  if (folder != std::string_view::npos) word.remove_prefix(folder + 1);
  constexpr std::string_view kSuffix = ".exe";
  const bool has_suffix = word.size() > kSuffix.size() &&
                          equal_ignoring_case(word.substr(word.size() - kSuffix.size()), kSuffix);
  if (has_suffix) word.remove_suffix(kSuffix.size());
  return word;
}

std::vector<ShellCommand> shell_commands(const ScriptLine& line) {
  bool reads_file = false;
  std::vector<Word> pieces = without_redirections(line.words, reads_file);
  std::vector<ShellCommand> commands;
  std::span<Word> rest(pieces);
  bool behind_pipe = false;
  bool behind_test = false;
  bool in_if = false;
  bool in_loop = false;
  while (!rest.empty()) {
    const auto end = std::find_if(rest.begin(), rest.end(), is_separator);
    const auto size = static_cast<std::size_t>(end - rest.begin());
    ShellCommand command = simple_command(rest.first(size));
    // All that stands behind `if` or `for` on one line depends on it.
    in_if = in_if || command.is_conditional;
    in_loop = in_loop || command.is_in_loop;
    if (!command.words.empty()) {
      command.is_conditional = in_if || behind_test;
      command.is_in_loop = in_loop;
      command.reads_pipe = behind_pipe;
      command.reads_file = reads_file;
      commands.push_back(std::move(command));
    }
    if (end == rest.end()) break;
    behind_pipe = end->text == "|";
    behind_test = behind_test || end->text == "||" || is(*end, "else");
    rest = rest.subspan(size + 1);
  }
  return commands;
}

}  // namespace rpcaudit::policy
