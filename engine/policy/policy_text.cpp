#include "engine/policy/policy_text.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "engine/policy/documents/setting_pairs.h"
#include "engine/policy/documents/xml_policies.h"
#include "engine/policy/host/host_script.h"
#include "engine/policy/host/registry_dialects.h"
#include "engine/policy/listings/dsinternals_listing.h"
#include "engine/policy/listings/endpoint_listing.h"
#include "engine/policy/listings/rpc_firewall_conf.h"
#include "engine/policy/listings/show_filter_reader.h"
#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/text/code_fences.h"
#include "engine/policy/text/enum_names.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/resembled_form.h"
#include "engine/policy/text/shell_syntax.h"
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
  for (const std::string_view word :
       {"if ", "start ", "call ", "cmd ", "cmd.exe ", "(", "for ", "& "}) {
    is_prefixed = is_prefixed || starts_with_ignoring_case(line, word);
  }
  while (is_prefixed && !line.empty()) {
    std::string_view word = line.substr(0, line.find_first_of(" ("));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    if (word.starts_with('"')) word.remove_prefix(1);
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
  if (is_comment(line)) {
    return is_powershell_line(line) ? Dialect::host_script : Dialect::netsh_script;
  }
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
  if (starts_host_program(line) || is_powershell_line(line)) return Dialect::host_script;
  const bool is_quoted = line.starts_with('"');
  if (is_quoted) line.remove_prefix(1);
  const std::string_view word = line.substr(0, line.find_first_of(is_quoted ? "\"" : " \t"));
  switch (host_program(word)) {
    case HostProgram::reg:
    case HostProgram::rpccfg:
    case HostProgram::registry_cmdlet:
    case HostProgram::rpc_filter:
    case HostProgram::ipsec: return Dialect::host_script;
    case HostProgram::netsh:
    case HostProgram::none: break;
  }
  return Dialect::netsh_script;
}

// `netsh int ipv4 set dynamicport` and `netsh ipsec static` are no commands of the RPC helper.
bool is_of_other_helper(std::string_view line) noexcept {
  line = without_indent(line);
  if (starts_with_ignoring_case(line, "netsh ipsec static ")) return true;
  if (starts_with_ignoring_case(line, "netsh.exe ipsec static ")) return true;
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
    case Dialect::setting_pairs: read_setting_pairs(source, file, values, reporter); break;
    case Dialect::device_policy: read_device_policies(source, file, values, reporter); break;
    case Dialect::xml: return read_xml_policies(source, file, policy, values, reporter);
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
  const bool is_listing_of_endpoints = is_endpoint_listing(source);
  Reporter(diagnostics)
      .error("unknown-form", {file, 0, 0, 0}, "the file is in no form of policy that is known here",
             is_listing_of_endpoints
                 ? "it lists endpoints: give it to `rpcaudit endpoints --listing`"
                 : resembled_form(source));
}

bool is_listing(Dialect dialect) noexcept {
  return dialect == Dialect::show_filter || dialect == Dialect::dsinternals;
}

// Whether a block of code has a command of netsh that makes filters. A page ends with the way back,
// a block that deletes them again.
bool makes_filters(const SourceText& source, const FencedBlock& block) {
  for (std::size_t number = block.first_line; number <= block.last_line; ++number) {
    const std::string text = to_lower(source.line(number).substr(0, 4096));
    for (const std::string_view word : {"add rule", "add condition", "add filter", "-f "}) {
      if (text.find(word) != std::string::npos) return true;
    }
  }
  return false;
}

void read_as(Dialect dialect, std::string_view bytes, const SourceText& source, std::uint32_t file,
             Policy& policy, std::vector<Diagnostic>& diagnostics) {
  Reporter reporter(diagnostics);
  switch (dialect) {
    case Dialect::netsh_script: read_script(source, file, policy, diagnostics); break;
    case Dialect::host_script: read_host_script(source, file, policy, reporter); break;
    case Dialect::show_filter: read_show_filter(source, file, policy, reporter); break;
    case Dialect::dsinternals: read_dsinternals_listing(source, file, policy, reporter); break;
    case Dialect::rpc_firewall: read_rpc_firewall_conf(source, file, policy, reporter); break;
    default: read_registry(dialect, bytes, source, file, policy, reporter); break;
  }
}

// Reads the blocks of code of a page: those with commands as one script, each other one by itself.
class MarkdownReader {
 public:
  MarkdownReader(const SourceText& source, std::uint32_t file, Policy& policy,
                 std::vector<Diagnostic>& diagnostics)
      : source_(source),
        file_(file),
        policy_(policy),
        diagnostics_(diagnostics),
        script_lines_(source.line_count(), false),
        outside_(source.line_count(), true) {}

  Dialect read(std::span<const FencedBlock> blocks) {
    std::vector<std::pair<Dialect, SourceText>> others;
    for (const FencedBlock& block : blocks) {
      std::vector<bool> kept(source_.line_count(), false);
      std::fill(at(kept, block.first_line - 1), at(kept, block.last_line), true);
      std::fill(at(outside_, block.first_line - 1), at(outside_, block.last_line), false);
      SourceText part = source_.with_lines(kept);
      const Dialect dialect = detect_dialect({}, part);
      if (dialect == Dialect::host_script || dialect == Dialect::netsh_script) {
        if (dialect == Dialect::netsh_script && !makes_filters(source_, block)) continue;
        std::fill(at(script_lines_, block.first_line - 1), at(script_lines_, block.last_line),
                  true);
        has_script_ = true;
      } else {
        others.emplace_back(dialect, std::move(part));
      }
    }
    report_outside();
    Dialect dialect = Dialect::netsh_script;
    if (has_script_) {
      const SourceText script = source_.with_lines(script_lines_);
      dialect = detect_dialect({}, script);
      read_as(dialect, {}, script, file_, policy_, diagnostics_);
    }
    for (const auto& [other, part] : others) {
      if (has_script_ && is_listing(other)) {
        Reporter(diagnostics_)
            .note("listing-after-script", {file_, 0, 0, 0},
                  "a listing beside the commands of the page is taken for what they made");
        continue;
      }
      if (!has_script_) dialect = other;
      read_as(other, {}, part, file_, policy_, diagnostics_);
    }
    return dialect;
  }

 private:
  static std::vector<bool>::iterator at(std::vector<bool>& marks, std::size_t index) {
    return marks.begin() + static_cast<std::ptrdiff_t>(index);
  }

  // A command in the running text is none of the policy's.
  void report_outside() {
    for (std::size_t number = 1; number <= source_.line_count(); ++number) {
      const std::string_view line = without_indent(source_.line(number));
      if (!outside_[number - 1] || !starts_with_ignoring_case(line, "netsh rpc filter ")) continue;
      return Reporter(diagnostics_)
          .warning("outside-fence", {file_, static_cast<std::uint32_t>(number), 1, 1},
                   "a command outside of the page's blocks of code is not read",
                   "put it between two lines of ```");
    }
  }

  const SourceText& source_;
  std::uint32_t file_;
  Policy& policy_;
  std::vector<Diagnostic>& diagnostics_;
  std::vector<bool> script_lines_;
  std::vector<bool> outside_;
  bool has_script_ = false;
};

}  // namespace

std::string_view to_string(Dialect dialect) noexcept {
  constexpr EnumNames<Dialect, 13> kNames(
      "netsh script", "registry file", "reg query output", "security template", "registry.pol",
      "LGPO text", "command script", "show filter listing", "DSInternals listing",
      "RPC Firewall configuration", "XML report", "settings in pairs", "device policy");
  return kNames[dialect];
}

Dialect detect_dialect(std::string_view bytes, const SourceText& source) {
  if (bytes.starts_with("PReg")) return Dialect::registry_pol;
  if (xml_form(source) != XmlForm::unknown) return Dialect::xml;
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
    if (!is_comment(text) && is_device_policy(text)) return Dialect::device_policy;
    if (is_registry_pair(text)) return Dialect::setting_pairs;
    if (is_of_other_helper(text)) return Dialect::host_script;
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
  const std::vector<FencedBlock> blocks =
      source.is_binary() ? std::vector<FencedBlock>() : code_fences(source);
  if (blocks.empty()) {
    read_as(text.dialect, bytes, source, file, policy, diagnostics);
  } else {
    text.dialect = MarkdownReader(source, file, policy, diagnostics).read(blocks);
  }
  reporter.sort_by_line();
  return text;
}

}  // namespace rpcaudit::policy
