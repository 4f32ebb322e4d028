#include <algorithm>
#include <cstdio>
#include <span>

#include "engine/audit/sink/json_line.h"
#include "engine/audit/sink/json_sink.h"

namespace rpcaudit::audit {
namespace {

// A share from 0 to 1, with six digits: one frame of a million shows.
void write_share(JsonLine& line, std::string_view key, double share) {
  constexpr std::size_t kSize = 9;
  line.raw(key, kSize,
           [share](char* at) { return at + std::max(std::snprintf(at, kSize, "%.6f", share), 0); });
}

void write_interfaces(JsonLine& line, const StatisticsEvent& statistics) {
  line.open_array("interfaces");
  for (const InterfaceStatistics& interface : statistics.interfaces) {
    line.open_element();
    line.text("name", interface.name);
    line.plain("state", interface.state);
    line.number("frames", interface.frames);
    line.number("dropped", interface.dropped);
    line.number("missed", interface.missed);
    write_share(line, "seen", interface.share_seen());
    line.close();
  }
  line.close_array();
  line.number("records_lost", statistics.records_lost);
}

}  // namespace

void JsonSink::write_policies(JsonLine& line, bool with_filters) const {
  line.open_array("policies");
  for (const PolicyMembers& policy : std::span(policies_).subspan(current_policies_)) {
    line.open_element();
    if (!policy.identity.empty()) line.members(policy.identity);
    line.members(policy.files);
    if (with_filters) line.number("filters", policy.filters.size());
    line.close();
  }
  line.close_array();
}

void JsonSink::on_policies(const PoliciesEvent& event) {
  const evaluate::ServerPolicies& all = *event.policies;
  current_policies_ = event.first;
  for (auto i = static_cast<std::uint32_t>(policies_.size()); i < all.size(); ++i) {
    policies_.emplace_back(all.policy(i), all.name(i));
  }
  JsonLine line(out_);
  write_time(line, "timestamp", event.timestamp);
  line.plain("event_type", "policy");
  line.members(head_);
  line.open("policy");
  line.plain("outcome", to_string(event.outcome));
  line.plain("asked_by", event.asked_by);
  write_policies(line, true);
  line.close();
  line.end();
}

void JsonSink::on_statistics(const StatisticsEvent& statistics) {
  JsonLine line(out_);
  write_time(line, "timestamp", statistics.timestamp);
  line.plain("event_type", "stats");
  line.members(head_);
  line.open("stats");
  if (statistics.interrupted) line.truth("interrupted");
  line.plain("version", statistics.version);
  line.open_array("inputs");
  for (const std::string& input : statistics.inputs) line.element_text(input);
  line.close_array();
  if (!policies_.empty()) write_policies(line, false);
  if (statistics.first) write_time(line, "first", *statistics.first);
  line.open("dissect");
  for (const NamedCounter& counter : statistics.dissect) line.number(counter.name, counter.value);
  line.close();
  line.open("audit");
  for (const NamedCounter& counter : statistics.audit) line.number(counter.name, counter.value);
  line.close();
  if (!statistics.interfaces.empty()) write_interfaces(line, statistics);
  line.close();
  line.end();
}

}  // namespace rpcaudit::audit
