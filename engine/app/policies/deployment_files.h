#pragma once

#include <string>
#include <vector>

#include "engine/app/log.h"
#include "engine/app/policies/policy_files.h"
#include "engine/app/run/run_options.h"
#include "engine/evaluate/server_policies.h"
#include "engine/policy/deployment.h"

namespace rpcaudit::app {

// The policy of some servers as read, with what is known of them.
struct LoadedDeployment {
  std::string name;  // empty without a deployment file
  std::vector<policy::Subnet> servers;
  bool for_others = false;  // holds for all servers that no deployment names
  evaluate::EvaluationOptions evaluation;
  policy::HostFacts facts;
  LoadedPolicy loaded;
};

// Everything that a run judges by.
struct LoadedPolicies {
  std::vector<LoadedDeployment> deployments;

  [[nodiscard]] bool has_errors() const;
  [[nodiscard]] bool can_judge() const;
  [[nodiscard]] std::size_t count_filters() const;
  // Texts of diagnostics and of unreadable files, each once however many deployments use the file.
  struct Remark {
    const LoadedPolicy* loaded = nullptr;
    policy::Diagnostic diagnostic;
  };
  [[nodiscard]] std::vector<Remark> remarks() const;
  [[nodiscard]] std::vector<std::string> unreadable() const;
  [[nodiscard]] std::vector<std::string> files() const;
};

// Reads and validates the policies of the command line and of its deployment file. Policies of the
// command line hold for every server; so does what a deployment file says before its deployments.
[[nodiscard]] LoadedPolicies load_all_policies(const RunOptions& options);

// Adds the filters of a script, unless it is empty, to the policy of every server.
void add_script(const std::string& script, const std::string& name, LoadedPolicies& loaded);

// Says what keeps the policies from being used; false when something does.
[[nodiscard]] bool report_usable(const LoadedPolicies& loaded, const RunOptions& options, Log& log);

// Compiles all policies that were loaded.
[[nodiscard]] evaluate::ServerPolicies server_policies(LoadedPolicies loaded);

}  // namespace rpcaudit::app
