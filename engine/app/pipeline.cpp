#include "engine/app/pipeline.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <random>
#include <vector>

#include "capture/odd_link.h"
#include "capture/pcap_file.h"
#include "dissect/dissector.h"
#include "dissect/shard.h"
#include "engine/app/blind_spots.h"
#include "engine/app/record_output.h"
#include "engine/app/sharded_pipeline.h"
#include "engine/app/stop_signal.h"
#include "engine/audit/text_encoding.h"

namespace rpcaudit {
namespace {

constexpr std::size_t kBatchSize = 256;

// Of the flow table's hash: unpredictable, so that no capture can be made to fill one place of it.
// What is written does not depend on it while no table overflows.
std::uint64_t flow_seed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

// Hands the frames of a shard to the dissector, those of rare link types peeled.
class FrameFeed {
 public:
  FrameFeed(const Limits& limits, const Shard& shard, OddLink& odd_link, Dissector& dissector)
      : limits_(limits), shard_(shard), odd_link_(odd_link), dissector_(dissector) {}

  void feed(std::span<Frame> frames) {
    const bool all = shard_.count == 1 && std::none_of(frames.begin(), frames.end(), is_odd);
    dissector_.process(all ? frames : mine_of(frames));
    dissector_.advance(frames);
  }

 private:
  static bool is_odd(const Frame& frame) { return frame.link == LinkType::other; }

  // The frames that are to be dissected here, put together so that the dissector can look ahead.
  [[nodiscard]] std::span<const Frame> mine_of(std::span<Frame> frames) {
    std::size_t count = 0;
    for (Frame& frame : frames) {
      if (is_odd(frame) && !odd_link_.peel(frame)) continue;
      if (shard_.count == 1 || shard_of(frame, limits_, shard_.count) == shard_.index) {
        mine_[count++] = frame;
      }
    }
    return std::span(mine_).first(count);
  }

  const Limits& limits_;
  Shard shard_;
  OddLink& odd_link_;
  Dissector& dissector_;
  std::array<Frame, kBatchSize> mine_;
};

std::uint64_t frames_not_peeled(const OddLink& odd_link) {
  std::uint64_t sum = 0;
  for (const auto& [link, count] : odd_link.counts()) sum += count.unknown;
  return sum;
}

void note_frames(std::span<const Frame> frames, FrameRun& run) {
  for (const Frame& frame : frames) {
    ++run.frames;
    run.bytes += frame.bytes.size();
    if (!run.first || frame.timestamp < *run.first) run.first = frame.timestamp;
    if (!run.last || frame.timestamp > *run.last) run.last = frame.timestamp;
  }
}

// A line on a terminal, rewritten as the input is consumed: how far it is, and how long it will
// take if it goes on like this.
class Progress {
 public:
  explicit Progress(bool shown) : shown_(shown) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (last_percent_ >= 0) std::fputs("\r\033[K", stderr);
  }

  void show(const FrameSource& source) {
    const auto total = static_cast<double>(source.bytes_total());
    if (!shown_ || total == 0) return;
    const double done = std::min(1.0, static_cast<double>(source.bytes_read()) / total);
    const int percent = static_cast<int>(100 * done);
    if (percent == last_percent_) return;
    last_percent_ = percent;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
    const std::string bar(static_cast<std::size_t>(kBarWidth * done), '#');
    std::fprintf(stderr, "\r[%-*s] %3d%%  %.0f s left\033[K", kBarWidth, bar.c_str(), percent,
                 done > 0 ? elapsed.count() * (1 - done) / done : 0.0);
    std::fflush(stderr);
  }

 private:
  static constexpr int kBarWidth = 40;

  bool shown_;
  int last_percent_ = -1;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

RunFacts facts_of(const RunOptions& options, const FrameSource& source, const FrameRun& run) {
  RunFacts facts;
  facts.inputs = options.captures;
  facts.frames = run.frames;
  facts.bytes = run.bytes;
  facts.first = run.first;
  facts.last = run.last;
  facts.interrupted = run.interrupted;
  facts.not_seen = blind_spots(run.statistics, run.frames_of_odd_links);
  for (const InputProblem& problem : source.problems()) {
    if (problem.skipped) continue;
    facts.problems.push_back(std::string(source.input_name(problem.input)) + ": " +
                             problem.message);
  }
  return facts;
}

void write_statistics(const FrameRun& run, const AuditTally& tally, EventSink& sink) {
  std::vector<NamedCounter> dissect;
  for_each_counter(run.statistics, [&](std::string_view name, std::uint64_t value) {
    dissect.push_back({name, value});
  });
  dissect.push_back({"frames_of_odd_links", run.frames_of_odd_links});
  const std::vector<NamedCounter> audit = named_counters(tally);
  sink.on_statistics({run.last.value_or(Timestamp{}), dissect, audit});
}

// Standard input can be read once only.
unsigned workers_for(const RunOptions& options) {
  const bool piped =
      std::find(options.captures.begin(), options.captures.end(), "-") != options.captures.end();
  return piped ? 1 : options.workers;
}

bool finding_met(const RunOptions& options, const AuditTally& tally) {
  return (options.fail_on_would_block && tally.count(VerdictAction::would_block) != 0) ||
         (options.fail_on_undecidable && tally.count(VerdictAction::undecidable) != 0);
}

}  // namespace

std::unique_ptr<FrameSource> open_source(const RunOptions& options, spdlog::logger& log) {
  OpenedCaptures opened = open_captures(options.captures, options.packet_filter);
  if (!opened.source) log.error("{}", terminal_text(opened.error));
  return std::move(opened.source);
}

FrameRun run_frames(FrameSource& source, const Limits& limits, RpcObserver& observer,
                    const Shard& shard, bool progress, const std::function<void()>& after_batch) {
  watch_for_stop_signals();
  FrameRun run;
  Dissector dissector(limits, observer, flow_seed());
  OddLink odd_link;
  FrameFeed feed(limits, shard, odd_link, dissector);
  Progress shown(progress);
  std::array<Frame, kBatchSize> batch;
  while (!stop_requested()) {
    const ReadResult read = source.read(batch);
    if (read.status == ReadStatus::end) break;
    if (read.status == ReadStatus::idle) continue;
    const std::span<Frame> frames = std::span(batch).first(read.count);
    if (shard.index == 0) note_frames(frames, run);
    feed.feed(frames);
    if (after_batch) after_batch();
    shown.show(source);
  }
  run.interrupted = stop_requested();
  dissector.finish();
  run.statistics = dissector.statistics();
  if (shard.index == 0) run.frames_of_odd_links = frames_not_peeled(odd_link);
  return run;
}

ExitStatus run_records(const RunOptions& options, AuditOptions audit,
                       RecordFormat format_by_default, spdlog::logger& log) {
  const std::unique_ptr<FrameSource> source = open_source(options, log);
  if (!source) return ExitStatus::usage;
  RecordOutput output(options.output);
  if (!output.error().empty()) {
    log.error("{}", terminal_text(output.error()));
    return ExitStatus::data;
  }
  RecordFormat format = options.format;
  if (format == RecordFormat::automatic) {
    format = output.is_terminal() ? format_by_default : RecordFormat::json;
  }
  audit.write_blindness = format == RecordFormat::json;
  const Limits limits;
  const Policy* const policy = audit.policy == nullptr ? nullptr : &audit.policy->policy();
  const auto input_name = [&source](std::uint32_t input) { return source->input_name(input); };
  EventSink& sink =
      output.open_sink(format, policy, input_name, limits.contexts + audit.records_waiting_max);
  const bool progress = !options.quiet && ::isatty(STDERR_FILENO) == 1 && !output.is_terminal();
  FrameRun run;
  AuditTally tally;
  if (workers_for(options) == 1) {
    Auditor auditor(limits, audit, sink);
    run = run_frames(*source, limits, auditor, Shard{}, progress, nullptr);
    tally = auditor.tally();
  } else {
    ShardedRun sharded =
        run_sharded(options, limits, audit, format, progress, *source, output, log);
    run = sharded.frames;
    tally = std::move(sharded.tally);
  }
  log.debug("{} frames of {} bytes read, {} calls", run.frames, run.bytes, tally.calls);
  write_statistics(run, tally, sink);
  output.finish();

  RunFacts facts = facts_of(options, *source, run);
  if (!output.error().empty()) facts.problems.push_back(output.error());
  if (!options.quiet) {
    std::cerr << summary_text(facts, tally, policy);
  } else {
    for (const std::string& problem : facts.problems) log.error("{}", terminal_text(problem));
  }
  if (!facts.problems.empty()) return ExitStatus::data;
  if (finding_met(options, tally)) return ExitStatus::finding;
  const bool nothing = policy != nullptr ? tally.judged == 0 : tally.calls + tally.contexts == 0;
  if (!nothing) return ExitStatus::done;
  log.warn("no RPC call was seen: {}",
           reason_for_nothing(run.statistics, tally, run.frames_of_odd_links));
  return ExitStatus::nothing_evaluated;
}

}  // namespace rpcaudit
