#include "engine/policy/text/script_line.h"

#include <algorithm>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr char32_t kDropped = 0;

// What a character of pasted text stands for in a command.
char32_t plain_form(char32_t c) noexcept {
  const auto within = [c](char32_t low, char32_t high) { return c >= low && c <= high; };
  if (within(0x2010, 0x2015) || c == 0x2212 || c == 0xfe58 || c == 0xfe63 || c == 0xff0d) {
    return '-';
  }
  const bool invisible = within(0x200b, 0x200f) || within(0x202a, 0x202e) ||
                         within(0x2060, 0x2064) || c == 0xfeff || c == 0xad;
  if (invisible) return kDropped;
  const bool blank = within('\t', '\r') || c == 0x1a || c == 0x85 || c == 0xa0 || c == 0x1680 ||
                     within(0x2000, 0x200a) || within(0x2028, 0x2029) || c == 0x202f ||
                     c == 0x205f || c == 0x3000;
  if (blank) return ' ';
  if (within(0x201c, 0x201f) || c == 0xff02) return '"';
  if (within(0x2018, 0x201b)) return '\'';
  return c;
}

bool is_comment(std::string_view text) noexcept {
  if (text.starts_with('#') || text.starts_with(';') || text.starts_with("::")) return true;
  return starts_with_ignoring_case(text, "rem") && (text.size() == 3 || text[3] == ' ');
}

// The size of what a shell or netsh itself printed before the command, in a pasted transcript.
std::size_t prompt_size(std::string_view text) noexcept {
  const std::size_t end = text.find('>');
  if (end == std::string_view::npos) return 0;
  std::string_view prompt = text.substr(0, end);
  for (const std::string_view known : {"netsh rpc filter", "netsh rpc", "netsh"}) {
    if (equal_ignoring_case(prompt, known)) return end + 1;
  }
  if (prompt.starts_with("PS ")) prompt.remove_prefix(3);
  const bool is_path = prompt.size() >= 3 && prompt[1] == ':' && prompt[2] == '\\';
  return is_path && prompt.find('"') == std::string_view::npos ? end + 1 : 0;
}

}  // namespace

SourceSpan Word::span(std::size_t offset, std::size_t size) const noexcept {
  SourceSpan span = place;
  if (columns.empty()) return span;
  const std::size_t first = std::min(offset, columns.size() - 1);
  const std::size_t count = std::clamp<std::size_t>(size, 1, columns.size() - first);
  const std::size_t last = first + count - 1;
  span.column = columns[first];
  // A word that goes on in the next line is marked as far as its first line goes.
  span.length = columns[last] >= columns[first] ? columns[last] - columns[first] + 1 : 1;
  return span;
}

Word Word::slice(std::size_t offset, std::size_t size) const {
  Word part;
  part.text = text.substr(offset, size);
  const auto begin = columns.begin() + static_cast<std::ptrdiff_t>(offset);
  part.columns.assign(begin, begin + static_cast<std::ptrdiff_t>(part.text.size()));
  part.place = span(offset, size);
  part.quoted = quoted;
  return part;
}

ScriptLine script_line(std::span<const std::string> arguments, std::uint32_t file) {
  ScriptLine line;
  std::uint32_t column = 1;
  for (const std::string& argument : arguments) {
    Word word;
    word.place = {file, 1, column, 1};
    for_each_code_point(argument, [&](char32_t c) {
      const std::size_t before = word.text.size();
      append_utf8(c, word.text);
      word.columns.insert(word.columns.end(), word.text.size() - before, column++);
    });
    ++column;
    line.words.push_back(std::move(word));
  }
  line.span = {file, 1, 1, std::max<std::uint32_t>(column, 3) - 2};
  return line;
}

void ScriptReader::append_line(std::uint32_t number) {
  std::uint32_t column = 0;
  for_each_code_point(source_.line(number), [&](char32_t c) {
    ++column;
    const char32_t plain = plain_form(c);
    if (plain != kDropped) glyphs_.push_back({plain, number, column});
  });
  while (!glyphs_.empty() && glyphs_.back().c == ' ' && glyphs_.back().line == number) {
    glyphs_.pop_back();
  }
}

// Pages wrap a long command after `data=`: the next line is then a single word.
bool ScriptReader::value_is_wrapped() const {
  const std::string_view next = source_.line(next_line_);
  return !next.empty() && next.find_first_of(" \t=#;") == std::string_view::npos;
}

// What joins lines here, and for no shell and no netsh.
void ScriptReader::note_join(std::uint32_t number) {
  reporter_.warning_once("joined-lines", {file_, number, 1, 1},
                         "the line is read with the next one, which neither netsh nor a shell does",
                         "write the command in one line: netsh would refuse both parts, and "
                         "`add filter` may make the filter without the condition, for every call");
}

bool ScriptReader::gather() {
  glyphs_.clear();
  const std::uint32_t first = next_line_;
  while (next_line_ <= source_.line_count()) {
    const std::uint32_t number = next_line_++;
    if (source_.line(number).size() > kLineSizeMax * 4 || glyphs_.size() > kLineSizeMax) {
      glyphs_.clear();
      reporter_.error("line-too-long", {file_, first, 1, 1},
                      "the command is longer than " + std::to_string(kLineSizeMax) + " characters");
      return false;
    }
    append_line(number);
    if (glyphs_.empty() || glyphs_.back().line != number) break;
    if (glyphs_.back().c == '=' && value_is_wrapped()) {
      note_join(number);
      continue;
    }
    // `\` continues a command only where it cannot be the end of a name such as `\PIPE\`.
    const char32_t last = glyphs_.back().c;
    const bool alone = glyphs_.size() == 1 || glyphs_[glyphs_.size() - 2].c == ' ';
    if (last != '^' && last != '`' && !(last == '\\' && alone)) break;
    if (last == '\\') note_join(number);
    glyphs_.pop_back();
  }
  if (glyphs_.size() <= kLineSizeMax) return true;
  reporter_.error("line-too-long", {file_, first, 1, 1},
                  "the command is longer than " + std::to_string(kLineSizeMax) + " characters");
  return false;
}

// Puts the values of known variables where the command names them. PowerShell does so later, when
// it has cut the command into words.
void ScriptReader::expand_variables() {
  if (syntax_ == ShellSyntax::powershell) return;
  if (text_.find_first_of("%!") == std::string::npos) return;
  std::string text;
  std::vector<Glyph> places;
  for (std::size_t at = 0; at < text_.size() && text.size() <= kLineSizeMax;) {
    const auto found = variables_.reference(std::string_view(text_).substr(at));
    text += found ? found->second : std::string_view(text_).substr(at, 1);
    places.resize(text.size(), places_[at]);
    at += found ? found->first : 1;
  }
  text_ = std::move(text);
  places_ = std::move(places);
}

// `cmd /c "reg add "K" /v N"`: cmd takes away the first and the last quotation mark.
void ScriptReader::unwrap_quoted_command() {
  std::size_t at = text_.find_first_not_of(" @(");
  if (at == std::string::npos || !text_.ends_with('"')) return;
  for (const std::string_view shell : {"cmd.exe", "cmd"}) {
    if (!starts_with_ignoring_case(std::string_view(text_).substr(at), shell)) continue;
    at = text_.find_first_not_of(' ', at + shell.size());
    break;
  }
  if (at == std::string::npos || at + 3 >= text_.size() || text_[at] != '/') return;
  const char option = to_lower(text_[at + 1]);
  at = text_.find_first_not_of(' ', at + 2);
  if ((option != 'c' && option != 'k') || at == std::string::npos || text_[at] != '"') return;
  if (std::count(text_.begin(), text_.end(), '"') < 4) return;
  text_.pop_back();
  places_.pop_back();
  text_.erase(at, 1);
  places_.erase(places_.begin() + static_cast<std::ptrdiff_t>(at));
}

void ScriptReader::split(ScriptLine& line) {
  text_.clear();
  places_.clear();
  for (const Glyph& glyph : glyphs_) {
    const std::size_t before = text_.size();
    append_utf8(glyph.c, text_);
    places_.insert(places_.end(), text_.size() - before, glyph);
  }
  std::size_t at = text_.find_first_not_of(' ');
  if (at == std::string::npos || is_comment(std::string_view(text_).substr(at))) return;
  if (!in_here_string_) {
    if (variables_.take_assignment(text_)) return;
    expand_variables();
    unwrap_quoted_command();
    at = std::min(text_.find_first_not_of(' '), text_.size());
  }
  at += prompt_size(std::string_view(text_).substr(at));
  if (at < text_.size() && text_[at] == '@') ++at;  // a batch file's `do not echo`
  split_words(at, line);
}

void ScriptReader::split_words(std::size_t at, ScriptLine& line) {
  const bool is_powershell = syntax_ == ShellSyntax::powershell && !in_here_string_;
  char mark = 0;  // the quotation mark that is open
  bool in_word = false;
  std::size_t opening = at;
  const auto word_at = [&](std::size_t place) -> Word& {
    if (!in_word) {
      line.words.emplace_back();
      line.words.back().place = {file_, places_[place].line, places_[place].column, 1};
      in_word = true;
    }
    return line.words.back();
  };
  for (; at < text_.size(); ++at) {
    const char c = text_[at];
    if (c == ' ' && mark == 0) {
      in_word = false;
      continue;
    }
    if (is_powershell && mark == 0 && c == '#' && !in_word) break;  // a comment behind a command
    const bool stands_alone = is_powershell && mark == 0 && (c == ';' || c == '{' || c == '}');
    if (stands_alone) in_word = false;
    Word& word = word_at(at);
    if (c == '"' || (is_powershell && c == '\'')) {
      if (mark == 0 || mark == c) {
        mark = mark == 0 ? c : '\0';
        if (mark != 0) opening = at;
        word.quoted = true;
        continue;
      }
    }
    const auto variable = is_powershell && c == '$' && mark != '\''
                              ? variables_.reference(std::string_view(text_).substr(at))
                              : std::nullopt;
    word.text += variable ? variable->second : std::string_view(&c, 1);
    word.columns.resize(word.text.size(), places_[at].column);
    if (variable) {
      word.quoted = true;
      at += variable->first - 1;
    }
    if (stands_alone) in_word = false;
  }
  if (mark != 0) {
    reporter_.error("unterminated-quote",
                    {file_, places_[opening].line, places_[opening].column, 1},
                    "the quotation mark is never closed");
  }
}

// Passes over what of PowerShell is no command; true while the next line is to be looked at anew.
bool ScriptReader::skip_powershell_text() {
  if (syntax_ != ShellSyntax::powershell || next_line_ > source_.line_count()) return false;
  std::string_view text = source_.line(next_line_);
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  if (in_here_string_) {
    if (!ends_here_string(text)) return false;
    in_here_string_ = false;
    ++next_line_;
    return true;
  }
  if (begins_here_string(text)) {
    in_here_string_ = true;
    ++here_strings_;
    ++next_line_;
    return true;
  }
  if (!text.starts_with("<#")) return false;
  while (next_line_ <= source_.line_count() &&
         source_.line(next_line_).find("#>") == std::string_view::npos) {
    ++next_line_;
  }
  ++next_line_;
  return true;
}

bool ScriptReader::next(ScriptLine& line) {
  line = {};
  while (skip_powershell_text()) {
  }
  if (next_line_ > source_.line_count()) return false;
  line.span = {file_, next_line_, 1, 1};
  line.here_string = in_here_string_ ? here_strings_ : 0;
  if (!gather()) return true;
  split(line);
  if (!line.words.empty()) {
    line.span = line.words.front().span();
    const Word& last = line.words.back();
    const SourceSpan end = last.span();
    if (end.line == line.span.line && end.column >= line.span.column) {
      line.span.length = end.column + end.length - line.span.column;
    }
  }
  return true;
}

}  // namespace rpcaudit::policy
