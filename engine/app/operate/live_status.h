#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/timestamp.h"
#include "engine/audit/tally/audit_tally.h"

namespace rpcaudit::app {

// What this process can still do to its host, as the kernel has it.
struct Confinement {
  bool has_no_capabilities = false;
  bool has_no_new_privileges = false;
  bool has_seccomp_filter = false;
  bool has_landlock = false;
};

struct InterfaceStatus {
  std::string name;
  std::string_view state;    // literal
  std::uint64_t frames = 0;  // see audit::InterfaceStatistics
  std::uint64_t dropped = 0;
  std::uint64_t missed = 0;
  double share_seen = 1;
};

struct PolicyStatus {
  std::string name;  // of the deployment; empty where there is only one policy
  std::string digest;
  std::vector<std::string> files;
  std::uint64_t filters = 0;
};

enum class ReloadResult : std::uint8_t { done, unchanged, refused };
inline constexpr std::size_t kReloadResultCount = 3;
[[nodiscard]] std::string_view to_string(ReloadResult result) noexcept;

// Reloads of policies since the start.
struct ReloadStatus {
  std::array<std::uint64_t, kReloadResultCount> count{};  // by ReloadResult
  std::optional<Timestamp> last;
  ReloadResult last_result = ReloadResult::done;
  std::string_view last_asked_by;  // literal

  void note(ReloadResult result, std::string_view asked_by, Timestamp when) noexcept {
    ++count[static_cast<std::size_t>(result)];
    last = when;
    last_result = result;
    last_asked_by = asked_by;
  }
};

struct OutputStatus {
  std::string name;
  std::uint64_t waiting_bytes = 0;
  std::uint64_t records_lost = 0;
  std::string error;  // why it takes no records; empty while it does
};

// Calls by the rule that decided, or may have decided: VerdictAction.
struct RuleStatus {
  std::string rule;  // policy::rule_name()
  std::array<std::uint64_t, evaluate::kVerdictActionCount> actions{};
};

struct FieldStatus {
  std::string_view field;  // literal
  std::uint64_t calls = 0;
};

// What rules decided of the calls that somebody has to hear of, by name: bounded, the rest summed.
struct FindingStatus {
  std::vector<RuleStatus> rules;
  std::vector<FieldStatus> fields;  // undecidable calls by the field that was not seen
};

// All that a monitor tells of itself, of one moment.
struct LiveStatus {
  Timestamp at;
  Timestamp started;
  std::uint64_t process = 0;
  std::uint64_t workers = 0;
  bool judges = false;  // it has policies
  Confinement confinement;
  std::vector<InterfaceStatus> interfaces;
  std::vector<PolicyStatus> policies;
  ReloadStatus reloads;
  std::vector<OutputStatus> outputs;
  std::vector<audit::NamedCounter> dissect;  // names are literals
  std::vector<audit::NamedCounter> audit;
  std::array<audit::BlindnessTally, dissect::kBlindnessKindCount> blindness{};
  std::array<std::array<std::uint64_t, evaluate::kControlActionCount>, evaluate::kControlCount>
      controls{};
  FindingStatus findings;
  double lag_seconds = 0;  // how old the newest frames were when they had been judged
};

[[nodiscard]] std::uint64_t counter_of(const std::vector<audit::NamedCounter>& counters,
                                       std::string_view name) noexcept;

// The latest status: one thread writes it, any number read it, and nobody waits for another.
class StatusBoard {
 public:
  void publish(LiveStatus status) {
    auto next = std::make_shared<const LiveStatus>(std::move(status));
    const std::lock_guard lock(mutex_);
    latest_.swap(next);
  }
  // Null before the first.
  [[nodiscard]] std::shared_ptr<const LiveStatus> latest() const {
    const std::lock_guard lock(mutex_);
    return latest_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const LiveStatus> latest_;
};

}  // namespace rpcaudit::app
