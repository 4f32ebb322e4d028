#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "engine/app/log.h"
#include "engine/app/operate/live_status.h"
#include "engine/app/policies/deployment_files.h"
#include "engine/app/run/run_options.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::app {

// The policies of a run that goes on: those that judge now, and those that did. All are kept until
// the end, since records that wait, and the summary, refer to them.
class PolicyGenerations {
 public:
  // Takes the first ones.
  PolicyGenerations(const RunOptions& options, LoadedPolicies loaded);

  // Any thread may ask.
  [[nodiscard]] const evaluate::ServerPolicies* current() const noexcept {
    return current_.load(std::memory_order_acquire);
  }
  // The index of the first policy that judges now; policies of lower indexes judged before. For the
  // thread that reads policies anew.
  [[nodiscard]] std::uint32_t first() const noexcept { return first_; }

  // What came of reading the files of the options anew.
  struct Reading {
    ReloadResult result = ReloadResult::refused;
    std::unique_ptr<const evaluate::ServerPolicies> next;  // to follow the current ones: done alone
    std::string problems;                                  // refused: why, in lines
  };
  // Policies that cannot judge are refused, and the log says why.
  [[nodiscard]] Reading read_again(Log& log);
  // What follows when these filters, a script, hold besides the files, which are not read anew.
  // They go on to hold when the files are.
  [[nodiscard]] Reading with_volatile_filters(const std::string& script);
  // From here on they are the current ones.
  void follow_with(std::unique_ptr<const evaluate::ServerPolicies> next);

 private:
  [[nodiscard]] Reading make_next();

  const RunOptions& options_;
  LoadedPolicies loaded_;  // of the files as they were read last
  std::string volatile_filters_;
  std::string identity_;       // of the current ones
  std::string next_identity_;  // of the policies read last
  std::vector<std::unique_ptr<const evaluate::ServerPolicies>> generations_;
  std::uint32_t first_ = 0;
  std::atomic<const evaluate::ServerPolicies*> current_{nullptr};
};

}  // namespace rpcaudit::app
