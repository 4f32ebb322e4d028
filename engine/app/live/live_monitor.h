#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "capture/live/pcap_live.h"
#include "engine/app/live/live_desk.h"
#include "engine/app/live/live_options.h"
#include "engine/app/live/live_outputs.h"
#include "engine/app/live/policy_generations.h"
#include "engine/app/live/statistics_board.h"
#include "engine/app/live/volatile_filters.h"
#include "engine/app/log.h"
#include "engine/app/process/stop_signal.h"

namespace rpcaudit::app {

// What has to be looked after while the workers run: interfaces that come and go, outputs that
// fail, counters that are due, signals. All of it on the thread that writes records, between two of
// them.
class LiveMonitor {
 public:
  // Borrows all of them; without policies nothing is judged.
  LiveMonitor(const LiveRunOptions& options, const capture::LiveCapture& capture,
              LiveOutputs& outputs, StatisticsBoard& board, PolicyGenerations* policies,
              audit::EventSink& sink, LiveDesk& desk, Stop& stop, Log& log);

  // To be called several times a second.
  void look_around();

  // Writes counters now, with these of the workers.
  void write_statistics(const StatisticsBoard::Sum& counters);

  // How much of each interface's frames was seen, a sentence each.
  [[nodiscard]] std::vector<std::string> shares_seen() const;

 private:
  using Clock = std::chrono::steady_clock;
  // How often operators are told anew.
  static constexpr std::chrono::seconds kStatusInterval{1};

  void tell_interfaces();
  void tell_statistics();
  void heed_hangups();
  // Reads policies anew, and tells what came of it. `asked_by` is a literal of the schema.
  PolicyGenerations::Reading reload(std::string_view asked_by);
  void take_over(PolicyGenerations::Reading& reading, std::string_view asked_by);
  void tell_policies(std::string_view asked_by, ReloadResult result,
                     const evaluate::ServerPolicies& judging, std::uint32_t first);
  [[nodiscard]] ControlAnswer run_netsh(const ControlRequest& request);
  // For `rpcaudit ctl`.
  [[nodiscard]] ControlAnswer carry_out(const ControlRequest& request);
  [[nodiscard]] ControlAnswer reload_for_operator();

  const LiveRunOptions& options_;
  const capture::LiveCapture& capture_;
  LiveOutputs& outputs_;
  StatisticsBoard& board_;
  PolicyGenerations* policies_;
  audit::EventSink& sink_;
  LiveDesk& desk_;
  Stop& stop_;
  Log& log_;
  VolatileFilters volatile_filters_;
  std::vector<capture::LinkState> told_states_;
  std::uint32_t hangups_heeded_ = 0;
  Clock::time_point statistics_due_;
  Clock::time_point status_due_ = Clock::now();
  bool has_asked_ = false;  // counters, that are not all there yet
};

}  // namespace rpcaudit::app
