#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <memory>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/app/commands/command_options.h"
#include "engine/app/commands/commands.h"
#include "engine/app/policies/policy_files.h"
#include "engine/app/run/outputs.h"
#include "engine/app/run/pipeline.h"
#include "engine/app/run/run_report.h"
#include "engine/audit/report/endpoint_inventory.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/policy/listings/endpoint_listing.h"

namespace rpcaudit::app {
namespace {

// Endpoints of the listings that the options name.
struct Listing {
  std::vector<policy::ListedEndpoint> endpoints;
  Timestamp written;  // when the file was
};

Timestamp time_written(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_mtim.tv_sec * kNanosecondsPerSecond + status.st_mtim.tv_nsec};
}

// Reads all listings, says what is wrong with them, and returns nothing when one is of no use.
std::optional<std::vector<Listing>> read_listings(const std::vector<std::string>& paths, Log& log) {
  std::vector<Listing> listings;
  bool usable = true;
  for (const std::string& path : paths) {
    const std::optional<std::string> bytes = read_policy_file(path);
    if (!bytes) {
      log.error(audit::terminal_text(path) + ": " + std::generic_category().message(errno));
      usable = false;
      continue;
    }
    const policy::SourceText source = policy::SourceText::decode(*bytes);
    const std::vector<std::string> files{path};
    std::vector<policy::Diagnostic> diagnostics;
    policy::Reporter reporter(diagnostics);
    listings.push_back({policy::read_endpoint_listing(source, 0, reporter), time_written(path)});
    for (const policy::Diagnostic& diagnostic : diagnostics) {
      std::cerr << policy::format(diagnostic, files, source) << "\n";
    }
    usable = usable && reporter.error_count() == 0;
  }
  if (!usable) return std::nullopt;
  return listings;
}

// Adds what has a version first: what has none is then found among it.
void add_listings(const std::vector<Listing>& listings, audit::EndpointInventory& inventory) {
  for (const bool has_version : {true, false}) {
    for (const Listing& listing : listings) {
      for (const policy::ListedEndpoint& endpoint : listing.endpoints) {
        if (endpoint.version.has_value() != has_version) continue;
        inventory.note_listed(endpoint, listing.written);
      }
    }
  }
}

std::string summary_of(const audit::EndpointInventory& inventory, const FrameRun& run,
                       bool has_listings) {
  std::set<IpAddress> servers;
  std::size_t announced = 0;
  std::size_t bound = 0;
  std::size_t both = 0;
  std::size_t listed = 0;
  std::size_t seen_and_listed = 0;
  for (const auto& [endpoint, sighting] : inventory.endpoints()) {
    servers.insert(endpoint.server);
    const bool was_seen = sighting.announced || sighting.bound;
    if (sighting.listed) ++(was_seen ? seen_and_listed : listed);
    if (!was_seen) continue;
    ++(sighting.announced && sighting.bound ? both : sighting.announced ? announced : bound);
  }
  const auto counted = [](std::size_t count, const char* thing) {
    return audit::grouped(count) + ' ' + thing + (count == 1 ? "" : "s");
  };
  std::string text = counted(inventory.endpoints().size(), "endpoint") + " of " +
                     counted(servers.size(), "server") + ": " + audit::grouped(announced) +
                     " announced, " + audit::grouped(bound) + " bound, " + audit::grouped(both) +
                     " both\n";
  if (has_listings) {
    text += "The listings name " + counted(listed + seen_and_listed, "endpoint") + ": " +
            audit::grouped(seen_and_listed) + " seen in the traffic, " + audit::grouped(listed) +
            " not. The traffic shows " +
            audit::grouped(announced + bound + both - seen_and_listed) +
            " that no listing names.\n";
  }
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count != 0) text += audit::grouped(count) + " " + what + "\n";
  };
  add(inventory.overflow(), "sightings found no place in the table");
  add(run.statistics.mapper_stubs_unreadable,
      "messages that announce endpoints could not be read (encrypted, incomplete or damaged)");
  add(run.statistics.mapper_towers_unreadable, "announced towers could not be read");
  return text;
}

void write_inventory(const audit::EndpointInventory& inventory, const RunOptions& options,
                     Outputs& outputs) {
  for (const auto& output : outputs.all()) {
    output->format() == RecordFormat::text
        ? audit::write_endpoints_text(inventory, output->buffer())
        : audit::write_endpoints_json(inventory, options.marks, output->buffer());
  }
  outputs.finish();
}

// A run needs captures, listings or both.
ExitStatus run_endpoints(const RunOptions& options) {
  Log log(options.verbose);
  if (options.captures.empty() && options.listings.empty()) {
    log.error(kNoCapture);
    return ExitStatus::usage;
  }
  const std::optional<std::vector<Listing>> listings = read_listings(options.listings, log);
  if (!listings) return ExitStatus::usage;
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
  add_listings(*listings, inventory);
  write_inventory(inventory, options, outputs);
  if (stop.reason() == StopReason::output_closed) return ExitStatus::data;

  std::vector<std::string> problems = problems_of(*source);
  for (std::string& loss : outputs.losses()) problems.push_back(std::move(loss));
  for (const std::string& problem : problems) log.error(audit::terminal_text(problem));
  bool told = true;
  if (!options.quiet) {
    told = write_to_standard_error(summary_of(inventory, run, !listings->empty()));
  }
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
          "  rpcaudit endpoints dc1.pcapng --listing rpcdump.txt\n"
          "\n"
          "An endpoint is announced when an endpoint mapper named it. It is bound when a\n"
          "server accepted a client's context there, or answered its datagram. It is listed\n"
          "when only a listing names it.\n",
      .run = [options] { return run_endpoints(*options); }};
  add_capture_options(command.options, *options, false);
  command.options.group("Input").options.push_back(
      {.names = "--listing",
       .value_name = "FILE",
       .help = "Endpoints that an endpoint mapper lists, as rpcdump.py, rpcdump.exe, PortQry or "
               "nmap's msrpc-enum printed them, to compare the traffic with. Several add up.",
       .target = &options->listings});
  add_record_options(command.options, *options);
  add_reading_options(command.options, *options);
  return command;
}

}  // namespace rpcaudit::app
