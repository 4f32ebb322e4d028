#include <memory>
#include <utility>

#include "engine/app/commands/command_options.h"
#include "engine/app/commands/commands.h"
#include "engine/app/policies/deployment_files.h"
#include "engine/app/run/pipeline.h"

namespace rpcaudit::app {
namespace {

ExitStatus run_calls(const RunOptions& options) {
  Log log(options.verbose);
  audit::AuditOptions audit;
  audit.write_all = true;
  const bool has_policies = !options.policies.empty() || !options.deployment.empty();
  if (!has_policies) return run_records(options, audit, RecordFormat::text, log);

  LoadedPolicies loaded = load_all_policies(options);
  if (!report_usable(loaded, options, log)) return ExitStatus::usage;
  const evaluate::ServerPolicies policies = server_policies(std::move(loaded));
  audit.policies = &policies;
  return run_records(options, audit, RecordFormat::text, log);
}

}  // namespace

Command calls_command() {
  const auto options = std::make_shared<RunOptions>();
  Command command{.name = "calls",
                  .summary = "Write every RPC context and call.",
                  .footer =
                      "Examples:\n"
                      "  rpcaudit calls dc1.pcapng\n"
                      "  rpcaudit calls captures/ -f 'host 10.77.0.1' -o calls.json\n"
                      "  rpcaudit calls dc1.pcapng | jq 'select(.rpc.interface_name == "
                      "\"drsuapi\")'\n",
                  .run = [options] { return run_calls(*options); }};
  add_capture_options(command.options, *options, true);
  add_policy_options(command.options, *options, false);
  add_target_options(command.options, *options);
  add_output_options(command.options, *options);
  return command;
}

}  // namespace rpcaudit::app
