#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/app/commands/command_options.h"
#include "engine/app/commands/commands.h"
#include "engine/app/policies/deployment_files.h"
#include "engine/app/run/pipeline.h"

namespace rpcaudit::app {
namespace {

struct AuditCommand {
  RunOptions options;
  std::vector<std::string> fail_on;
};

bool names(const std::vector<std::string>& words, const char* word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

ExitStatus run_audit(const AuditCommand& command) {
  RunOptions options = command.options;
  options.fail_on_would_block = names(command.fail_on, "would_block");
  options.fail_on_undecidable = names(command.fail_on, "undecidable");
  options.fail_on_target = names(command.fail_on, "depends_on_target");
  options.fail_on_readings = names(command.fail_on, "readings_differ");
  Log log(options.verbose);
  LoadedPolicies loaded = load_all_policies(options);
  if (!report_usable(loaded, options, log)) return ExitStatus::usage;
  const evaluate::ServerPolicies policies = server_policies(std::move(loaded));
  audit::AuditOptions audit;
  audit.policies = &policies;
  audit.write_all = options.all;
  audit.mark_findings = true;
  return run_records(options, audit, RecordFormat::text, log);
}

}  // namespace

Command audit_command() {
  const auto state = std::make_shared<AuditCommand>();
  RunOptions& options = state->options;
  Command command{.name = "audit",
                  .summary = "Say which calls a policy would block, and by which rule.",
                  .footer =
                      "Examples:\n"
                      "  rpcaudit audit dc1.pcapng -p block-dcsync.netsh.txt\n"
                      "  rpcaudit audit captures/ -p a.txt -p b.txt -o findings.jsonl\n"
                      "  rpcaudit audit dc1.pcapng -p policy.txt -q --fail-on would_block\n"
                      "  rpcaudit audit captures/ -c rpcaudit.toml\n"
                      "\n"
                      "The summary goes to standard error.\n",
                  .run = [state] { return run_audit(*state); }};
  add_capture_options(command.options, options, true);
  add_policy_options(command.options, options, true);
  add_target_options(command.options, options);
  add_control_options(command.options, options.controls);
  add_output_options(command.options, options);
  command.options.group("Output").options.push_back(
      {.names = "--all",
       .help = "Write every context and call, not only what would change.",
       .target = &options.all});
  command.options.group("Judging").options.push_back(
      {.names = "--fail-on",
       .value_name = "KIND",
       .help = "Exit with status 1 when there is such a call: would_block, undecidable, "
               "depends_on_target or readings_differ. May be repeated.",
       .target = &state->fail_on,
       .choices = {"would_block", "undecidable", "depends_on_target", "readings_differ"},
       .comma_separated = true});
  return command;
}

}  // namespace rpcaudit::app
