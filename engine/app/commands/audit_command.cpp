#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/app/commands/command_options.h"
#include "engine/app/commands/commands.h"
#include "engine/app/run/control_options.h"
#include "engine/app/run/deployment_files.h"
#include "engine/app/run/pipeline.h"

namespace rpcaudit::app {
namespace {

struct AuditCommand {
  RunOptions options;
  std::vector<std::string> fail_on;
};

ExitStatus run_audit(const RunOptions& options) {
  spdlog::logger log = make_log(options.verbose);
  LoadedPolicies loaded = load_all_policies(options);
  if (!report_usable(loaded, options.quiet, log)) return ExitStatus::usage;
  const evaluate::ServerPolicies policies = server_policies(std::move(loaded));
  audit::AuditOptions audit;
  audit.policies = &policies;
  audit.write_all = options.all;
  audit.mark_findings = true;
  return run_records(options, audit, RecordFormat::text, log);
}

bool names(const std::vector<std::string>& words, const char* word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

void add_audit_command(CLI::App& app, ChosenCommand& chosen) {
  const auto state = std::make_shared<AuditCommand>();
  CLI::App* const command = app.add_subcommand("audit", "Say which calls a policy would block");
  command->footer(
      "Examples:\n"
      "  rpcaudit audit -r dc1.pcapng -p block-dcsync.netsh.txt\n"
      "  rpcaudit audit -r captures/ -p a.txt -p b.txt -o findings.json\n"
      "  rpcaudit audit -r dc1.pcapng -p policy.txt -q --fail-on would_block\n"
      "  rpcaudit audit -r captures/ -c rpcaudit.toml\n"
      "\n"
      "Records are text on a terminal and JSON otherwise; the summary goes to standard error.\n");
  add_capture_options(*command, state->options, true);
  add_policy_option(*command, state->options, true);
  add_target_options(*command, state->options);
  add_control_options(*command, state->options.controls);
  add_output_options(*command, state->options);
  command->add_flag("--all", state->options.all,
                    "Write every context and call, not only what would change");
  command
      ->add_option("--fail-on", state->fail_on,
                   "Exit with status 1 when there is such a call; may be repeated")
      ->check(CLI::IsMember({"would_block", "undecidable"}).description(""))
      ->delimiter(',')
      ->type_name("would_block|undecidable");
  command->callback([state, &chosen] {
    state->options.fail_on_would_block = names(state->fail_on, "would_block");
    state->options.fail_on_undecidable = names(state->fail_on, "undecidable");
    chosen = [state] { return run_audit(state->options); };
  });
}

}  // namespace rpcaudit::app
