#include "engine/app/run/pipeline.h"

#include <unistd.h>

#include <array>
#include <iostream>
#include <vector>

#include "capture/pcap_file.h"
#include "engine/app/run/blind_spots.h"
#include "engine/app/run/frame_ring.h"
#include "engine/app/run/record_output.h"
#include "engine/app/run/sharded_pipeline.h"
#include "engine/audit/event/hash_mixer.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

audit::RunFacts facts_of(const RunOptions& options, const capture::FrameSource& source,
                         const FrameRun& run) {
  audit::RunFacts facts;
  facts.inputs = options.captures;
  facts.frames = run.read.frames;
  facts.bytes = run.read.bytes;
  facts.first = run.read.first;
  facts.last = run.read.last;
  facts.interrupted = run.read.interrupted;
  facts.not_seen = blind_spots(run.statistics, run.read.frames_of_odd_links);
  for (const capture::InputProblem& problem : source.problems()) {
    if (problem.skipped) continue;
    facts.problems.push_back(std::string(source.input_name(problem.input)) + ": " +
                             problem.message);
  }
  return facts;
}

void write_statistics(const FrameRun& run, const audit::AuditTally& tally, audit::EventSink& sink) {
  std::vector<audit::NamedCounter> dissect;
  for_each_counter(run.statistics, [&](std::string_view name, std::uint64_t value) {
    dissect.push_back({name, value});
  });
  dissect.push_back({"frames_of_odd_links", run.read.frames_of_odd_links});
  const std::vector<audit::NamedCounter> audit = audit::named_counters(tally);
  sink.on_statistics({run.read.last.value_or(Timestamp{}), dissect, audit});
}

// Connections that are only being opened are followed where a policy has a say in them.
dissect::Limits limits_for(const audit::AuditOptions& audit) {
  dissect::Limits limits;
  bool follow_openings = false;
  for (std::uint32_t i = 0; audit.policies != nullptr && i < audit.policies->size(); ++i) {
    const evaluate::HostControls& controls = audit.policies->compiled(i).controls();
    follow_openings = follow_openings || controls.concerns_connections();
  }
  if (!follow_openings) limits.tcp_openings = 0;
  return limits;
}

bool finding_met(const RunOptions& options, const audit::AuditTally& tally) {
  return (options.fail_on_would_block && tally.count(evaluate::VerdictAction::would_block) != 0) ||
         (options.fail_on_undecidable && tally.count(evaluate::VerdictAction::undecidable) != 0);
}

}  // namespace

std::unique_ptr<capture::FrameSource> open_source(const RunOptions& options, Log& log,
                                                  std::size_t loans) {
  capture::OpenedCaptures opened =
      capture::open_captures(options.captures, options.packet_filter, loans);
  if (!opened.source) log.error(audit::terminal_text(opened.error));
  return std::move(opened.source);
}

dissect::Dissector make_dissector(const dissect::Limits& limits, dissect::RpcObserver& observer) {
  return dissect::Dissector(limits, observer, audit::hash_seed());
}

FrameRun run_frames(capture::FrameSource& source, const dissect::Limits& limits,
                    dissect::RpcObserver& observer, bool progress) {
  dissect::Dissector dissector = make_dissector(limits, observer);
  CaptureReader reader(source, progress);
  std::array<Frame, CaptureReader::kBatchSize> room;
  for (ReadFrames read = reader.read(room); !read.ended; read = reader.read(room)) {
    dissector.process(read.frames);
    dissector.advance(read.frames);
  }
  dissector.finish();
  return {reader.run(), dissector.statistics()};
}

ExitStatus run_records(const RunOptions& options, audit::AuditOptions audit,
                       RecordFormat format_by_default, Log& log) {
  const bool sharded = options.workers > 1;
  const std::unique_ptr<capture::FrameSource> source =
      open_source(options, log, sharded ? FrameRing::kBatches : 1);
  if (!source) return ExitStatus::usage;
  RecordOutput output(options.output);
  if (!output.error().empty()) {
    log.error(audit::terminal_text(output.error()));
    return ExitStatus::data;
  }
  RecordFormat format = options.format;
  if (format == RecordFormat::automatic) {
    format = output.is_terminal() ? format_by_default : RecordFormat::json;
  }
  audit.write_blindness = format == RecordFormat::json;
  const dissect::Limits limits = limits_for(audit);
  const auto input_name = [&source](std::uint32_t input) { return source->input_name(input); };
  audit::EventSink& sink = output.open_sink(format, audit.policies, input_name,
                                            limits.context_slots() + audit.records_waiting_max);
  const bool progress = !options.quiet && ::isatty(STDERR_FILENO) == 1 && !output.is_terminal();
  FrameRun run;
  audit::AuditTally tally;
  if (!sharded) {
    audit::Auditor auditor(limits, audit, sink);
    run = run_frames(*source, limits, auditor, progress);
    tally = auditor.tally();
  } else {
    ShardedRun sum =
        run_sharded(options.workers, limits, audit, format, progress, *source, output, sink);
    run = sum.frames;
    tally = std::move(sum.tally);
  }
  log.debug(std::to_string(run.read.frames) + " frames of " + std::to_string(run.read.bytes) +
            " bytes read, " + std::to_string(tally.calls) + " calls");
  write_statistics(run, tally, sink);
  output.finish();

  audit::RunFacts facts = facts_of(options, *source, run);
  if (!output.error().empty()) facts.problems.push_back(output.error());
  if (!options.quiet) {
    std::cerr << audit::summary_text(facts, tally, audit.policies);
  } else {
    for (const std::string& problem : facts.problems) log.error(audit::terminal_text(problem));
  }
  if (!facts.problems.empty()) return ExitStatus::data;
  if (finding_met(options, tally)) return ExitStatus::finding;
  const bool nothing =
      audit.policies != nullptr ? !tally.has_judged() : tally.calls + tally.contexts == 0;
  if (!nothing) return ExitStatus::done;
  log.warn(std::string("no RPC call was ") + (tally.calls == 0 ? "seen" : "judged") + ": " +
           reason_for_nothing(run.statistics, tally, run.read.frames_of_odd_links));
  return ExitStatus::nothing_evaluated;
}

}  // namespace rpcaudit::app
