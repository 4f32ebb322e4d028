#include "engine/audit/report/target_summary.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/audit/report/summary_text.h"
#include "engine/audit/sink/text_sink.h"

namespace rpcaudit::audit {
namespace {

// Targets that judge all calls alike share a line.
struct TargetLine {
  TargetTally counts{};
  std::size_t target = 0;  // the first
  std::string names;
};

// The targets side by side, those that block most first.
std::string targets_part(const AuditTally& tally) {
  std::vector<TargetLine> lines;
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    const auto target = static_cast<policy::Target>(i);
    const TargetTally counts = tally.on_target(target);
    const auto same = std::find_if(lines.begin(), lines.end(), [&](const TargetLine& line) {
      const bool differ = (std::uint32_t{tally.differing_targets[line.target]} >> i & 1u) != 0;
      return line.counts == counts && !differ;
    });
    if (same == lines.end()) {
      lines.push_back({counts, i, std::string(to_string(target))});
    } else {
      same->names += ", " + std::string(to_string(target));
    }
  }
  const auto is_worse = [](const auto& a, const auto& b) {
    const auto key = [](const TargetTally& counts) {
      return std::pair(counts[static_cast<std::size_t>(evaluate::TargetAction::would_block)],
                       counts[static_cast<std::size_t>(evaluate::TargetAction::undecidable)]);
    };
    return key(a.counts) > key(b.counts);
  };
  std::stable_sort(lines.begin(), lines.end(), is_worse);
  std::string text = "\ntargets     versions of Windows judge " + grouped(tally.depends_on_target) +
                     " of the calls differently (--target picks one)";
  for (const TargetLine& line : lines) {
    text += "\n            " + verdicts_text(line.counts) + ": " + line.names;
  }
  return text;
}

bool differ_by_target(const AuditTally& tally) {
  return std::any_of(tally.as_judged.begin(), tally.as_judged.end(),
                     [](std::uint64_t count) { return count != 0; });
}

}  // namespace

std::string verdicts_text(const TargetTally& tally) {
  const auto at = [&tally](evaluate::TargetAction action) {
    return tally[static_cast<std::size_t>(action)];
  };
  std::string text = grouped(at(evaluate::TargetAction::would_block)) + " would be blocked, " +
                     grouped(at(evaluate::TargetAction::undecidable)) + " undecidable, " +
                     grouped(at(evaluate::TargetAction::would_permit)) + " would be permitted";
  const std::uint64_t logged = at(evaluate::TargetAction::would_log);
  if (logged != 0) text += ", " + grouped(logged) + " would be logged only (audit=enable)";
  return text;
}

std::string verdicts_by_target(const AuditTally& tally) {
  if (differ_by_target(tally)) return targets_part(tally);
  const std::uint64_t count = tally.depends_on_target;
  return ": " + verdicts_text(tally.on_target(policy::Target::documented)) + "\ntarget      " +
         grouped(count) + (count == 1 ? " verdict depends" : " verdicts depend") +
         " on the version of Windows (see --target)";
}

std::string by_target_text(const evaluate::TargetActions& targets) {
  std::string text;
  for (const auto& [action, words] :
       {std::pair(evaluate::TargetAction::would_block, "would block on "),
        std::pair(evaluate::TargetAction::undecidable, "undecidable on ")}) {
    const std::string names = target_names(targets, action);
    if (!names.empty()) text += (text.empty() ? words : std::string("; ") + words) + names;
  }
  return text;
}

}  // namespace rpcaudit::audit
