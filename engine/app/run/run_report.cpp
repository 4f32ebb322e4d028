#include "engine/app/run/run_report.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "engine/app/process/open_files.h"
#include "engine/app/process/terminal.h"
#include "engine/app/run/blind_spots.h"
#include "engine/app/version.h"
#include "engine/audit/report/summary.h"
#include "engine/audit/report/summary_json.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/text/output_buffer.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

std::vector<std::string> capture_names(const RunOptions& options) {
  std::vector<std::string> names;
  for (const std::string& capture : options.captures) {
    names.push_back(audit::file_name_text(capture));
  }
  return names;
}

audit::RunFacts facts_of(const RunOptions& options, const FrameRun& run,
                         std::vector<std::string> problems) {
  audit::RunFacts facts;
  facts.version = kVersion;
  facts.sensor = options.marks.sensor;
  facts.run = options.marks.run;
  facts.inputs = capture_names(options);
  facts.frames = run.read.frames;
  facts.bytes = run.read.bytes;
  facts.first = run.read.first;
  facts.last = run.read.last;
  facts.interrupted = run.read.stopped != StopReason::none;
  facts.not_seen = blind_spots(run.statistics, run.read.frames_of_odd_links);
  facts.problems = std::move(problems);
  return facts;
}

// Nothing is cut in a file; on a terminal a row is one line.
audit::RowLimits summary_limits(const RunOptions& options) {
  if (options.rows) return audit::RowLimits::of(*options.rows);
  audit::RowLimits limits;
  const std::size_t columns = terminal_columns(STDERR_FILENO);
  constexpr std::size_t kCountColumns = 14;
  limits.columns = columns == 0 ? SIZE_MAX : std::max<std::size_t>(columns, 80) - kCountColumns;
  limits.activity_columns = limits.columns;
  return limits;
}

bool finding_met(const RunOptions& options, const audit::AuditTally& tally) {
  const std::uint64_t blocked =
      tally.count(evaluate::VerdictAction::would_block) - tally.audit_only;
  return (options.fail_on_would_block && blocked != 0) ||
         (options.fail_on_undecidable && tally.count(evaluate::VerdictAction::undecidable) != 0) ||
         (options.fail_on_target && tally.depends_on_target != 0) ||
         (options.fail_on_readings && tally.readings_differ != 0);
}

// False when not all of it was written.
bool write_summary(const RunOptions& options, const audit::RunFacts& facts,
                   const audit::AuditTally& tally, const evaluate::ServerPolicies* policies,
                   const capture::FrameSource& source, OutputFile& file, Log& log) {
  if (file.descriptor() < 0) return true;
  const audit::InputName input_name = [&source](std::uint32_t input) {
    return source.input_name(input);
  };
  audit::DescriptorTarget target(file.descriptor());
  const bool written = target.write(options.summary.ends_with(".csv")
                                        ? audit::activities_csv(tally, input_name)
                                        : audit::summary_json(facts, tally, policies, input_name));
  if (written && file.finish()) return true;
  log.error(audit::terminal_text(written ? file.error() : file.name() + ": " + target.error()));
  return false;
}

// How a run ended that was not stopped.
ExitStatus end_of(const RunOptions& options, const AuditRun& run, std::uint64_t skipped,
                  bool has_policies, Log& log) {
  const audit::AuditTally& tally = run.tally;
  if (finding_met(options, tally)) return ExitStatus::finding;
  const bool nothing = has_policies ? !tally.has_judged() : tally.calls + tally.contexts == 0;
  if (!nothing) return ExitStatus::done;
  if (run.frames.read.frames == 0 && skipped != 0 && options.packet_filter.empty()) {
    log.warn("no capture was found: none of the " + audit::grouped(skipped) +
             " files of the folders is one");
    return ExitStatus::nothing_evaluated;
  }
  log.warn(std::string("no RPC call was ") + (tally.calls == 0 ? "seen" : "judged") + ": " +
           reason_for_nothing(run.frames.statistics, tally, run.frames.read.frames_of_odd_links));
  return ExitStatus::nothing_evaluated;
}

}  // namespace

bool write_to_standard_error(std::string_view text) {
  return audit::DescriptorTarget(STDERR_FILENO).write(text);
}

std::vector<std::string> problems_of(const capture::FrameSource& source) {
  std::vector<std::string> problems;
  std::size_t too_many = 0;
  for (const capture::InputProblem& problem : source.problems()) {
    if (problem.skipped) continue;
    if (problem.message.ends_with(std::strerror(EMFILE)) && ++too_many != 1) continue;
    problems.push_back(std::string(source.input_name(problem.input)) + ": " + problem.message);
  }
  if (too_many != 0) {
    problems.push_back(audit::grouped(too_many) + (too_many == 1 ? " input was" : " inputs were") +
                       " not read: only " + audit::grouped(raise_open_file_limit()) +
                       " files may be open at once; `ulimit -n` raises the limit");
  }
  return problems;
}

std::uint64_t skipped_of(const capture::FrameSource& source) {
  const auto problems = source.problems();
  return static_cast<std::uint64_t>(
      std::count_if(problems.begin(), problems.end(),
                    [](const capture::InputProblem& problem) { return problem.skipped; }));
}

std::optional<ExitStatus> report_stop(const ReadRun& run, Log& log) {
  const char* signal = nullptr;
  ExitStatus status = ExitStatus::done;
  switch (run.stopped) {
    case StopReason::none: return std::nullopt;
    case StopReason::output_closed: return ExitStatus::data;
    case StopReason::interrupt:
      signal = "SIGINT";
      status = ExitStatus::interrupted;
      break;
    case StopReason::terminate:
      signal = "SIGTERM";
      status = ExitStatus::terminated;
      break;
  }
  log.warn(std::string("stopped by ") + signal + " after " + audit::grouped(run.frames) +
           " frames, before the end of the input");
  return status;
}

void write_statistics(const RunOptions& options, const AuditRun& run, audit::EventSink& sink) {
  std::vector<audit::NamedCounter> dissect;
  for_each_counter(run.frames.statistics, [&](std::string_view name, std::uint64_t value) {
    dissect.push_back({name, value});
  });
  dissect.push_back({"frames_of_odd_links", run.frames.read.frames_of_odd_links});
  const std::vector<audit::NamedCounter> audit = audit::named_counters(run.tally);
  const std::vector<std::string> inputs = capture_names(options);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const Timestamp clock{std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()};
  sink.on_statistics({.timestamp = run.frames.read.last.value_or(clock),
                      .interrupted = run.frames.read.stopped != StopReason::none,
                      .version = kVersion,
                      .inputs = inputs,
                      .first = run.frames.read.first,
                      .dissect = dissect,
                      .audit = audit});
}

ExitStatus report(const RunOptions& options, const AuditRun& run, std::vector<std::string> problems,
                  const capture::FrameSource& source, const evaluate::ServerPolicies* policies,
                  OutputFile& summary, Log& log) {
  const std::uint64_t skipped = skipped_of(source);
  const ReadRun& read = run.frames.read;
  if (read.stopped == StopReason::output_closed) return ExitStatus::data;
  audit::RunFacts facts = facts_of(options, run.frames, std::move(problems));
  facts.inputs_skipped = skipped;
  bool told = write_summary(options, facts, run.tally, policies, source, summary, log);
  // Of nothing there is no summary: what was wrong says it all.
  const bool has_summary = !options.quiet && (read.frames != 0 || facts.problems.empty());
  if (has_summary) {
    const audit::RowLimits limits = summary_limits(options);
    told &= write_to_standard_error(audit::summary_text(facts, run.tally, policies, limits));
  } else {
    for (const std::string& problem : facts.problems) log.error(audit::terminal_text(problem));
  }
  if (const std::optional<ExitStatus> stopped = report_stop(read, log)) return *stopped;
  if (!told || !facts.problems.empty()) return ExitStatus::data;
  return end_of(options, run, skipped, policies != nullptr, log);
}

}  // namespace rpcaudit::app
