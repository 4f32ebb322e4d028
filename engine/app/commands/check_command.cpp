#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "engine/app/commands/command_options.h"
#include "engine/app/commands/commands.h"
#include "engine/app/commands/policy_reach.h"
#include "engine/app/commands/policy_table.h"
#include "engine/app/policies/deployment_files.h"
#include "engine/audit/catalogue/attack_techniques.h"
#include "engine/audit/catalogue/catalogue.h"
#include "engine/audit/catalogue/catalogue_data.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/policy/check/linter.h"

namespace rpcaudit::app {
namespace {

struct CheckCommand {
  RunOptions options;
  std::vector<std::string> ignored;  // codes of warnings and notes
  std::string technique;             // of ATT&CK: what the policy leaves open of it
  bool strict = false;
};

// The catalogue as the linter wants it.
class CatalogueNames : public policy::InterfaceNames {
 public:
  [[nodiscard]] std::string name_of(const Uuid& interface) const override {
    return std::string(audit::interface_name(interface));
  }

  [[nodiscard]] std::optional<Uuid> nearest(const Uuid& interface) const override {
    constexpr std::size_t kDigitsMax = 4;  // more make it another interface
    std::optional<Uuid> nearest;
    std::size_t nearest_count = kDigitsMax + 1;
    for (const audit::CatalogueInterface& known : audit::catalogue_interfaces()) {
      const std::size_t count = differing_digits(known.uuid, interface);
      if (count >= nearest_count) continue;
      nearest_count = count;
      nearest = known.uuid;
    }
    return nearest;
  }

  [[nodiscard]] std::optional<std::uint16_t> last_operation(const Uuid& interface) const override {
    const auto known = audit::catalogue_interfaces();
    const auto found = std::find_if(known.begin(), known.end(), [&interface](const auto& one) {
      return one.uuid == interface;
    });
    if (found == known.end() || found->operation_count == 0) return std::nullopt;
    return audit::catalogue_operations()[found->first_operation + found->operation_count - 1].opnum;
  }

 private:
  static std::size_t differing_digits(const Uuid& a, const Uuid& b) noexcept {
    std::size_t count = 0;
    for (std::size_t i = 0; i < a.bytes.size(); ++i) {
      const unsigned differing = a.bytes[i] ^ b.bytes[i];
      count += ((differing & 0xf0) != 0 ? 1u : 0u) + ((differing & 0x0f) != 0 ? 1u : 0u);
    }
    return count;
  }
};

// What the picked target does otherwise, or what every target does; targets that do the same thing
// are named together.
void lint_for_targets(LoadedDeployment& deployment, const CatalogueNames& names) {
  LoadedPolicy& loaded = deployment.loaded;
  policy::LintOptions options{deployment.evaluation.profile, &names};
  policy::lint(loaded.policy, options, loaded.diagnostics);
  if (deployment.evaluation.target) return;
  std::vector<policy::Diagnostic> found;
  std::vector<std::string> targets;  // of each
  for (std::size_t i = 1; i < policy::kTargetCount; ++i) {
    const auto target = static_cast<policy::Target>(i);
    std::vector<policy::Diagnostic> own;
    policy::lint_for_target(loaded.policy, policy::TargetProfile(target), own);
    for (policy::Diagnostic& one : own) {
      const auto same =
          std::find_if(found.begin(), found.end(), [&one](const policy::Diagnostic& other) {
            return std::tie(other.span, other.code, other.message) ==
                   std::tie(one.span, one.code, one.message);
          });
      const auto index = static_cast<std::size_t>(same - found.begin());
      if (same == found.end()) {
        found.push_back(std::move(one));
        targets.emplace_back();
      }
      targets[index] += (targets[index].empty() ? "" : ", ") + std::string(to_string(target));
    }
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    found[i].message = targets[i] + ": " + found[i].message;
    loaded.diagnostics.push_back(std::move(found[i]));
  }
}

// All that there is to say, by file and line, without what the user does not want to hear: the
// codes of that are added to `silenced`.
void complete(const CheckCommand& command, LoadedDeployment& deployment,
              std::set<std::string_view>& silenced) {
  LoadedPolicy& loaded = deployment.loaded;
  if (!loaded.has_errors()) {
    const CatalogueNames names;
    lint_for_targets(deployment, names);
  }
  for (const std::uint32_t file : loaded.scripts) {
    policy::lint_script(loaded.sources[file], file, loaded.diagnostics);
  }
  policy::lint_processes(loaded.policy, loaded.scripts, loaded.diagnostics);
  std::erase_if(loaded.diagnostics, [&](const policy::Diagnostic& diagnostic) {
    const auto& ignored = command.ignored;
    const auto found = std::find(ignored.begin(), ignored.end(), diagnostic.code);
    if (diagnostic.severity == policy::Severity::error || found == ignored.end()) return false;
    silenced.insert(*found);
    return true;
  });
  std::stable_sort(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                   [](const policy::Diagnostic& a, const policy::Diagnostic& b) {
                     return std::tie(a.span.file, a.span.line) < std::tie(b.span.file, b.span.line);
                   });
}

std::string known_techniques() {
  std::set<std::string_view> names;
  for (const audit::AttackOperation& operation : audit::attack_operations()) {
    names.insert(operation.technique);
  }
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

std::string diagnostic_json(const LoadedPolicy& loaded, const policy::Diagnostic& diagnostic) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  const auto text = [&writer](const char* key, std::string_view value) {
    writer.Key(key);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  writer.StartObject();
  text("event_type", "diagnostic");
  writer.Key("schema");
  writer.Uint(1);
  text("severity", to_string(diagnostic.severity));
  text("code", diagnostic.code);
  if (diagnostic.span.file < loaded.policy.files.size()) {
    text("file", loaded.policy.files[diagnostic.span.file]);
  }
  if (diagnostic.span.line != 0) {
    writer.Key("line");
    writer.Uint(diagnostic.span.line);
    writer.Key("column");
    writer.Uint(diagnostic.span.column);
    writer.Key("length");
    writer.Uint(diagnostic.span.length);
  }
  text("message", diagnostic.message);
  if (!diagnostic.hint.empty()) text("hint", diagnostic.hint);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

// All remarks for people. Where several say the same thing of different places, the first stands in
// full, followed by the lines of the others.
std::string grouped_text(const std::vector<LoadedPolicies::Remark>& remarks) {
  constexpr std::size_t kLinesNamed = 8;
  const auto said = [](const LoadedPolicies::Remark& one) {
    const policy::Diagnostic& diagnostic = one.diagnostic;
    const auto& files = one.loaded->policy.files;
    const std::size_t file = diagnostic.span.file;
    return std::tuple(file < files.size() ? files[file] : std::string(), diagnostic.code,
                      diagnostic.message);
  };
  std::map<decltype(said(remarks.front())), std::vector<std::uint32_t>> lines;
  for (const LoadedPolicies::Remark& one : remarks) {
    lines[said(one)].push_back(one.diagnostic.span.line);
  }
  std::string text;
  for (const LoadedPolicies::Remark& one : remarks) {
    std::vector<std::uint32_t>& same = lines[said(one)];
    if (same.empty()) continue;
    text += diagnostic_text(*one.loaded, one.diagnostic) + "\n";
    if (same.size() > 1) {
      text += "  " + std::to_string(same.size() - 1) + " more of the kind, at line ";
      for (std::size_t i = 1; i < std::min(same.size(), kLinesNamed + 1); ++i) {
        text += (i == 1 ? "" : ", ") + std::to_string(same[i]);
      }
      text += same.size() > kLinesNamed + 1 ? ", ...\n" : "\n";
    }
    same.clear();
  }
  return text;
}

// More filters than that are not tried against calls here: it would take minutes.
constexpr std::size_t kFiltersTried = 20'000;

// What the policies are, and what they reach, by deployment.
std::string effect_text(const CheckCommand& command, const LoadedPolicies& loaded) {
  std::string text;
  for (const LoadedDeployment& one : loaded.deployments) {
    if (!one.loaded.can_judge()) continue;
    const policy::Policy& policy = one.loaded.policy;
    std::string part = policy_table(policy);
    const bool is_tried = !part.empty() && policy.filters.size() <= kFiltersTried;
    if (is_tried && command.technique.empty()) {
      const std::string vital = vital_text(policy, one.evaluation);
      part +=
          vital.empty()
              ? "The policy stops no service that a domain depends on\n"
              : "Services that a domain depends on and the policy stops, except for callers that "
                "a permit names\n" +
                    vital;
    } else if (is_tried) {
      part += command.technique +
              ": calls that it is known to use, made by a user of the domain\n" +
              technique_text(policy, one.evaluation, command.technique);
    }
    if (part.empty()) continue;
    if (!one.name.empty()) text += "Deployment " + audit::terminal_text(one.name) + "\n";
    text += part;
  }
  return text;
}

std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

ExitStatus run_check(const CheckCommand& command) {
  if (!command.technique.empty() && audit::attack_operations(command.technique).empty()) {
    Log(false).error("--technique " + audit::terminal_text(command.technique) +
                     ": no calls of it are known; known are " + known_techniques());
    return ExitStatus::usage;
  }
  LoadedPolicies loaded = load_all_policies(command.options);
  std::set<std::string_view> silenced;
  for (LoadedDeployment& one : loaded.deployments) complete(command, one, silenced);
  const std::vector<LoadedPolicies::Remark> remarks = loaded.remarks();
  const auto count = [&remarks](policy::Severity severity) {
    return static_cast<std::size_t>(
        std::count_if(remarks.begin(), remarks.end(),
                      [severity](const auto& one) { return one.diagnostic.severity == severity; }));
  };
  const bool as_json = command.options.format == RecordFormat::json;
  Log log(false);
  for (const std::string& problem : loaded.unreadable()) log.error(problem);
  if (as_json) {
    for (const auto& [part, diagnostic] : remarks) {
      std::cout << diagnostic_json(*part, diagnostic) << "\n";
    }
  } else {
    std::cout << grouped_text(remarks);
    const bool is_asked = !command.technique.empty();
    if (is_asked || !command.options.quiet) std::cout << effect_text(command, loaded);
  }
  for (const std::string& code : command.ignored) {
    if (!silenced.contains(code))
      log.warn("--ignore " + audit::terminal_text(code) + ": silenced nothing");
  }
  if (!command.options.quiet) {
    std::cerr << counted(loaded.count_filters(), "filter") << " in "
              << counted(loaded.files().size(), "file") << ", "
              << counted(count(policy::Severity::error), "error") << ", "
              << counted(count(policy::Severity::warning), "warning") << "\n";
  }
  if (!std::cout.flush()) {
    log.error("standard output: could not be written");
    return loaded.has_errors() ? ExitStatus::usage : ExitStatus::data;
  }
  const bool refused = command.strict && count(policy::Severity::warning) != 0;
  return loaded.has_errors() || refused ? ExitStatus::usage : ExitStatus::done;
}

}  // namespace

Command check_command() {
  const auto state = std::make_shared<CheckCommand>();
  state->options.only_checked = true;
  Command command{.name = "check",
                  .summary = "Say what is wrong with a policy, and what it reaches.",
                  .footer =
                      "Examples:\n"
                      "  rpcaudit check -p policy.txt\n"
                      "  rpcaudit check -p policy.txt --strict -q && netsh -f policy.txt\n"
                      "  rpcaudit check -p policy.txt --target ws2019 --ignore never-on-the-wire\n"
                      "  rpcaudit check -p policy.txt --technique T1187\n"
                      "\n"
                      "Exit status: 0 fine, 2 errors (with --strict: or warnings).\n",
                  .run = [state] { return run_check(*state); }};
  add_policy_options(command.options, state->options, true);
  add_target_options(command.options, state->options);
  std::vector<Option>& options = command.options.group("Output").options;
  options.push_back({.names = "--ignore",
                     .value_name = "CODE",
                     .help = "Leave out warnings and notes with this code. May be repeated.",
                     .target = &state->ignored,
                     .comma_separated = true});
  options.push_back(format_option(
      state->options.format, "Form of what is found: `text`, or `json` with one object a line."));
  options.push_back({.names = "--technique",
                     .value_name = "ID",
                     .help = "List the calls of a MITRE ATT&CK technique that the policy leaves "
                             "open, such as T1187 (coerced authentication) or T1003.006 (DCSync).",
                     .target = &state->technique});
  options.push_back(
      {.names = "--strict", .help = "Treat warnings as errors.", .target = &state->strict});
  options.push_back({.names = "-q,--quiet",
                     .help = "Print no table of the policy and no count at the end.",
                     .target = &state->options.quiet});
  return command;
}

}  // namespace rpcaudit::app
