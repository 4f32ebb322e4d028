#include "engine/policy/text/shell_syntax.h"

#include <algorithm>
#include <cctype>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kLinesWithSyntaxMax = 10'000;

// Cmdlets that change a policy, or that only scripts of PowerShell have.
constexpr std::string_view kCmdlets[] = {
    "New-ItemProperty",    "Set-ItemProperty", "Remove-ItemProperty", "New-RpcFilter",
    "Set-GPRegistryValue", "Import-Module",    "Invoke-Command",      "Set-StrictMode"};

bool is_name_character(char c) noexcept {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::size_t name_size(std::string_view text) noexcept {
  const auto end = std::find_if_not(text.begin(), text.end(), is_name_character);
  return static_cast<std::size_t>(end - text.begin());
}

// `$name = ...`, with a type such as `[string]` before it or not: the name and what is assigned.
std::optional<std::pair<std::string_view, std::string_view>> powershell_assignment(
    std::string_view line) noexcept {
  line = trimmed(line);
  if (line.starts_with('[')) {
    line = trimmed(line.substr(std::min(line.find(']') + 1, line.size())));
  }
  if (!line.starts_with('$')) return std::nullopt;
  const std::size_t size = name_size(line.substr(1));
  std::string_view rest = trimmed(line.substr(1 + size));
  if (size == 0 || !rest.starts_with('=') || rest.starts_with("==")) return std::nullopt;
  return std::pair(line.substr(1, size), trimmed(rest.substr(1)));
}

// What stands in one pair of quotation marks that fills the text, or a number.
std::optional<std::string_view> literal(std::string_view text) noexcept {
  while (text.ends_with(';')) text = trimmed(text.substr(0, text.size() - 1));
  if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"') &&
      text.find(text.front(), 1) == text.size() - 1) {
    return text.substr(1, text.size() - 2);
  }
  const bool is_number = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == 'x';
  });
  if (is_number) return text;
  return std::nullopt;
}

}  // namespace

bool is_powershell_line(std::string_view line) noexcept {
  line = trimmed(line);
  if (powershell_assignment(line) || line.starts_with("<#")) return true;
  if (starts_with_ignoring_case(line, "#requires")) return true;
  if (begins_here_string(line)) return true;
  if (starts_with_ignoring_case(line, "param(") || starts_with_ignoring_case(line, "param (")) {
    return true;
  }
  if (starts_with_ignoring_case(line, "function ") && line.ends_with('{')) return true;
  return std::any_of(std::begin(kCmdlets), std::end(kCmdlets), [line](std::string_view cmdlet) {
    if (!starts_with_ignoring_case(line, cmdlet)) return false;
    return line.size() == cmdlet.size() || line[cmdlet.size()] == ' ';
  });
}

ShellSyntax detect_shell_syntax(const SourceText& source) noexcept {
  const std::size_t lines = std::min(source.line_count(), kLinesWithSyntaxMax);
  for (std::size_t number = 1; number <= lines; ++number) {
    if (is_powershell_line(source.line(number))) return ShellSyntax::powershell;
  }
  return ShellSyntax::cmd;
}

bool begins_here_string(std::string_view line) noexcept {
  line = trimmed(line);
  return line.ends_with("@'") || line.ends_with("@\"");
}

bool ends_here_string(std::string_view line) noexcept {
  line = trimmed(line);
  return line.starts_with("'@") || line.starts_with("\"@");
}

bool ShellVariables::take_assignment(std::string_view line) {
  return syntax_ == ShellSyntax::cmd ? take_cmd(trimmed(line)) : take_powershell(trimmed(line));
}

bool ShellVariables::take_cmd(std::string_view line) {
  if (line.starts_with('@')) line = trimmed(line.substr(1));
  if (!starts_with_ignoring_case(line, "set ")) return false;
  line = trimmed(line.substr(4));
  if (line.starts_with('/')) return false;  // computed, or asked of the user
  if (line.starts_with('"') && line.ends_with('"') && line.size() > 1) {
    line = line.substr(1, line.size() - 2);
  }
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  set(line.substr(0, equals), expanded(line.substr(equals + 1)));
  return true;
}

bool ShellVariables::take_powershell(std::string_view line) {
  const auto assignment = powershell_assignment(line);
  if (!assignment) return false;
  const std::optional<std::string_view> value = literal(assignment->second);
  if (!value) {
    values_.erase(to_lower(assignment->first));
    return false;
  }
  const bool is_expanded = assignment->second.starts_with('"');
  set(assignment->first, is_expanded ? expanded(*value) : std::string(*value));
  return true;
}

void ShellVariables::set(std::string_view name, std::string_view value) {
  if (values_.size() >= kVariablesMax || value.size() > kValueSizeMax) return;
  values_.insert_or_assign(to_lower(name), std::string(value));
}

const std::string* ShellVariables::find(std::string_view name) const {
  const auto found = values_.find(to_lower(name));
  return found == values_.end() ? nullptr : &found->second;
}

std::optional<std::pair<std::size_t, std::string_view>> ShellVariables::reference(
    std::string_view text) const {
  if (values_.empty() || text.empty()) return std::nullopt;
  std::string_view name;
  std::size_t size = 0;
  if (syntax_ == ShellSyntax::powershell) {
    if (text[0] != '$') return std::nullopt;
    const bool is_braced = text.size() > 1 && text[1] == '{';
    const std::size_t begin = is_braced ? 2 : 1;
    name = text.substr(begin, name_size(text.substr(begin)));
    size = begin + name.size();
    if (is_braced) {
      if (size >= text.size() || text[size] != '}') return std::nullopt;
      ++size;
    }
  } else {
    if (text[0] != '%' && text[0] != '!') return std::nullopt;
    const std::size_t end = text.find(text[0], 1);
    if (end == std::string_view::npos) return std::nullopt;
    name = text.substr(1, end - 1);
    size = end + 1;
  }
  const std::string* const value = find(name);
  if (value == nullptr) return std::nullopt;
  return std::pair(size, std::string_view(*value));
}

std::string ShellVariables::expanded(std::string_view text) const {
  std::string out;
  while (!text.empty() && out.size() <= kValueSizeMax) {
    const auto found = reference(text);
    out += found ? found->second : text.substr(0, 1);
    text.remove_prefix(found ? found->first : 1);
  }
  return out;
}

}  // namespace rpcaudit::policy
