#include "engine/policy/policy_text.h"

#include <algorithm>
#include <array>

#include "engine/policy/host/host_script.h"
#include "engine/policy/host/registry_dialects.h"
#include "engine/policy/listings/dsinternals_listing.h"
#include "engine/policy/listings/rpc_firewall_conf.h"
#include "engine/policy/listings/show_filter_reader.h"
#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/text/enum_names.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/resembled_form.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kFileSizeMax = std::size_t{64} << 20;
constexpr std::size_t kLinesLookedAt = 10'000;

std::string_view without_indent(std::string_view line) noexcept {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  if (line.starts_with('@')) line.remove_prefix(1);  // a batch file's `do not echo`
  return line;
}

// A comment never tells what its file is.
bool is_comment(std::string_view line) noexcept {
  if (line.starts_with('#') || line.starts_with(';') || line.starts_with("::")) return true;
  return starts_with_ignoring_case(line, "rem") && (line.size() == 3 || line[3] == ' ');
}

// A section that every security template begins with, whether or not it has registry values.
bool is_template_section(std::string_view line) noexcept {
  for (const std::string_view name : {"[Registry Values]", "[Unicode]", "[Version]",
                                      "[System Access]", "[Event Audit]", "[Privilege Rights]"}) {
    if (starts_with_ignoring_case(line, name)) return true;
  }
  return false;
}

// Whether a shell starts one of the host's programs on the line, behind `if`, `start` and the like.
bool starts_host_program(std::string_view line) noexcept {
  bool is_prefixed = false;
  for (const std::string_view word : {"if ", "start ", "call ", "cmd ", "cmd.exe ", "("}) {
    is_prefixed = is_prefixed || starts_with_ignoring_case(line, word);
  }
  while (is_prefixed && !line.empty()) {
    const std::string_view word = line.substr(0, line.find_first_of(" ("));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    const HostProgram program = host_program(word);
    if (program != HostProgram::none && program != HostProgram::netsh) return true;
  }
  return false;
}

bool is_reg_file_head(std::string_view line) noexcept {
  return starts_with_ignoring_case(line, "Windows Registry Editor Version") ||
         starts_with_ignoring_case(line, "REGEDIT4");
}

// What one line alone says about its file; netsh_script when it says nothing.
Dialect dialect_of_line(std::string_view line) noexcept {
  line = without_indent(line);
  if (is_comment(line)) return Dialect::netsh_script;
  if (is_template_section(line)) return Dialect::security_template;
  if (starts_with_ignoring_case(line, "HKEY_")) return Dialect::reg_query;
  if (starts_with_ignoring_case(line, "flt:") || starts_with_ignoring_case(line, "fw:")) {
    return Dialect::rpc_firewall;
  }
  if (starts_with_ignoring_case(line, "displayData.") ||
      starts_with_ignoring_case(line, "Listing all RPC Filters")) {
    return Dialect::show_filter;
  }
  const bool has_boot_time = line.find("BootTimeEnforced") != std::string_view::npos;
  if (has_boot_time && (line.starts_with("Audit:") || line.starts_with("BootTimeEnforced"))) {
    return Dialect::dsinternals;
  }
  if (starts_host_program(line)) return Dialect::host_script;
  const bool is_quoted = line.starts_with('"');
  if (is_quoted) line.remove_prefix(1);
  const std::string_view word = line.substr(0, line.find_first_of(is_quoted ? "\"" : " \t"));
  switch (host_program(word)) {
    case HostProgram::reg:
    case HostProgram::rpccfg:
    case HostProgram::ipsec: return Dialect::host_script;
    case HostProgram::netsh:
    case HostProgram::none: break;
  }
  return Dialect::netsh_script;
}

// `netsh int ipv4 set dynamicport` is no command of the RPC helper.
bool sets_dynamic_ports(std::string_view line) noexcept {
  line = without_indent(line);
  if (!starts_with_ignoring_case(line, "netsh int")) return false;
  return line.find("dynamicport") != std::string_view::npos;
}

void read_registry(Dialect dialect, std::string_view bytes, const SourceText& source,
                   std::uint32_t file, Policy& policy, Reporter& reporter) {
  RegistryApplier values(policy, reporter);
  switch (dialect) {
    case Dialect::reg_file: read_reg_file(source, file, values, reporter); break;
    case Dialect::reg_query: read_reg_query(source, file, values, reporter); break;
    case Dialect::security_template: read_security_template(source, file, values, reporter); break;
    case Dialect::lgpo_text: read_lgpo_text(source, file, values, reporter); break;
    case Dialect::registry_pol: read_registry_pol(bytes, file, values, reporter); break;
    case Dialect::netsh_script:
    case Dialect::host_script:
    case Dialect::show_filter:
    case Dialect::dsinternals:
    case Dialect::rpc_firewall: return;
  }
  if (!reporter.is_full()) values.finish({file, 0, 0, 0});
}

// What nothing else fits is a script, unless none of its lines is a command: that is told once.
void read_script(const SourceText& source, std::uint32_t file, Policy& policy,
                 std::vector<Diagnostic>& diagnostics) {
  const std::size_t first = diagnostics.size();
  const std::size_t filters = policy.filters.size();
  Reporter reporter(diagnostics);
  const std::size_t commands = read_netsh_script(source, file, policy, reporter);
  const auto unknown = static_cast<std::size_t>(
      std::count_if(diagnostics.begin() + static_cast<std::ptrdiff_t>(first), diagnostics.end(),
                    [](const Diagnostic& one) { return one.code == "unknown-command"; }));
  // A page of prose may well name a command.
  const bool is_prose = filters == policy.filters.size() && unknown >= 8 * commands;
  if (!is_prose || unknown == 0) return;
  diagnostics.resize(first);
  Reporter(diagnostics)
      .error("unknown-form", {file, 0, 0, 0}, "the file is in no form of policy that is known here",
             resembled_form(source));
}

}  // namespace

std::string_view to_string(Dialect dialect) noexcept {
  constexpr EnumNames<Dialect, 10> kNames("netsh script", "registry file", "reg query output",
                                          "security template", "registry.pol", "LGPO text",
                                          "command script", "show filter listing",
                                          "DSInternals listing", "RPC Firewall configuration");
  return kNames[dialect];
}

Dialect detect_dialect(std::string_view bytes, const SourceText& source) {
  if (bytes.starts_with("PReg")) return Dialect::registry_pol;
  bool is_first = true;
  const std::size_t lines = std::min(source.line_count(), kLinesLookedAt);
  for (std::size_t number = 1; number <= lines; ++number) {
    const std::string_view line = source.line(number);
    const std::string_view text = without_indent(line);
    if (text.empty() || text.front() == ';') continue;
    if (is_first && is_reg_file_head(text)) return Dialect::reg_file;
    if (is_first && (equal_ignoring_case(text, "Computer") || equal_ignoring_case(text, "User"))) {
      return Dialect::lgpo_text;
    }
    is_first = false;
    if (sets_dynamic_ports(text)) return Dialect::host_script;
    const Dialect dialect = dialect_of_line(text);
    if (dialect != Dialect::netsh_script) return dialect;
  }
  return Dialect::netsh_script;
}

PolicyText read_policy(std::string_view bytes, std::string_view name, Policy& policy,
                       std::vector<Diagnostic>& diagnostics) {
  const auto file = static_cast<std::uint32_t>(policy.files.size());
  policy.files.emplace_back(name);
  Reporter reporter(diagnostics);
  const SourceSpan whole_file{file, 0, 0, 0};
  if (bytes.size() > kFileSizeMax) {
    reporter.error("file-too-large", whole_file, "the file is larger than 64 MiB",
                   "is this a policy?");
    return {};
  }
  PolicyText text{SourceText::decode(bytes), Dialect::netsh_script};
  const SourceText& source = text.source;
  text.dialect = detect_dialect(bytes, source);
  if (source.is_binary() && text.dialect != Dialect::registry_pol) {
    reporter.error("binary-file", whole_file, "the file is binary, not a policy",
                   "captures are named with `-r`, policies with `-p`");
    return text;
  }
  switch (text.dialect) {
    case Dialect::netsh_script: read_script(source, file, policy, diagnostics); break;
    case Dialect::host_script: read_host_script(source, file, policy, reporter); break;
    case Dialect::show_filter: read_show_filter(source, file, policy, reporter); break;
    case Dialect::dsinternals: read_dsinternals_listing(source, file, policy, reporter); break;
    case Dialect::rpc_firewall: read_rpc_firewall_conf(source, file, policy, reporter); break;
    default: read_registry(text.dialect, bytes, source, file, policy, reporter); break;
  }
  reporter.sort_by_line();
  return text;
}

}  // namespace rpcaudit::policy
