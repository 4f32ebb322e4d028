#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/text/diagnostic.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/shell_syntax.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// A piece of a command: its text in UTF-8 and the column at which each byte of it stands.
struct Word {
  std::string text;
  std::vector<std::uint32_t> columns;
  SourceSpan place;     // file and line; column and length are of the whole word
  bool quoted = false;  // some of it stood in quotation marks

  // Where `size` bytes from `offset` on stand; an empty piece has the length 1.
  [[nodiscard]] SourceSpan span(std::size_t offset, std::size_t size) const noexcept;
  [[nodiscard]] SourceSpan span() const noexcept { return span(0, text.size()); }
  [[nodiscard]] Word slice(std::size_t offset, std::size_t size) const;
};

// One command as its words, joined over continuation lines; typographic dashes, spaces and
// quotation marks are taken as what they stand for, prompts and comments are gone.
struct ScriptLine {
  std::vector<Word> words;  // empty: blank or comment
  SourceSpan span;          // of the first line, from its first word on
  // The line stands in a here-string of PowerShell: its number from 1 on, 0 where it stands in
  // none. What a shell would do to the line is then not done.
  std::uint32_t here_string = 0;
};

// The words of one command as a shell hands them over: nothing is cut or joined any more. Columns
// are of the words as if written in one line with a space between them.
[[nodiscard]] ScriptLine script_line(std::span<const std::string> arguments, std::uint32_t file);

// Cuts a file into commands, in order.
class ScriptReader {
 public:
  static constexpr std::size_t kLineSizeMax = 65'536;  // code points, continuations included

  // Both are borrowed.
  ScriptReader(const SourceText& source, std::uint32_t file, Reporter& reporter)
      : source_(source),
        reporter_(reporter),
        file_(file),
        syntax_(detect_shell_syntax(source)),
        variables_(syntax_) {}

  // False at the end of the file.
  [[nodiscard]] bool next(ScriptLine& line);

 private:
  struct Glyph {
    char32_t c;
    std::uint32_t line;
    std::uint32_t column;
  };

  [[nodiscard]] bool gather();  // the glyphs of the next command; false: too long, reported
  void append_line(std::uint32_t number);
  void note_join(std::uint32_t number);
  [[nodiscard]] bool value_is_wrapped() const;
  [[nodiscard]] bool skip_powershell_text();  // here-strings' borders and comments of many lines
  void expand_variables();
  void unwrap_quoted_command();
  void split(ScriptLine& line);
  void split_words(std::size_t at, ScriptLine& line);

  const SourceText& source_;
  Reporter& reporter_;
  std::uint32_t file_;
  ShellSyntax syntax_;
  ShellVariables variables_;
  std::uint32_t next_line_ = 1;
  std::uint32_t here_strings_ = 0;  // begun so far
  bool in_here_string_ = false;
  std::string text_;           // of the command at hand
  std::vector<Glyph> places_;  // one for each byte of it
  std::vector<Glyph> glyphs_;
};

}  // namespace rpcaudit::policy
