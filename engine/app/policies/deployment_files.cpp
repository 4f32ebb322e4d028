#include "engine/app/policies/deployment_files.h"

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "engine/audit/text/digest.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/evaluate/controls/host_controls.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::app {
namespace {

// A deployment file with the texts of all the files that its diagnostics are about.
struct ReadDeploymentFile {
  policy::DeploymentFile file;
  std::vector<policy::SourceText> sources;
  std::vector<policy::Diagnostic> diagnostics;
  std::vector<std::string> unreadable;
};

ReadDeploymentFile read_deployment_file(const std::string& path) {
  ReadDeploymentFile result;
  const std::optional<std::string> bytes = read_policy_file(path);
  if (!bytes) {
    result.unreadable.push_back(audit::terminal_text(path) + ": " +
                                std::generic_category().message(errno));
    return result;
  }
  result.sources.push_back(policy::SourceText::decode(*bytes));
  const auto read_table = [&result](const std::string& name) -> policy::NamedFile {
    std::optional<std::string> table = read_policy_file(name);
    if (!table) return {std::nullopt, std::generic_category().message(errno)};
    result.sources.push_back(policy::SourceText::decode(*table));
    return {std::move(table), {}};
  };
  policy::read_deployment(*bytes, path, read_table, result.file, result.diagnostics);
  return result;
}

// Whether anything stands there that calls can be judged by.
bool can_judge(const policy::Deployment& deployment, const RunOptions& options) {
  const policy::HostSettings& host = deployment.host;
  return !deployment.policies.empty() || !options.policies.empty() ||
         host.restrict_remote_clients || !host.registrations.empty() ||
         host.use_observed_registrations || host.edition != policy::Edition::unknown ||
         options.controls.what_if_restrict_remote_clients ||
         options.controls.observed_registrations;
}

// What the command line says about a server goes over what its policy says.
void apply(const ControlOptions& options, policy::HostSettings& host) {
  host.what_if_restrict_remote_clients |= options.what_if_restrict_remote_clients;
  host.use_observed_registrations |= options.observed_registrations;
  host.ipsec.assume_assigned |= options.assume_assigned;
  host.treat_loopback_as_remote |= options.treat_loopback_as_remote;
}

PolicyFileOptions file_options(const RunOptions& options) {
  return {.allow_empty = options.allow_empty,
          .as_session = options.as_session,
          .only_checked = options.only_checked};
}

void apply_v4_order(const RunOptions& options, evaluate::EvaluationOptions& evaluation) {
  if (!options.v4_order) return;
  evaluation.profile.set(policy::Difference::v4_byte_order, *options.v4_order);
  evaluation.keeps_v4_order = true;
}

// The target of the deployment, otherwise that of the command line.
void choose_target(const policy::Deployment& deployment, const RunOptions& options,
                   LoadedDeployment& result) {
  result.evaluation = options.evaluation;
  apply_v4_order(options, result.evaluation);
  if (!deployment.target) return;
  const std::optional<policy::Target> target =
      policy::parse_target(policy::to_lower(deployment.target->value));
  if (target) {
    result.evaluation.profile = policy::TargetProfile(*target);
    result.evaluation.target = target;
    apply_v4_order(options, result.evaluation);
    return;
  }
  result.loaded.diagnostics.push_back({policy::Severity::error, "unknown-target",
                                       deployment.target->span,
                                       "unknown target " + policy::quoted(deployment.target->value),
                                       "targets are those of --target"});
}

LoadedDeployment load_deployment(const ReadDeploymentFile& read, policy::Deployment deployment,
                                 const RunOptions& options) {
  LoadedDeployment result;
  result.name = std::move(deployment.name);
  result.servers = std::move(deployment.servers);
  result.facts = std::move(deployment.facts);
  result.loaded.policy.files = read.file.files;  // first, as places in them are numbered so
  result.loaded.policy.host = std::move(deployment.host);
  result.loaded.sources = read.sources;
  for (const policy::SourceText& source : read.sources) {
    result.loaded.policy.digest =
        audit::sha256_hex(result.loaded.policy.digest + std::string(source.text()))
            .substr(0, kPolicyDigestSize);
  }
  apply(options.controls, result.loaded.policy.host);
  choose_target(deployment, options, result);
  std::vector<std::string> paths = options.policies;
  for (const policy::Placed<std::string>& policy : deployment.policies)
    paths.push_back(policy.value);
  load_policies(paths, file_options(options), result.loaded);
  return result;
}

}  // namespace

bool LoadedPolicies::has_errors() const {
  return std::any_of(deployments.begin(), deployments.end(),
                     [](const LoadedDeployment& one) { return one.loaded.has_errors(); });
}

bool LoadedPolicies::can_judge() const {
  return std::all_of(deployments.begin(), deployments.end(),
                     [](const LoadedDeployment& one) { return one.loaded.can_judge(); });
}

std::size_t LoadedPolicies::count_filters() const {
  std::size_t count = 0;
  for (const LoadedDeployment& one : deployments) count += one.loaded.policy.filters.size();
  return count;
}

std::vector<LoadedPolicies::Remark> LoadedPolicies::remarks() const {
  std::vector<Remark> remarks;
  std::set<std::tuple<std::string, policy::SourceSpan, std::string, std::string>> said;
  for (const LoadedDeployment& one : deployments) {
    for (const policy::Diagnostic& diagnostic : one.loaded.diagnostics) {
      const std::vector<std::string>& files = one.loaded.policy.files;
      policy::SourceSpan place = diagnostic.span;
      const std::string file = place.file < files.size() ? files[place.file] : std::string();
      place.file = 0;
      if (!said.emplace(file, place, diagnostic.code, diagnostic.message).second) continue;
      remarks.push_back({&one.loaded, diagnostic});
    }
  }
  return remarks;
}

std::vector<std::string> LoadedPolicies::unreadable() const {
  std::vector<std::string> all;
  for (const LoadedDeployment& one : deployments) {
    for (const std::string& problem : one.loaded.unreadable) {
      if (std::find(all.begin(), all.end(), problem) == all.end()) all.push_back(problem);
    }
  }
  return all;
}

std::vector<std::string> LoadedPolicies::files() const {
  std::set<std::string> files;
  for (const LoadedDeployment& one : deployments) {
    files.insert(one.loaded.policy.files.begin(), one.loaded.policy.files.end());
  }
  return {files.begin(), files.end()};
}

namespace {

bool is_standard_input(const std::string& name) { return name == "-"; }

// What is read as a capture cannot be read as a policy, too.
bool shares_standard_input(const RunOptions& options) {
  return std::any_of(options.captures.begin(), options.captures.end(), is_standard_input) &&
         (is_standard_input(options.deployment) ||
          std::any_of(options.policies.begin(), options.policies.end(), is_standard_input));
}

}  // namespace

LoadedPolicies load_all_policies(const RunOptions& options) {
  LoadedPolicies result;
  if (shares_standard_input(options)) {
    result.deployments.emplace_back().loaded.unreadable.emplace_back(
        "standard input cannot be a capture and a policy at once");
    return result;
  }
  if (options.deployment.empty()) {
    LoadedDeployment& only = result.deployments.emplace_back();
    only.for_others = true;
    only.evaluation = options.evaluation;
    apply_v4_order(options, only.evaluation);
    apply(options.controls, only.loaded.policy.host);
    load_policies(options.policies, file_options(options), only.loaded);
    return result;
  }
  const ReadDeploymentFile read = read_deployment_file(options.deployment);
  if (!read.diagnostics.empty() || !read.unreadable.empty()) {
    LoadedPolicy& loaded = result.deployments.emplace_back().loaded;
    loaded.policy.files = read.file.files;
    loaded.sources = read.sources;
    loaded.diagnostics = read.diagnostics;
    loaded.unreadable = read.unreadable;
    if (result.has_errors()) return result;
    result.deployments.clear();
  }
  for (const policy::Deployment& own : read.file.deployments) {
    result.deployments.push_back(
        load_deployment(read, policy::merged(read.file.common, own), options));
  }
  if (can_judge(read.file.common, options)) {
    policy::Deployment others = policy::merged(read.file.common, {});
    others.name = "other servers";
    result.deployments.push_back(load_deployment(read, std::move(others), options));
    result.deployments.back().for_others = true;
  }
  return result;
}

namespace {

bool asks_nothing(const LoadedDeployment& deployment) {
  const policy::Policy& policy = deployment.loaded.policy;
  return policy.filters.empty() && evaluate::HostControls(policy.host).empty();
}

// Filters that are on no server, however verdicts `as documented` have them.
std::size_t count_separate(const LoadedPolicies& loaded) {
  std::size_t count = 0;
  for (const LoadedDeployment& one : loaded.deployments) {
    const auto& filters = one.loaded.policy.filters;
    count += static_cast<std::size_t>(
        std::count_if(filters.begin(), filters.end(),
                      [](const policy::Filter& filter) { return filter.by_separate_processes; }));
  }
  return count;
}

}  // namespace

bool report_usable(const LoadedPolicies& loaded, const RunOptions& options, Log& log) {
  for (const std::string& problem : loaded.unreadable()) log.error(problem);
  std::size_t warnings = 0;
  for (const LoadedPolicies::Remark& remark : loaded.remarks()) {
    if (remark.diagnostic.severity == policy::Severity::warning) ++warnings;
    if (remark.diagnostic.severity != policy::Severity::error) continue;
    std::cerr << diagnostic_text(*remark.loaded, remark.diagnostic) << "\n";
  }
  if (!loaded.can_judge()) return false;
  if (warnings != 0 && !options.quiet) {
    log.warn("the policy has " + std::to_string(warnings) + " warning" +
             (warnings == 1 ? "" : "s") + "; `rpcaudit check` shows them");
  }
  const auto& all = loaded.deployments;
  if (std::all_of(all.begin(), all.end(), asks_nothing)) {
    const char* const what =
        "the policy has neither filters nor settings that stop calls: all are permitted";
    if (!options.allow_empty) {
      log.error(std::string(what) + "; if this is intended, add --allow-empty");
      return false;
    }
    log.warn(what);
  }
  if (const std::size_t count = count_separate(loaded); count != 0) {
    log.warn(std::to_string(count) + (count == 1 ? " filter is" : " filters are") +
             " written as separate netsh processes, which leave none on Windows: put the commands "
             "behind a line `rpc filter` into a file for `netsh -f`, or judge what was meant with "
             "--as-session");
  }
  const auto counted = [](std::size_t count, const char* thing) {
    return std::to_string(count) + ' ' + thing + (count == 1 ? "" : "s");
  };
  log.debug(counted(loaded.count_filters(), "filter") + " in " +
            counted(loaded.files().size(), "file"));
  return true;
}

void add_script(const std::string& script, const std::string& name, LoadedPolicies& loaded) {
  if (script.empty()) return;
  for (LoadedDeployment& one : loaded.deployments) add_stored_script(script, name, one.loaded);
}

evaluate::ServerPolicies server_policies(LoadedPolicies loaded) {
  evaluate::ServerPolicies policies;
  for (LoadedDeployment& one : loaded.deployments) {
    const std::uint32_t index = policies.add(std::move(one.loaded.policy), one.evaluation,
                                             std::move(one.facts), std::move(one.name));
    for (const policy::Subnet& servers : one.servers) policies.bind(servers, index);
    if (one.for_others) policies.bind_others(index);
  }
  return policies;
}

}  // namespace rpcaudit::app
