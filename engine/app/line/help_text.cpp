#include "engine/app/line/help_text.h"

#include <algorithm>
#include <string_view>

namespace rpcaudit::app {
namespace {

constexpr std::size_t kTextColumn = 24;  // where explanations begin

// Appends `text`, broken into lines that begin in column `indent`, after what stands in the
// current line: its first `column` columns.
void append_wrapped(std::string& out, std::string_view text, std::size_t column,
                    std::size_t indent) {
  bool is_first = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!is_first && column + 1 + word.size() > kHelpColumns) {
      out += '\n';
      column = 0;
    }
    const bool begins_line = is_first || column == 0;
    const std::size_t gap = column < indent ? indent - column : begins_line ? 0 : 1;
    out.append(gap, ' ');
    out += word;
    column += gap + word.size();
    is_first = false;
  }
  out += '\n';
}

// `name` in the left column, and what is said of it in the right one.
void append_entry(std::string& out, const std::string& name, std::string_view text) {
  out += "  " + name;
  std::size_t column = 2 + name.size();
  if (column + 2 > kTextColumn) {
    out += '\n';
    column = 0;
  }
  append_wrapped(out, text, column, kTextColumn);
}

std::string left_column(const Option& option) {
  std::string text = option.names;
  const std::size_t comma = text.find(',');
  if (comma != std::string::npos) {
    text.insert(comma + 1, " ");
  } else {
    text.insert(0, "    ");
  }
  if (!option.value_name.empty()) text += ' ' + option.value_name;
  return text;
}

}  // namespace

std::string program_help(const ProgramText& program, const std::vector<Command>& commands) {
  std::string out;
  append_wrapped(out, program.description, 0, 0);
  out += "\nUsage: " + program.name + " COMMAND [OPTION...]\n\nCommands:\n";
  for (const Command& command : commands) append_entry(out, command.name, command.summary);
  out += "\nOptions:\n";
  append_entry(out, "-h, --help", "Show this help; `help COMMAND` shows that of a command.");
  append_entry(out, "-V, --version", "Show the version.");
  return out + '\n' + program.footer;
}

std::string command_help(const ProgramText& program, const Command& command) {
  std::string out;
  append_wrapped(out, command.summary, 0, 0);
  out += "\nUsage: " + program.name + ' ' + command.name + " [OPTION...]";
  const Operands& operands = command.options.operands;
  if (!operands.name.empty()) out += " [" + operands.name + "...]";
  out += '\n';
  for (const OptionGroup& group : command.options.groups) {
    out += '\n' + group.name + ":\n";
    for (const Option& option : group.options) {
      append_entry(out, left_column(option), option.help);
    }
  }
  out += "\nOther:\n";
  append_entry(out, "-h, --help", "Show this help.");
  return out + '\n' + command.footer;
}

}  // namespace rpcaudit::app
