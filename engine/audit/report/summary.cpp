#include "engine/audit/report/summary.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "engine/audit/report/control_summary.h"
#include "engine/audit/report/server_summary.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/report/target_summary.h"
#include "engine/audit/sink/text_sink.h"
#include "engine/audit/text/rfc3339.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/policy/netsh/printer.h"

namespace rpcaudit::audit {
namespace {

constexpr std::size_t kInputsMax = 3;

std::string left(std::string text, std::size_t width) {
  const std::size_t columns = column_count(text);
  if (columns < width) text.append(width - columns, ' ');
  return text;
}

std::string shortened(const std::string& text, std::size_t width) {
  if (column_count(text) <= width) return text;
  std::size_t end = width - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string time_text(Timestamp time) {
  Rfc3339Writer writer;
  char text[Rfc3339Writer::kSizeMax];
  return {text, writer.write_short(time, text)};
}

std::string duration_text(Timestamp begin, Timestamp end) {
  const std::int64_t milliseconds = nanoseconds_between(begin, end) / 1'000'000;
  if (milliseconds < 60'000) {
    const std::string rest = std::to_string(milliseconds % 1000);
    return std::to_string(milliseconds / 1000) + "." + std::string(3 - rest.size(), '0') + rest +
           " s";
  }
  const std::int64_t minutes = milliseconds / 60'000;
  if (minutes < 60) {
    return std::to_string(minutes) + " min " + std::to_string(milliseconds / 1000 % 60) + " s";
  }
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

std::string_view action_text(evaluate::VerdictAction action) {
  switch (action) {
    case evaluate::VerdictAction::would_block: return "would block";
    case evaluate::VerdictAction::undecidable: return "undecidable";
    case evaluate::VerdictAction::would_permit: break;
  }
  return "would permit";
}

std::string inputs_part(const RunFacts& run) {
  std::string text = "input       ";
  for (std::size_t i = 0; i < std::min(run.inputs.size(), kInputsMax); ++i) {
    if (i != 0) text += ", ";
    append_terminal_text(text, run.inputs[i]);
  }
  if (run.inputs.size() > kInputsMax) {
    text += " and " + grouped(run.inputs.size() - kInputsMax) + " more";
  }
  text += "\n            " + grouped(run.frames) + " frames, " + grouped(run.bytes) + " bytes\n";
  if (run.first && run.last) {
    text += "observed    " + time_text(*run.first) + " to " + time_text(*run.last) + " UTC (" +
            duration_text(*run.first, *run.last) + ")\n";
  }
  if (run.interrupted) text += "            the run was stopped before the end of the input\n";
  return text;
}

// Sessions that may have carried calls: whoever reads the counts must know.
std::string unseen_calls(const AuditTally& tally, dissect::BlindnessKind kind,
                         std::string_view what) {
  const BlindnessTally& blind = tally.blindness[static_cast<std::size_t>(kind)];
  if (blind.events == 0) return {};
  return "unseen      the calls in " + grouped(blind.events) + " SMB " +
         (blind.events == 1 ? "session" : "sessions") + ": " + grouped(blind.messages) + " " +
         std::string(what) + " messages, " + grouped(blind.bytes) + " bytes\n";
}

// Calls that audit=enable has a server write down.
std::string logged_line(const AuditTally& tally) {
  std::string text;
  const auto add = [&](evaluate::AuditKeywords what, std::string_view words) {
    const std::uint64_t count = tally.count(what);
    if (count != 0) text += (text.empty() ? "" : ", ") + grouped(count) + ' ' + std::string(words);
  };
  add(evaluate::AuditKeywords::success, "as success");
  add(evaluate::AuditKeywords::failure, "as failure");
  add(evaluate::AuditKeywords::perhaps, "perhaps");
  return text.empty() ? text : "\nlogged      event 5712 by filters with audit=enable: " + text;
}

std::string calls_part(const AuditTally& tally, bool with_policy) {
  std::string text = "calls       " + grouped(tally.calls) + " seen";
  if (with_policy) {
    text += ", " + grouped(tally.judged) + " judged";
    text += verdicts_by_target(tally);
  }
  if (with_policy) text += logged_line(tally);
  text += "\nanswers     ";
  bool first = true;
  for (std::size_t i = 0; i < dissect::kOutcomeCount; ++i) {
    if (tally.outcomes[i] == 0) continue;
    if (!first) text += ", ";
    first = false;
    text +=
        grouped(tally.outcomes[i]) + " " + std::string(to_string(static_cast<dissect::Outcome>(i)));
  }
  text += first ? "none\n" : "\n";
  text += unseen_calls(tally, dissect::BlindnessKind::smb_encrypted, "encrypted");
  return text + unseen_calls(tally, dissect::BlindnessKind::smb_compressed, "compressed");
}

// What a filter is, and where it stands.
std::string filter_text(const AuditTally& tally, const evaluate::ServerPolicies& policies,
                        std::size_t place) {
  const auto next = std::upper_bound(tally.policies.begin(), tally.policies.end(), place);
  const auto index = static_cast<std::uint32_t>(next - tally.policies.begin() - 1);
  const policy::Policy& policy = policies.policy(index);
  const policy::Filter& filter = policy.filters[place - tally.policies[index]];
  std::string text = place_text(policy, filter);
  if (!policies.name(index).empty()) text += " (" + terminal_text(policies.name(index)) + ")";
  return text + "  " + terminal_text(policy::describe(filter));
}

std::string filters_part(const AuditTally& tally, const evaluate::ServerPolicies& policies,
                         const RowLimits& limits) {
  std::vector<std::size_t> order(tally.filters.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto total = [&](std::size_t i) {
    return std::accumulate(tally.filters[i].begin(), tally.filters[i].end(), std::uint64_t{0});
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return total(a) > total(b); });
  const auto idle =
      std::find_if(order.begin(), order.end(), [&](std::size_t i) { return total(i) == 0; });
  const auto used = static_cast<std::size_t>(idle - order.begin());

  std::string text = "\nWhich filters decide\n";
  for (std::size_t k = 0; k < std::min(used, limits.filters); ++k) {
    for (std::size_t action = evaluate::kVerdictActionCount; action-- > 0;) {
      const std::uint64_t count = tally.filters[order[k]][action];
      if (count == 0) continue;
      const std::string what =
          left(std::string(action_text(static_cast<evaluate::VerdictAction>(action))), 14) +
          filter_text(tally, policies, order[k]);
      text += counted(count, shortened(what, limits.columns));
    }
  }
  if (used > limits.filters) text += counted(used - limits.filters, "more filters");
  if (tally.no_filter != 0) text += counted_calls(tally.no_filter, "that no filter matches");
  const std::size_t idle_count = order.size() - used;
  if (idle_count != 0)
    text +=
        counted(idle_count, idle_count == 1 ? "filter decided no call" : "filters decided no call");
  return text;
}

std::string users_text(const Activity& activity) {
  std::string text;
  for (std::size_t i = 0; i < activity.user_count; ++i) {
    text += text.empty() ? "as " : ", ";
    text += account_of(activity.users[i].text());
  }
  return activity.more_users ? text + ", ..." : text;
}

std::string activity_text(const Activity& activity) {
  std::string_view action = action_text(activity.action);
  if (activity.only_logged) action = "would log";
  if (activity.depends_on_target) action = "by target";
  std::string text = left(std::string(action), 14);
  text += to_string(activity.client) + " -> " + to_string(activity.server) + "  " +
          operation_text(activity.interface, activity.opnum);
  const std::string users = users_text(activity);
  if (!users.empty()) text += "  " + users;
  if (activity.unseen != 0) text += "  not seen: " + fields_text(activity.unseen);
  if (activity.doubts.any()) text += "  in doubt: " + doubts_text(activity.doubts);
  if (activity.depends_on_target) text += "  (" + by_target_text(activity.targets) + ')';
  return text;
}

std::string activities_part(const AuditTally& tally, const RowLimits& limits) {
  const std::vector<const Activity*> activities = tally.activities.sorted();
  if (activities.empty()) return {};
  std::string text = "\nWhat would change\n";
  for (std::size_t i = 0; i < std::min(activities.size(), limits.activities); ++i) {
    text += counted(activities[i]->count,
                    shortened(activity_text(*activities[i]), limits.activity_columns));
  }
  std::uint64_t others = tally.activities.overflow();
  for (std::size_t i = limits.activities; i < activities.size(); ++i)
    others += activities[i]->count;
  if (others != 0) {
    const std::size_t groups = activities.size() - std::min(activities.size(), limits.activities);
    const std::string more = tally.activities.overflow() != 0 ? " or more" : "";
    text += counted(others, "calls in " + grouped(groups) + more + " further groups");
  }
  if (tally.consistent != 0) {
    text += counted_calls(tally.consistent, "to be blocked that the server denied already");
  }
  if (tally.contradicted != 0) {
    text += counted_calls(tally.contradicted,
                          "to be blocked that succeeded here and would start to fail");
  }
  if (tally.audit_only != 0) {
    text += counted_calls(tally.audit_only, "to be logged only (audit=enable), not blocked");
  }
  if (tally.readings_differ != 0) {
    text += counted_calls(tally.readings_differ, "that another reading would judge otherwise");
  }
  return text;
}

std::string where_text(const LearnedEndpoint& endpoint) {
  return endpoint.port != 0 ? "port " + std::to_string(endpoint.port)
                            : terminal_text("\\PIPE\\" + endpoint.pipe);
}

// Calls that found their server by a look-up that a filter would hide: by asking for it, or in a
// listing of everything.
std::string consequences_part(const AuditTally& tally, const evaluate::ServerPolicies& policies,
                              const RowLimits& limits, bool listed) {
  const auto consequences = tally.consequences.sorted(listed);
  std::string text;
  for (std::size_t i = 0; i < std::min(consequences.size(), limits.others); ++i) {
    const auto& [endpoint, consequence] = *consequences[i];
    const std::string_view name = interface_name(endpoint.interface.uuid);
    std::string what =
        "calls  " + to_string(endpoint.client) + " -> " + to_string(endpoint.server) + "  " +
        (name.empty() ? to_string(endpoint.interface.uuid) : std::string(name)) + " at " +
        where_text(endpoint) + (listed ? ", listed in frame " : ", looked up in frame ") +
        std::to_string(consequence.lookup.number);
    const policy::Policy& policy = policies.policy(consequence.policy);
    what += "  " + place_text(policy, policy.filters[consequence.filter]);
    text += counted(consequence.calls, shortened(what, limits.columns));
  }
  if (consequences.size() > limits.others) {
    text += counted(consequences.size() - limits.others, "more endpoints");
  }
  if (!listed && tally.consequences.overflow != 0) {
    text += counted(tally.consequences.overflow, "look-ups not followed: too many");
  }
  if (text.empty()) return text;
  return (listed ? "\nClients that might no longer locate their server (entries of a listing may "
                   "be hidden)\n"
                 : "\nClients that could no longer locate their server (look-ups hidden)\n") +
         text;
}

// What is counted, for one and for several.
struct CountedThing {
  std::string_view one;
  std::string_view many;
};

CountedThing blindness_text(dissect::BlindnessKind kind) {
  switch (kind) {
    case dissect::BlindnessKind::gap:
      return {"gap in an RPC connection", "gaps in RPC connections"};
    case dissect::BlindnessKind::snap_length_cut:
      return {"frame of an RPC connection cut by the snap length",
              "frames of RPC connections cut by the snap length"};
    case dissect::BlindnessKind::missed_bind:
      return {"context used whose bind was not seen", "contexts used whose bind was not seen"};
    case dissect::BlindnessKind::undecodable:
      return {"stretch of an RPC connection that is no valid PDU",
              "stretches of RPC connections that are no valid PDU"};
    case dissect::BlindnessKind::table_eviction:
      return {"connection or context evicted from a full table",
              "connections or contexts evicted from a full table"};
    case dissect::BlindnessKind::unfinished_fragments:
      return {"IP datagram with fragments missing", "IP datagrams with fragments missing"};
    case dissect::BlindnessKind::smb_encrypted:
      return {"encrypted SMB session (named pipes)", "encrypted SMB sessions (named pipes)"};
    case dissect::BlindnessKind::smb_compressed:
      return {"SMB session with compressed messages", "SMB sessions with compressed messages"};
    case dissect::BlindnessKind::http_not_dissected:
      return {"RPC over HTTP connection that is not decoded",
              "RPC over HTTP connections that are not decoded"};
    case dissect::BlindnessKind::encapsulated:
      return {"frame in an encapsulation that is not followed",
              "frames in encapsulations that are not followed"};
    case dissect::BlindnessKind::conflict:
      return {"RPC connection whose bytes leave two readings",
              "RPC connections whose bytes leave two readings"};
  }
  return {};
}

// How often something found no place in a table that the sections above are made of.
std::uint64_t found_no_place(const AuditTally& tally, const evaluate::ServerPolicies* policies) {
  const ControlTally& others = tally.other_controls;
  bool has_ports = false;
  for (std::uint32_t i = 0; policies != nullptr && i < policies->size(); ++i) {
    has_ports = has_ports || policies->policy(i).host.ports.is_configured();
  }
  return others.operations.overflow() + others.lookups_forgotten + others.connections.overflow() +
         others.own_connections.overflow() + others.own_connections_forgotten +
         (has_ports ? others.ports.overflow() : 0) + tally.consequences.overflow +
         tally.announcements_forgotten;
}

std::string not_seen_part(const RunFacts& run, const AuditTally& tally,
                          const evaluate::ServerPolicies* policies) {
  std::string text;
  for (std::size_t i = 0; i < dissect::kBlindnessKindCount; ++i) {
    const BlindnessTally& blind = tally.blindness[i];
    if (blind.events == 0) continue;
    const CountedThing thing = blindness_text(static_cast<dissect::BlindnessKind>(i));
    std::string what(blind.events == 1 ? thing.one : thing.many);
    if (blind.bytes != 0) what += ", " + grouped(blind.bytes) + " bytes";
    text += counted(blind.events, what);
  }
  if (tally.without_policy != 0) {
    text += counted_calls(tally.without_policy, "not judged: no deployment names the server");
  }
  if (tally.other_system != 0) {
    text += counted_calls(tally.other_system, "not judged: the server does not run Windows");
  }
  if (tally.in_doubt != 0) {
    text += counted_calls(tally.in_doubt, "of which the wire leaves more than one reading");
  }
  if (tally.in_doubt_unwritten != 0) {
    text += counted_calls(tally.in_doubt_unwritten,
                          "in doubt once judged, counted as undecidable, without a record");
  }
  for (const CountedLine& line : run.not_seen) text += counted(line.count, line.text);
  if (tally.records_given_up != 0) {
    text += counted(tally.records_given_up, "records written before their answer: too many waited");
  }
  if (tally.identities_forgotten != 0) {
    text += counted(tally.identities_forgotten, "records without the user's name: too many waited");
  }
  if (const std::uint64_t count = found_no_place(tally, policies); count != 0) {
    text += counted(count, "times a look-up, operation or port found no place in its table");
  }
  if (run.inputs_skipped != 0) {
    text += counted(run.inputs_skipped, "files of folders left out, as they are no captures");
  }
  if (run.interrupted)
    text += not_counted("the rest of the input: the run was stopped before its end");
  if (!run.problems.empty()) text += not_counted("what was lost to the problems below");
  return "\nWhat was not seen (blind spots)\n" + (text.empty() ? not_counted("none found") : text);
}

}  // namespace

RowLimits RowLimits::of(std::size_t rows) noexcept {
  constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max() / 2;
  const std::size_t most = rows == 0 ? kAll : rows;
  return {most, most, most, most, kAll, kAll};
}

std::string summary_text(const RunFacts& run, const AuditTally& tally,
                         const evaluate::ServerPolicies* policies, const RowLimits& limits) {
  std::string text = inputs_part(run) + calls_part(tally, policies != nullptr);
  if (!tally.filters.empty() && policies != nullptr) text += filters_part(tally, *policies, limits);
  text += activities_part(tally, limits);
  if (policies != nullptr) text += server_summary(tally, *policies);
  if (policies != nullptr) text += control_summary(tally, *policies, limits);
  if (policies != nullptr) {
    text += consequences_part(tally, *policies, limits, false) +
            consequences_part(tally, *policies, limits, true);
  }
  text += not_seen_part(run, tally, policies);
  for (const std::string& problem : run.problems)
    text += "problem: " + terminal_text(problem) + "\n";
  return text;
}

}  // namespace rpcaudit::audit
