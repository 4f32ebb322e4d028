#include "engine/app/live/live_run.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/app/live/live_check.h"
#include "engine/app/live/live_desk.h"
#include "engine/app/live/live_monitor.h"
#include "engine/app/live/live_outputs.h"
#include "engine/app/process/cpu_list.h"
#include "engine/app/process/hangup_signal.h"
#include "engine/app/process/landlock.h"
#include "engine/app/process/privileges.h"
#include "engine/app/process/sandbox.h"
#include "engine/app/run/audit_worker.h"
#include "engine/app/run/pipeline.h"
#include "engine/app/run/run_report.h"
#include "engine/audit/relay/fanout_sink.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

// A worker with a source of its own: no frame crosses a thread.
class LiveWorker {
 public:
  LiveWorker(std::uint32_t index, capture::FrameSource& source, const Stop& stop,
             const RunPlan& plan, const audit::AuditOptions& options, audit::EventMerger& merger,
             StatisticsBoard& board, const PolicyGenerations* policies)
      : reader_(source, stop, false),
        feed_(reader_),
        worker_(index, plan.limits, options, feed_, merger),
        judging_(options.policies) {
    worker_.set_between([this, index, &board, policies](AuditWorker& worker) {
      if (policies != nullptr && policies->current() != judging_) {
        judging_ = policies->current();
        worker.take_over(*judging_);
      }
      board.answer(index, worker.statistics(), worker.tally(), reader_.run(), lag_seconds());
    });
  }

  void run() { worker_.run(); }

  [[nodiscard]] const ReadRun& read() const noexcept { return reader_.run(); }
  [[nodiscard]] const AuditWorker& worker() const noexcept { return worker_; }

 private:
  // How old the newest frame is, which was judged just now; nothing when none came since.
  [[nodiscard]] double lag_seconds() {
    const std::optional<Timestamp> last = reader_.run().last;
    if (!last || last == judged_) return 0;
    judged_ = last;
    return std::max(0.0, static_cast<double>(nanoseconds_between(*last, clock_now())) / 1e9);
  }

  std::optional<Timestamp> judged_;
  CaptureReader reader_;
  DirectFeed feed_;
  AuditWorker worker_;
  const evaluate::ServerPolicies* judging_;
};

void add(const ReadRun& more, ReadRun& sum) {
  sum.frames += more.frames;
  sum.bytes += more.bytes;
  sum.frames_of_odd_links += more.frames_of_odd_links;
  if (more.first && (!sum.first || *more.first < *sum.first)) sum.first = more.first;
  if (more.last && (!sum.last || *more.last > *sum.last)) sum.last = more.last;
}

AuditRun sum_of(std::span<const std::unique_ptr<LiveWorker>> workers) {
  const LiveWorker& first = *workers.front();
  AuditRun sum{{first.read(), first.worker().statistics()}, first.worker().tally()};
  for (const auto& worker : workers.subspan(1)) {
    add(worker->read(), sum.frames.read);
    add(worker->worker().statistics(), sum.frames.statistics);
    sum.tally.add(worker->worker().tally());
  }
  return sum;
}

StatisticsBoard::Sum counters_of(const AuditRun& run) {
  return counters_of(run.frames.statistics, run.tally, run.frames.read);
}

// Where files are made, renamed and removed while it runs.
std::vector<std::string> folders_written(const LiveRunOptions& options) {
  std::vector<std::string> files = files_written(options);
  if (!options.operation.control.empty()) files.push_back(options.operation.control);
  std::vector<std::string> folders;
  for (const std::string& file : files) {
    const std::string folder = std::filesystem::path(file).parent_path();
    folders.push_back(folder.empty() ? "." : folder);
  }
  return folders;
}

// What is opened for operators belongs to the user that the program becomes.
bool confine(const LiveRunOptions& options, Operation& operation, bool& has_landlock, Log& log) {
  std::string error;
  if (!give_up_capabilities(options.user, error) || !operation.open(options.operation, error)) {
    log.error(audit::terminal_text(error));
    return false;
  }
  if (operation.is_open_to_others()) {
    log.warn(
        "--http: other hosts can read what this one sees of calls; nobody is asked who they "
        "are");
  }
  if (options.run.no_sandbox) {
    log.debug("no sandbox, as asked for");
    return true;
  }
  has_landlock = enter_landlock(folders_written(options));
  if (!has_landlock) log.debug("no Landlock: this system has none");
  if (enter_sandbox(SandboxNeeds::live) == Sandbox::entered) {
    log.debug("in a sandbox: from here on files are read, and appended to, and nothing else");
  } else {
    log.debug("no sandbox: this system or build has none");
  }
  return true;
}

ExitStatus report_live(const LiveRunOptions& options, AuditRun& run, const LiveMonitor& monitor,
                       const LiveOutputs& outputs, const capture::FrameSource& source,
                       const evaluate::ServerPolicies* policies, Log& log) {
  std::vector<std::string> problems;
  const std::uint64_t lost = outputs.records_lost();
  const bool is_closed = run.frames.read.stopped == StopReason::output_closed;
  if (lost != 0 && !is_closed) problems.push_back(audit::grouped(lost) + " records were lost");
  // That somebody stops it is how such a run ends.
  if (!is_closed) run.frames.read.stopped = StopReason::none;
  OutputFile no_summary;
  ExitStatus status =
      report(options.run, run, std::move(problems), source, policies, no_summary, log);
  if (!options.run.quiet && !is_closed) {
    for (const std::string& sentence : monitor.shares_seen()) {
      (void)write_to_standard_error(sentence + "\n");
    }
  }
  return status == ExitStatus::nothing_evaluated ? ExitStatus::done : status;
}

// Each worker on a thread of its own. Borrows the processors, which parse_cpu_list() looked at.
std::vector<std::thread> start(std::span<const std::unique_ptr<LiveWorker>> workers,
                               const std::vector<unsigned>& cpus) {
  std::vector<std::thread> threads;
  threads.reserve(workers.size());
  for (std::size_t index = 0; index < workers.size(); ++index) {
    threads.emplace_back([&cpus, &worker = *workers[index], index] {
      if (!cpus.empty()) (void)pin_thread(cpus[index % cpus.size()]);
      worker.run();
    });
  }
  return threads;
}

}  // namespace

ExitStatus run_live(const LiveRunOptions& options, audit::AuditOptions audit,
                    PolicyGenerations* policies, Log& log) {
  Stop& stop = watch_for_stop_signals();
  watch_for_hangups();
  const std::optional<MemoryPlan> memory =
      share_memory(options.run, policies != nullptr, log, LiveOutputs::kQueueBytes);
  if (!memory) return ExitStatus::usage;
  RunPlan plan;
  plan.workers = options.run.workers;
  plan.limits = memory->limits;
  audit.records_waiting_max = memory->records_waiting_max;
  if (policies != nullptr) audit.policies = policies->current();

  capture::LiveOptions wanted = options.capture;
  wanted.stop_descriptor = stop.descriptor();
  const capture::LiveCapture capture = capture::open_live(wanted);
  if (capture.sources.empty()) {
    log.error(audit::terminal_text(capture.error));
    return capture.is_usage_error ? ExitStatus::usage : ExitStatus::data;
  }
  Operation operation;
  bool has_landlock = false;
  if (!confine(options, operation, has_landlock, log)) return ExitStatus::data;
  LiveOutputs outputs;
  if (!outputs.open(options)) {
    log.error(audit::terminal_text(outputs.error()));
    return ExitStatus::data;
  }
  audit.write_blindness = outputs.has(RecordFormat::json);
  audit::EventSink& written = outputs.open_sink(
      {.policies = audit.policies,
       .input_name =
           [&capture](std::uint32_t input) { return capture.sources[0]->input_name(input); },
       .input_key = "in_iface",
       .contexts_max = plan.workers * (plan.limits.context_slots() + audit.records_waiting_max)});
  SuppressedSink suppressed(options.run, written);

  FindingCounts findings(audit.policies);
  audit::FanoutSink sink({&findings, &suppressed.sink()});
  StatisticsBoard board(plan.workers);
  LiveDesk desk(options, capture, outputs, policies, findings, operation);
  desk.set_landlock(has_landlock);
  LiveMonitor monitor(options, capture, outputs, board, policies, sink, desk, stop, log);
  audit::EventMerger merger(
      plan.workers, sink, [] {}, memory->merger);
  std::vector<std::unique_ptr<LiveWorker>> workers;
  for (std::uint32_t index = 0; index < plan.workers; ++index) {
    workers.push_back(std::make_unique<LiveWorker>(index, *capture.sources[index], stop, plan,
                                                   audit, merger, board, policies));
  }
  std::vector<std::thread> threads = start(workers, options.cpus);
  if (!operation.start()) log.error("--http: no thread could be started");
  log.debug("capturing");
  merger.run([&] {
    monitor.look_around();
    suppressed.on_time(clock_now());
  });
  for (std::thread& thread : threads) thread.join();

  operation.stop();
  AuditRun run = sum_of(workers);
  suppressed.finish();
  monitor.write_statistics(counters_of(run));
  outputs.finish();
  return report_live(options, run, monitor, outputs, *capture.sources[0],
                     policies != nullptr ? policies->current() : nullptr, log);
}

}  // namespace rpcaudit::app
