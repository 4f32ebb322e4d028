#include "engine/app/policies/policy_files.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "engine/app/policies/gpo_folder.h"
#include "engine/app/policies/state_folder.h"
#include "engine/audit/catalogue/catalogue.h"
#include "engine/audit/text/digest.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/policy/check/validator.h"
#include "engine/policy/netsh/filter_store.h"
#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/policy_text.h"

namespace rpcaudit::app {
namespace {

std::optional<std::string> read_all(std::istream& stream) {
  std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (stream.bad()) return std::nullopt;
  return bytes;
}

constexpr std::string_view kStore = "store:";

// `store:FILE` is the filters of a store as a script.
std::optional<std::string> read_policy_or_store(const std::string& path, std::string& problem) {
  if (path == kStore) {
    problem = path + ": there is no home folder with a filter store; name one, as `store:FILE`";
    return std::nullopt;
  }
  if (path.starts_with(kStore))
    return policy::read_filter_store(path.substr(kStore.size()), problem);
  std::optional<std::string> bytes = read_policy_file(path);
  if (!bytes) problem = path + ": " + std::generic_category().message(errno);
  return bytes;
}

// How much a policy asks for, and how much of that stands in one of its files: a file that changes
// neither asks for nothing.
struct Extent {
  Extent(const policy::Policy& policy, std::uint32_t file) : filters(policy.filters.size()) {
    const auto is_here = [file](const policy::SourceSpan& span) {
      return span.line != 0 && span.file == file;
    };
    const auto count = [&](const auto& setting) {
      if (setting && is_here(setting->span)) ++here;
    };
    for (const policy::Filter& filter : policy.filters) here += is_here(filter.span) ? 1u : 0u;
    const policy::HostSettings& host = policy.host;
    count(host.restrict_remote_clients);
    count(host.enable_auth_ep_resolution);
    count(host.restrict_receiving_ntlm);
    count(host.restrict_sending_ntlm);
    count(host.everyone_includes_anonymous);
    const policy::PortSettings& ports = host.ports;
    settings = ports.ranges.size() + ports.static_ports.size() + (ports.use_internet ? 1u : 0u) +
               (ports.ports_are_internet ? 1u : 0u) + (ports.system_range ? 1u : 0u);
    for (const policy::IpsecPolicy& ipsec : host.ipsec.policies) settings += 1 + ipsec.rules.size();
  }

  bool operator==(const Extent&) const = default;

  std::size_t filters = 0;
  std::size_t settings = 0;  // of ports and IPsec
  std::size_t here = 0;      // in the file
};

// A rule's key that is an interface in truth, as guides have it.
std::string interface_as_key(const policy::SourceText& source) {
  constexpr std::string_view kTag = "filterkey=";
  constexpr std::size_t kUuidSize = 36;
  for (std::size_t number = 1; number <= source.line_count(); ++number) {
    const std::string_view line = source.line(number);
    const std::size_t at = line.find(kTag);
    if (at == std::string_view::npos) continue;
    const std::optional<Uuid> key = parse_uuid(line.substr(at + kTag.size(), kUuidSize));
    if (!key) continue;
    const std::string_view name = audit::interface_name(*key);
    if (name.empty()) continue;
    return "`filterkey=` is not `if_uuid`: the key of line " + std::to_string(number) +
           " is the interface " + std::string(name) + "; write `add condition field=if_uuid`";
  }
  return {};
}

bool removes_filters(const policy::SourceText& source) {
  for (std::size_t number = 1; number <= source.line_count(); ++number) {
    if (source.line(number).find("delete filter") != std::string_view::npos) return true;
  }
  return false;
}

void report_empty(std::uint32_t file, const policy::SourceText& source,
                  const PolicyFileOptions& options, LoadedPolicy& loaded) {
  // A security template or export about other things is sound in itself.
  const bool is_of_others = std::any_of(
      loaded.diagnostics.begin(), loaded.diagnostics.end(), [file](const auto& diagnostic) {
        return diagnostic.code == "no-rpc-values" && diagnostic.span.file == file;
      });
  if (options.only_checked && is_of_others) return;
  std::string hint = interface_as_key(source);
  if (hint.empty() && !options.allow_empty) {
    hint =
        removes_filters(source) ? "it only removes filters, and a server is left with none; " : "";
    hint += "if this is intended, add `--allow-empty`";
  }
  loaded.diagnostics.push_back(
      {options.allow_empty ? policy::Severity::warning : policy::Severity::error, "empty-policy",
       policy::SourceSpan{file, 0, 0, 0}, "the file makes no filter and no setting",
       std::move(hint)});
}

}  // namespace

std::optional<std::string> read_policy_file(const std::string& path) {
  if (path == "-") return read_all(std::cin);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  // A folder opens, but gives nothing to read.
  if (!file || file.peek() == std::ifstream::traits_type::eof()) {
    if (errno != 0) return std::nullopt;
    file.clear();
  }
  return read_all(file);
}

std::size_t LoadedPolicy::count(policy::Severity severity) const {
  return static_cast<std::size_t>(
      std::count_if(diagnostics.begin(), diagnostics.end(),
                    [severity](const policy::Diagnostic& d) { return d.severity == severity; }));
}

bool LoadedPolicy::can_judge() const {
  const auto prevents = [](const policy::Diagnostic& d) {
    return d.severity == policy::Severity::error && !d.can_be_judged;
  };
  return unreadable.empty() && std::none_of(diagnostics.begin(), diagnostics.end(), prevents);
}

namespace {

// Reads one file; true when it asks for something, or was not read.
bool load_file(const std::string& path, LoadedPolicy& loaded) {
  std::string problem;
  const std::optional<std::string> bytes = read_policy_or_store(path, problem);
  if (!bytes) {
    loaded.unreadable.push_back(audit::terminal_text(problem));
    return true;
  }
  // Of several files each counts, in their order.
  loaded.policy.digest =
      audit::sha256_hex(loaded.policy.digest + *bytes).substr(0, kPolicyDigestSize);
  const std::size_t errors_before = loaded.count(policy::Severity::error);
  const Extent before(loaded.policy, 0xffff'ffff);
  policy::PolicyText text;
  if (path.starts_with(kStore)) {
    text.source = policy::read_stored_script(*bytes, path, loaded.policy, loaded.diagnostics);
  } else {
    text = policy::read_policy(*bytes, path, loaded.policy, loaded.diagnostics);
  }
  const auto file = static_cast<std::uint32_t>(loaded.policy.files.size() - 1);
  const bool is_empty = loaded.count(policy::Severity::error) == errors_before &&
                        before == Extent(loaded.policy, file);
  if (text.dialect == policy::Dialect::netsh_script) {
    loaded.scripts.push_back(static_cast<std::uint32_t>(loaded.sources.size()));
  }
  loaded.sources.push_back(std::move(text.source));
  return !is_empty;
}

}  // namespace

void load_policies(std::span<const std::string> paths, const PolicyFileOptions& options,
                   LoadedPolicy& loaded) {
  for (const std::string& given : paths) {
    // `store:` is the default one, which messages and records name in full.
    const std::string path = given == kStore ? given + default_filter_store() : given;
    std::vector<std::string> files = gpo_files(path);
    const bool is_folder = !files.empty();
    if (!is_folder) files.push_back(path);
    bool asks = false;
    for (const std::string& file : files) asks = load_file(file, loaded) || asks;
    if (asks) continue;
    // Of a group policy the files count together.
    const auto file = static_cast<std::uint32_t>(loaded.policy.files.size() - 1);
    report_empty(file, loaded.sources.back(), options, loaded);
  }
  if (options.as_session) {
    for (policy::Filter& filter : loaded.policy.filters) filter.by_separate_processes = false;
  }
  policy::apply_everyone_setting(loaded.policy);
  if (!loaded.has_errors()) policy::validate(loaded.policy, loaded.diagnostics);
}

void add_stored_script(const std::string& script, const std::string& name, LoadedPolicy& loaded) {
  loaded.policy.digest =
      audit::sha256_hex(loaded.policy.digest + script).substr(0, kPolicyDigestSize);
  loaded.sources.push_back(
      policy::read_stored_script(script, name, loaded.policy, loaded.diagnostics));
}

std::string diagnostic_text(const LoadedPolicy& loaded, const policy::Diagnostic& diagnostic) {
  const std::size_t file = diagnostic.span.file;
  return file < loaded.sources.size()
             ? policy::format(diagnostic, loaded.policy.files, loaded.sources[file])
             : policy::format(diagnostic, loaded.policy.files);
}

}  // namespace rpcaudit::app
