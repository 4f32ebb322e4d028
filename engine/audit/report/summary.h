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

// The summary for people: aligned, at most a screen, ends with a line end. `policies` may be null.
[[nodiscard]] std::string summary_text(const RunFacts& run, const AuditTally& tally,
                                       const evaluate::ServerPolicies* policies);

}  // namespace rpcaudit::audit
