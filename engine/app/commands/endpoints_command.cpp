#include <unistd.h>

#include <memory>
#include <set>
#include <utility>

#include "engine/app/commands/command_options.h"
#include "engine/app/commands/commands.h"
#include "engine/app/run/outputs.h"
#include "engine/app/run/pipeline.h"
#include "engine/app/run/run_report.h"
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
  const std::optional<MemoryPlan> memory = share_memory(options, false, log);
  if (!memory) return ExitStatus::usage;
  Stop& stop = watch_for_stop_signals();
  const std::unique_ptr<capture::FrameSource> source = open_source(options, *memory, stop, log);
  if (!source) return ExitStatus::usage;
  Outputs outputs(stop);
  const ExitStatus opened =
      outputs.open(options, RecordFormat::text, files_read(options, *source, nullptr));
  if (opened != ExitStatus::done) {
    log.error(audit::terminal_text(outputs.error()));
    return opened;
  }
  RunPlan plan;
  plan.limits = memory->limits;
  plan.progress = !options.quiet && ::isatty(STDERR_FILENO) == 1 && !outputs.has_terminal();
  audit::EndpointInventory inventory(plan.limits);
  drop_privileges(options, log);
  const FrameRun run = run_frames(*source, stop, plan, inventory);
  for (const auto& output : outputs.all()) {
    output->format() == RecordFormat::text
        ? audit::write_endpoints_text(inventory, output->buffer())
        : audit::write_endpoints_json(inventory, options.sensor, output->buffer());
  }
  outputs.finish();
  if (stop.reason() == StopReason::output_closed) return ExitStatus::data;

  std::vector<std::string> problems = problems_of(*source);
  for (std::string& loss : outputs.losses()) problems.push_back(std::move(loss));
  for (const std::string& problem : problems) log.error(audit::terminal_text(problem));
  bool told = true;
  if (!options.quiet) told = write_to_standard_error(summary_of(inventory, run));
  if (const auto stopped = report_stop(run.read, log)) return *stopped;
  if (!told || !problems.empty()) return ExitStatus::data;
  return inventory.endpoints().empty() ? ExitStatus::nothing_evaluated : ExitStatus::done;
}

}  // namespace

Command endpoints_command() {
  const auto options = std::make_shared<RunOptions>();
  Command command{
      .name = "endpoints",
      .summary = "List which server serves which interface on which endpoint.",
      .footer =
          "Examples:\n"
          "  rpcaudit endpoints dc1.pcapng --format text\n"
          "  rpcaudit endpoints captures/ | jq 'select(.dest_port >= 49152)'\n"
          "\n"
          "An endpoint is announced when an endpoint mapper named it. It is bound when a\n"
          "server accepted a client's context there, or answered its datagram.\n",
      .run = [options] { return run_endpoints(*options); }};
  add_capture_options(command.options, *options, true);
  add_output_options(command.options, *options);
  return command;
}

}  // namespace rpcaudit::app
