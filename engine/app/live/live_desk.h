#pragma once

#include <cstdint>
#include <optional>

#include "capture/live/pcap_live.h"
#include "engine/app/live/live_options.h"
#include "engine/app/live/live_outputs.h"
#include "engine/app/live/policy_generations.h"
#include "engine/app/live/statistics_board.h"
#include "engine/app/operate/finding_counts.h"
#include "engine/app/operate/operation.h"

namespace rpcaudit::app {

// What is known of an interface, as records and operators are told it.
[[nodiscard]] audit::InterfaceStatistics statistics_of(const capture::LiveInterface& interface);

[[nodiscard]] Timestamp clock_now();

// Puts together what the operator of a monitor is told.
class LiveDesk {
 public:
  // Borrows all of them; policies may be null.
  LiveDesk(const LiveRunOptions& options, const capture::LiveCapture& capture,
           const LiveOutputs& outputs, const PolicyGenerations* policies,
           const FindingCounts& findings, Operation& operation);

  [[nodiscard]] Operation& operation() noexcept { return operation_; }
  // The kernel does not tell whether it holds.
  void set_landlock(bool holds) noexcept { confinement_.has_landlock = holds; }
  void note_reload(ReloadResult result, std::string_view asked_by) {
    reloads_.note(result, asked_by, clock_now());
  }
  void publish(const StatisticsBoard::Sum& counters);

 private:
  [[nodiscard]] std::vector<audit::NamedCounter> never_less(
      std::vector<audit::NamedCounter> counters);
  [[nodiscard]] std::vector<InterfaceStatus> interfaces() const;
  [[nodiscard]] std::vector<PolicyStatus> policies() const;

  const LiveRunOptions& options_;
  const capture::LiveCapture& capture_;
  const LiveOutputs& outputs_;
  const PolicyGenerations* policies_;
  const FindingCounts& findings_;
  Operation& operation_;
  std::vector<std::uint64_t> told_;  // the largest values of counters of the audit
  ReloadStatus reloads_;
  Confinement confinement_;
  Timestamp started_ = clock_now();
};

}  // namespace rpcaudit::app
