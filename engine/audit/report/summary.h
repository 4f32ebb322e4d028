#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/timestamp.h"
#include "engine/audit/tally/audit_tally.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::audit {

// A line of the summary: how many, of what.
struct CountedLine {
  std::uint64_t count = 0;
  std::string text;
};

// What the summary says about a run that the auditor cannot know.
struct RunFacts {
  std::string_view version;  // of the program
  std::string_view sensor;   // may be empty
  std::string_view run;      // may be empty
  std::vector<std::string> inputs;
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;  // as captured
  std::optional<Timestamp> first;
  std::optional<Timestamp> last;
  bool interrupted = false;
  std::uint64_t inputs_skipped = 0;   // files of a folder that are no captures
  std::vector<std::string> problems;  // damaged inputs, lost output
  std::vector<CountedLine> not_seen;  // known to the dissector or the capture
};

// The rows of each part of a summary for people: a screen of all parts together, or so many.
struct RowLimits {
  std::size_t activities = 12;
  std::size_t filters = 8;
  std::size_t others = 8;
  std::size_t servers = 6;
  std::size_t columns = 110;           // of a row without its count
  std::size_t activity_columns = 180;  // of one that may list targets

  // At most `rows` of everything, in full width; 0: all.
  [[nodiscard]] static RowLimits of(std::size_t rows) noexcept;
};

// The summary for people: aligned, ends with a line end. `policies` may be null.
[[nodiscard]] std::string summary_text(const RunFacts& run, const AuditTally& tally,
                                       const evaluate::ServerPolicies* policies,
                                       const RowLimits& limits = {});

}  // namespace rpcaudit::audit
