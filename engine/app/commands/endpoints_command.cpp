#include <unistd.h>

#include <iostream>
#include <memory>
#include <set>

#include "engine/app/commands/command_options.h"
#include "engine/app/commands/commands.h"
#include "engine/app/run/pipeline.h"
#include "engine/app/run/record_output.h"
#include "engine/audit/report/endpoint_inventory.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

std::string summary_of(const audit::EndpointInventory& inventory, const FrameRun& run) {
  std::set<IpAddress> servers;
  std::size_t announced = 0;
  std::size_t bound = 0;
  std::size_t both = 0;
  for (const auto& [endpoint, sighting] : inventory.endpoints()) {
    servers.insert(endpoint.server);
    ++(sighting.announced && sighting.bound ? both : sighting.announced ? announced : bound);
  }
  std::string text = audit::grouped(inventory.endpoints().size()) + " endpoints of " +
                     audit::grouped(servers.size()) + " servers: " + audit::grouped(announced) +
                     " announced, " + audit::grouped(bound) + " bound, " + audit::grouped(both) +
                     " both\n";
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count != 0) text += audit::grouped(count) + " " + what + "\n";
  };
  add(inventory.overflow(), "sightings found no place in the table");
  add(run.statistics.mapper_stubs_unreadable,
      "messages that announce endpoints could not be read (encrypted, incomplete or damaged)");
  add(run.statistics.mapper_towers_unreadable, "announced towers could not be read");
  return text;
}

ExitStatus run_endpoints(const RunOptions& options) {
  Log log(options.verbose);
  const std::unique_ptr<capture::FrameSource> source = open_source(options, log);
  if (!source) return ExitStatus::usage;
  RecordOutput output(options.output);
  if (!output.error().empty()) {
    log.error(audit::terminal_text(output.error()));
    return ExitStatus::data;
  }
  const dissect::Limits limits;
  audit::EndpointInventory inventory(limits);
  const bool progress = !options.quiet && ::isatty(STDERR_FILENO) == 1 && !output.is_terminal();
  const FrameRun run = run_frames(*source, limits, inventory, progress);
  const bool text = options.format == RecordFormat::text ||
                    (options.format == RecordFormat::automatic && output.is_terminal());
  text ? audit::write_endpoints_text(inventory, output.buffer())
       : audit::write_endpoints_json(inventory, output.buffer());
  output.finish();

  bool damaged = false;
  for (const capture::InputProblem& problem : source->problems()) {
    if (problem.skipped) continue;
    damaged = true;
    log.error(audit::terminal_text(source->input_name(problem.input)) + ": " +
              audit::terminal_text(problem.message));
  }
  if (!output.error().empty()) log.error(audit::terminal_text(output.error()));
  if (!options.quiet) std::cerr << summary_of(inventory, run);
  if (damaged || !output.error().empty()) return ExitStatus::data;
  return inventory.endpoints().empty() ? ExitStatus::nothing_evaluated : ExitStatus::done;
}

}  // namespace

Command endpoints_command() {
  const auto options = std::make_shared<RunOptions>();
  Command command{
      .name = "endpoints",
      .summary = "List who serves which interface where",
      .footer =
          "Examples:\n"
          "  rpcaudit endpoints -r dc1.pcapng --format text\n"
          "  rpcaudit endpoints -r captures/ | jq 'select(.port >= 49152)'\n"
          "\n"
          "An endpoint is announced when an endpoint mapper named it, bound when a server "
          "accepted a\n"
          "client's context there or answered its datagram.\n",
      .run = [options](const auto&) { return run_endpoints(*options); }};
  add_capture_options(command.options, *options, true);
  add_output_options(command.options, *options);
  return command;
}

}  // namespace rpcaudit::app
