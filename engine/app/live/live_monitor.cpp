#include "engine/app/live/live_monitor.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "engine/app/process/hangup_signal.h"
#include "engine/app/version.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

using capture::LinkState;
using capture::LiveInterface;

std::string_view news_of(LinkState state) noexcept {
  switch (state) {
    case LinkState::up: return "is up again, and captured";
    case LinkState::down: return "is down; this waits until it is up again";
    case LinkState::gone: return "has vanished; this waits until it is back";
    case LinkState::detached:
      return "is back as another one, which only one worker could go on with: start the program "
             "again to capture it";
  }
  return "";
}

audit::PolicyOutcome outcome_of(ReloadResult result) noexcept {
  switch (result) {
    case ReloadResult::done: return audit::PolicyOutcome::taken_over;
    case ReloadResult::unchanged: return audit::PolicyOutcome::unchanged;
    case ReloadResult::refused: break;
  }
  return audit::PolicyOutcome::refused;
}

}  // namespace

LiveMonitor::LiveMonitor(const LiveRunOptions& options, const capture::LiveCapture& capture,
                         LiveOutputs& outputs, StatisticsBoard& board, PolicyGenerations* policies,
                         audit::EventSink& sink, LiveDesk& desk, Stop& stop, Log& log)
    : options_(options),
      capture_(capture),
      outputs_(outputs),
      board_(board),
      policies_(policies),
      sink_(sink),
      desk_(desk),
      stop_(stop),
      log_(log),
      told_states_(capture.interfaces.size(), LinkState::up),
      statistics_due_(Clock::now() + std::chrono::seconds(options.stats_interval)) {
  if (policies_ == nullptr) return;
  tell_policies("start", ReloadResult::done, *policies_->current(), 0);
}

void LiveMonitor::look_around() {
  tell_interfaces();
  for (const std::string& news : outputs_.news()) log_.warn(audit::terminal_text(news));
  if (outputs_.all_gone()) stop_.request(StopReason::output_closed);
  heed_hangups();
  desk_.operation().look_around(
      [this](const ControlRequest& request) { return carry_out(request); });
  tell_statistics();
}

void LiveMonitor::tell_interfaces() {
  for (std::size_t i = 0; i < told_states_.size(); ++i) {
    const LiveInterface& interface = *capture_.interfaces[i];
    const LinkState state = interface.state.load(std::memory_order_relaxed);
    if (state == told_states_[i]) continue;
    told_states_[i] = state;
    log_.warn(audit::terminal_text(interface.name) + " " + std::string(news_of(state)));
  }
}

void LiveMonitor::heed_hangups() {
  const std::uint32_t now = hangups();
  if (now == hangups_heeded_) return;
  hangups_heeded_ = now;
  outputs_.reopen();
  if (policies_ != nullptr) (void)reload("SIGHUP");
}

ControlAnswer LiveMonitor::carry_out(const ControlRequest& request) {
  switch (request.command) {
    case ControlCommand::reload: return reload_for_operator();
    case ControlCommand::rotate:
      outputs_.reopen();
      return {0, "files of records are opened anew\n", {}};
    case ControlCommand::stop:
      log_.warn("stopped by `rpcaudit ctl stop`");
      stop_.request(StopReason::terminate);
      return {0, "the monitor stops\n", {}};
    case ControlCommand::netsh: return run_netsh(request);
    case ControlCommand::status:
    case ControlCommand::stats: break;
  }
  return {2, {}, "error: this monitor does not know the command\n"};
}

ControlAnswer LiveMonitor::reload_for_operator() {
  if (policies_ == nullptr) return {2, {}, "error: this monitor has no policies\n"};
  const PolicyGenerations::Reading reading = reload("ctl");
  switch (reading.result) {
    case ReloadResult::done: return {0, "policies were read anew, and judge from here on\n", {}};
    case ReloadResult::unchanged: return {0, "policies are as they were\n", {}};
    case ReloadResult::refused: break;
  }
  return {1, {}, reading.problems + "error: the policies before go on\n"};
}

// Nobody waits for the reading: workers judge by the policies before, and what they tell meanwhile
// waits in the merger.
PolicyGenerations::Reading LiveMonitor::reload(std::string_view asked_by) {
  PolicyGenerations::Reading reading = policies_->read_again(log_);
  desk_.note_reload(reading.result, asked_by);
  if (reading.result == ReloadResult::unchanged) log_.warn("policies were read anew: no change");
  if (reading.result != ReloadResult::done) {
    tell_policies(asked_by, reading.result, *policies_->current(), policies_->first());
    return reading;
  }
  take_over(reading, asked_by);
  log_.warn("policies were read anew, and judge from here on");
  return reading;
}

void LiveMonitor::take_over(PolicyGenerations::Reading& reading, std::string_view asked_by) {
  // Sinks have to know them before the first event that refers to them.
  tell_policies(asked_by, reading.result, *reading.next, policies_->current()->size());
  policies_->follow_with(std::move(reading.next));
}

ControlAnswer LiveMonitor::run_netsh(const ControlRequest& request) {
  if (policies_ == nullptr) {
    return {2, {}, "error: this monitor has no policies; start it with --policy\n"};
  }
  ControlAnswer answer = volatile_filters_.run(request);
  PolicyGenerations::Reading reading = policies_->with_volatile_filters(volatile_filters_.script());
  if (reading.result == ReloadResult::done) {
    take_over(reading, "netsh");
    log_.warn("volatile filters were changed by `rpcaudit netsh`, and judge from here on");
  }
  return answer;
}

void LiveMonitor::tell_policies(std::string_view asked_by, ReloadResult result,
                                const evaluate::ServerPolicies& judging, std::uint32_t first) {
  sink_.on_policies({.timestamp = clock_now(),
                     .policies = &judging,
                     .first = first,
                     .outcome = outcome_of(result),
                     .asked_by = asked_by});
  sink_.flush();
}

void LiveMonitor::tell_statistics() {
  const auto now = Clock::now();
  const bool is_status_due = desk_.operation().is_wanted() && now >= status_due_;
  if (!has_asked_) {
    if (now < statistics_due_ && !is_status_due) return;
    has_asked_ = true;
    board_.ask();
  }
  if (!board_.is_complete()) return;
  has_asked_ = false;
  const StatisticsBoard::Sum sum = board_.sum();
  if (is_status_due) {
    status_due_ = now + kStatusInterval;
    desk_.publish(sum);
  }
  if (now < statistics_due_) return;
  statistics_due_ += std::chrono::seconds(options_.stats_interval);
  write_statistics(sum);
}

void LiveMonitor::write_statistics(const StatisticsBoard::Sum& counters) {
  std::vector<audit::NamedCounter> dissect;
  for_each_counter(counters.dissect, [&](std::string_view name, std::uint64_t value) {
    dissect.push_back({name, value});
  });
  dissect.push_back({"frames_of_odd_links", counters.frames_of_odd_links});
  std::vector<audit::InterfaceStatistics> interfaces;
  for (const auto& interface : capture_.interfaces) {
    interfaces.push_back(statistics_of(*interface));
  }
  sink_.on_statistics({.timestamp = clock_now(),
                       .version = kVersion,
                       .inputs = options_.run.captures,
                       .first = counters.first,
                       .dissect = dissect,
                       .audit = counters.audit,
                       .interfaces = interfaces,
                       .records_lost = outputs_.records_lost()});
  sink_.flush();
}

std::vector<std::string> LiveMonitor::shares_seen() const {
  std::vector<std::string> sentences;
  for (const auto& interface : capture_.interfaces) {
    const audit::InterfaceStatistics statistics = statistics_of(*interface);
    const std::uint64_t lost = statistics.dropped + statistics.missed;
    // Rounded down: a loss, however small, does not become none.
    const auto hundredths = static_cast<unsigned>(statistics.share_seen() * 10'000);
    std::array<char, 16> percent{};
    std::snprintf(percent.data(), percent.size(), "%u.%02u", hundredths / 100, hundredths % 100);
    std::string sentence = "this audit saw ";
    sentence += lost == 0 ? "all" : std::string(percent.data()) + " %";
    sentence += " of the " + audit::grouped(statistics.frames + statistics.missed) + " frames of " +
                audit::terminal_text(interface->name);
    if (lost != 0) {
      sentence += " (" + audit::grouped(statistics.dropped) + " came faster than they were read, " +
                  audit::grouped(statistics.missed) + " were dropped by the adapter)";
    }
    sentences.push_back(std::move(sentence));
  }
  return sentences;
}

}  // namespace rpcaudit::app
