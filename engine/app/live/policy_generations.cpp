#include "engine/app/live/policy_generations.h"

#include <utility>

#include "engine/app/policies/policy_files.h"

namespace rpcaudit::app {
namespace {

// What policies are the same by: the revisions of their files, and the deployment file itself.
// Empty when that does not tell.
std::string identity_of(const RunOptions& options, const LoadedPolicies& loaded) {
  std::string identity;
  if (!options.deployment.empty()) {
    identity = read_policy_file(options.deployment).value_or(std::string());
  }
  for (const LoadedDeployment& one : loaded.deployments) {
    if (one.loaded.policy.digest.empty()) return {};
    identity += '\n' + one.name + ' ' + one.loaded.policy.digest;
  }
  return identity;
}

std::string problems_of(const LoadedPolicies& loaded) {
  std::string problems;
  for (const std::string& problem : loaded.unreadable()) problems += problem + '\n';
  for (const LoadedPolicies::Remark& remark : loaded.remarks()) {
    if (remark.diagnostic.severity != policy::Severity::error) continue;
    problems += diagnostic_text(*remark.loaded, remark.diagnostic) + '\n';
  }
  return problems;
}

}  // namespace

PolicyGenerations::PolicyGenerations(const RunOptions& options, LoadedPolicies loaded)
    : options_(options), loaded_(std::move(loaded)), identity_(identity_of(options, loaded_)) {
  generations_.push_back(
      std::make_unique<const evaluate::ServerPolicies>(server_policies(loaded_)));
  current_ = generations_.back().get();
}

PolicyGenerations::Reading PolicyGenerations::read_again(Log& log) {
  LoadedPolicies loaded = load_all_policies(options_);
  Reading reading;
  if (!report_usable(loaded, options_, log)) {
    log.error("the policies before go on: those read now cannot judge");
    reading.problems = problems_of(loaded);
    return reading;
  }
  loaded_ = std::move(loaded);
  return make_next();
}

PolicyGenerations::Reading PolicyGenerations::with_volatile_filters(const std::string& script) {
  volatile_filters_ = script;
  return make_next();
}

PolicyGenerations::Reading PolicyGenerations::make_next() {
  LoadedPolicies all = loaded_;
  add_script(volatile_filters_, "netsh", all);
  Reading reading;
  next_identity_ = identity_of(options_, all);
  const bool is_same = !next_identity_.empty() && next_identity_ == identity_;
  reading.result = is_same ? ReloadResult::unchanged : ReloadResult::done;
  if (is_same) return reading;
  reading.next = std::make_unique<const evaluate::ServerPolicies>(
      evaluate::ServerPolicies::following(*current(), server_policies(std::move(all))));
  return reading;
}

void PolicyGenerations::follow_with(std::unique_ptr<const evaluate::ServerPolicies> next) {
  identity_ = std::exchange(next_identity_, {});
  first_ = current()->size();
  generations_.push_back(std::move(next));
  current_.store(generations_.back().get(), std::memory_order_release);
}

}  // namespace rpcaudit::app
