#include "engine/app/live/live_desk.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/app/process/privileges.h"

namespace rpcaudit::app {
namespace {

using capture::LinkState;

std::string_view name_of(LinkState state) noexcept {
  switch (state) {
    case LinkState::up: return "up";
    case LinkState::down: return "down";
    case LinkState::gone: return "gone";
    case LinkState::detached: return "detached";
  }
  return "";
}

Confinement confinement_now() {
  const PrivilegesLeft left = privileges_left();
  return {.has_no_capabilities = !left.has_capabilities,
          .has_no_new_privileges = !left.may_gain_privileges,
          .has_seccomp_filter = left.has_seccomp_filter};
}

}  // namespace

Timestamp clock_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()};
}

audit::InterfaceStatistics statistics_of(const capture::LiveInterface& interface) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  audit::InterfaceStatistics statistics;
  statistics.name = interface.name;
  statistics.state = name_of(interface.state.load(kRelaxed));
  statistics.frames = interface.matched.load(kRelaxed);
  // They are written one after the other.
  statistics.dropped = std::min(interface.dropped.load(kRelaxed), statistics.frames);
  statistics.missed = interface.missed.load(kRelaxed);
  return statistics;
}

LiveDesk::LiveDesk(const LiveRunOptions& options, const capture::LiveCapture& capture,
                   const LiveOutputs& outputs, const PolicyGenerations* policies,
                   const FindingCounts& findings, Operation& operation)
    : options_(options),
      capture_(capture),
      outputs_(outputs),
      policies_(policies),
      findings_(findings),
      operation_(operation),
      confinement_(confinement_now()) {}

std::vector<InterfaceStatus> LiveDesk::interfaces() const {
  std::vector<InterfaceStatus> all;
  for (const auto& interface : capture_.interfaces) {
    const audit::InterfaceStatistics now = statistics_of(*interface);
    all.push_back(
        {interface->name, now.state, now.frames, now.dropped, now.missed, now.share_seen()});
  }
  return all;
}

std::vector<PolicyStatus> LiveDesk::policies() const {
  std::vector<PolicyStatus> all;
  if (policies_ == nullptr) return all;
  const evaluate::ServerPolicies& current = *policies_->current();
  for (std::uint32_t index = policies_->first(); index < current.size(); ++index) {
    const policy::Policy& policy = current.policy(index);
    all.push_back({current.name(index), policy.digest, policy.files, policy.filters.size()});
  }
  return all;
}

// A verdict may move from one action to another when a call comes into doubt. Whoever computes
// rates takes a counter that shrinks for one that began anew.
std::vector<audit::NamedCounter> LiveDesk::never_less(std::vector<audit::NamedCounter> counters) {
  told_.resize(counters.size());
  for (std::size_t i = 0; i < counters.size(); ++i) {
    told_[i] = std::max(told_[i], counters[i].value);
    counters[i].value = told_[i];
  }
  return counters;
}

void LiveDesk::publish(const StatisticsBoard::Sum& counters) {
  LiveStatus status;
  status.at = clock_now();
  status.started = started_;
  status.process = static_cast<std::uint64_t>(::getpid());
  status.workers = options_.run.workers;
  status.judges = policies_ != nullptr;
  status.confinement = confinement_;
  status.interfaces = interfaces();
  status.policies = policies();
  status.reloads = reloads_;
  status.outputs = outputs_.status();
  for_each_counter(counters.dissect, [&](std::string_view name, std::uint64_t value) {
    status.dissect.push_back({name, value});
  });
  status.dissect.push_back({"frames_of_odd_links", counters.frames_of_odd_links});
  status.audit = never_less(counters.audit);
  status.blindness = counters.blindness;
  status.controls = counters.controls;
  status.findings = findings_.status();
  status.lag_seconds = counters.lag_seconds;
  operation_.publish(std::move(status));
}

}  // namespace rpcaudit::app
