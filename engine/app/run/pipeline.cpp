#include "engine/app/run/pipeline.h"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "capture/pcap_file.h"
#include "engine/app/process/open_files.h"
#include "engine/app/process/sandbox.h"
#include "engine/app/run/outputs.h"
#include "engine/app/run/run_report.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {

bool follows_openings(const audit::AuditOptions& audit) {
  for (std::uint32_t i = 0; audit.policies != nullptr && i < audit.policies->size(); ++i) {
    if (audit.policies->compiled(i).controls().concerns_connections()) return true;
  }
  return false;
}

std::optional<MemoryPlan> share_memory(const RunOptions& options, bool follow_openings, Log& log,
                                       std::size_t queue_bytes) {
  MemoryDemand demand;
  demand.workers = options.workers;
  demand.outputs = std::max<std::size_t>(options.outputs.size(), 1);
  demand.queue_bytes = queue_bytes;
  demand.follow_openings = follow_openings;
  demand.suppress = options.suppress != 0;
  // Many workers need more than is usual, and may have it unless the user says otherwise.
  demand.mebibytes = options.memory != 0 ? static_cast<std::size_t>(options.memory)
                                         : std::max(demand.mebibytes, least_memory(demand));
  std::optional<MemoryPlan> plan = plan_memory(demand);
  if (!plan) {
    log.error("--memory " + std::to_string(options.memory) + " is too small for " +
              std::to_string(options.workers) + (options.workers == 1 ? " worker" : " workers") +
              ": it takes " + std::to_string(least_memory(demand)) + " at least");
  }
  if (plan) plan->limits.tunnels = options.tunnels;
  return plan;
}

namespace {

// False when the summary as data cannot be written where it is to go.
bool open_summary(const RunOptions& options, const std::vector<FileIdentity>& inputs,
                  OutputFile& summary, Log& log) {
  if (options.summary.empty()) return true;
  std::vector<std::string> outputs = options.outputs;
  if (outputs.empty()) outputs.emplace_back("-");
  const bool is_output = std::any_of(outputs.begin(), outputs.end(), [&](const std::string& text) {
    return parse_output(text, options.format).path == options.summary;
  });
  if (!is_output && summary.open(options.summary, inputs)) return true;
  log.error("--summary: " + (is_output ? audit::terminal_text(options.summary) + " is for records"
                                       : audit::terminal_text(summary.error())));
  return false;
}

}  // namespace

std::unique_ptr<capture::FrameSource> open_source(const RunOptions& options,
                                                  const MemoryPlan& memory, const Stop& stop,
                                                  Log& log, std::size_t loans) {
  raise_open_file_limit();
  capture::OpenedCaptures opened = capture::open_captures(
      options.captures, options.packet_filter,
      {loans, stop.descriptor(), std::make_shared<capture::DecoderMemory>(memory.decoder_bytes)});
  if (!opened.source) log.error(audit::terminal_text(opened.error));
  return std::move(opened.source);
}

std::vector<FileIdentity> files_read(const RunOptions& options, const capture::FrameSource& source,
                                     const evaluate::ServerPolicies* policies) {
  std::vector<std::string> names = options.policies;
  names.insert(names.end(), options.listings.begin(), options.listings.end());
  if (!options.deployment.empty()) names.push_back(options.deployment);
  for (std::uint32_t i = 0; policies != nullptr && i < policies->size(); ++i) {
    const std::vector<std::string>& files = policies->policy(i).files;
    names.insert(names.end(), files.begin(), files.end());
  }
  for (std::uint32_t i = 0; i < source.input_count(); ++i) names.emplace_back(source.input_name(i));
  std::vector<FileIdentity> identities;
  for (const std::string& name : names) {
    constexpr std::string_view kStore = "store:";
    const bool is_store = name.starts_with(kStore);
    const auto identity = identity_of(is_store ? name.substr(kStore.size()) : name);
    if (identity) identities.push_back(*identity);
  }
  return identities;
}

void drop_privileges(const RunOptions& options, Log& log) {
  if (options.no_sandbox) return log.debug("no sandbox, as asked for");
  const bool entered = enter_sandbox() == Sandbox::entered;
  log.debug(entered ? "in a sandbox: only files that are open, or read, from here on"
                    : "no sandbox: this system or build has none");
}

ExitStatus run_records(const RunOptions& options, audit::AuditOptions audit,
                       RecordFormat on_terminal, Log& log) {
  Stop& stop = watch_for_stop_signals();
  RunPlan plan;
  plan.workers = options.workers;
  const std::optional<MemoryPlan> memory = share_memory(options, follows_openings(audit), log);
  if (!memory) return ExitStatus::usage;
  plan.limits = memory->limits;
  plan.merger = memory->merger;
  audit.records_waiting_max = memory->records_waiting_max;
  const std::unique_ptr<capture::FrameSource> source =
      open_source(options, *memory, stop, log, plan.loans());
  if (!source) return ExitStatus::usage;

  Outputs outputs(stop);
  const ExitStatus opened =
      outputs.open(options, on_terminal, files_read(options, *source, audit.policies));
  if (opened != ExitStatus::done) {
    log.error(audit::terminal_text(outputs.error()));
    return opened;
  }
  for (const std::string& name : outputs.replaced()) {
    if (!options.quiet) log.warn(audit::terminal_text(name) + ": is replaced");
  }
  OutputFile summary;
  if (!open_summary(options, files_read(options, *source, audit.policies), summary, log)) {
    return ExitStatus::usage;
  }
  audit.write_blindness = outputs.has(RecordFormat::json);
  plan.progress = !options.quiet && ::isatty(STDERR_FILENO) == 1 && !outputs.has_terminal();
  SuppressedSink sink(
      options,
      outputs.open_sink(
          {.policies = audit.policies,
           .input_name = [&source](std::uint32_t input) { return source->input_name(input); },
           .contexts_max =
               plan.workers * (plan.limits.context_slots() + audit.records_waiting_max)}));

  drop_privileges(options, log);
  AuditRun run = run_audit(*source, stop, plan, audit, sink.sink());
  sink.finish();
  log.debug(audit::grouped(run.frames.read.frames) + " frames of " +
            audit::grouped(run.frames.read.bytes) + " bytes read, " +
            audit::grouped(run.tally.calls) + " calls, " + std::to_string(peak_memory()) +
            " MiB of memory at most");
  // An input that is no capture has no statistics.
  const bool was_read = run.frames.read.frames != 0 || source->problems().empty();
  if (was_read || run.frames.read.stopped != StopReason::none)
    write_statistics(options, run, sink.sink());
  outputs.finish();

  std::vector<std::string> problems = problems_of(*source);
  std::vector<std::string> losses = outputs.losses();
  if (!losses.empty() || outputs.all_closed()) run.frames.read.stopped = stop.reason();
  for (std::string& loss : losses) problems.push_back(std::move(loss));
  return report(options, run, std::move(problems), *source, audit.policies, summary, log);
}

}  // namespace rpcaudit::app
