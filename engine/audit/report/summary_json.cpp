#include "engine/audit/report/summary_json.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <map>

#include "engine/audit/report/control_json.h"
#include "engine/audit/report/report_writer.h"
#include "engine/audit/sink/text_sink.h"
#include "engine/policy/netsh/printer.h"
#include "engine/policy/netsh/rule_name.h"

namespace rpcaudit::audit {
namespace {

// Of the keys that it describes; a new one for every key that changes its meaning or goes.
constexpr std::uint64_t kSchema = 1;

void write_run(ReportWriter& out, const RunFacts& run) {
  out.array("inputs");
  for (const std::string& input : run.inputs) out.element(input);
  out.end_array();
  out.number("inputs_skipped", run.inputs_skipped);
  out.number("frames", run.frames);
  out.number("bytes", run.bytes);
  if (run.first && run.last) {
    out.time("first", *run.first);
    out.time("last", *run.last);
    out.number("duration_ms", static_cast<std::uint64_t>(std::max<std::int64_t>(
                                  0, nanoseconds_between(*run.first, *run.last) / 1'000'000)));
  }
  out.truth("interrupted", run.interrupted);
  out.array("problems");
  for (const std::string& problem : run.problems) out.element(problem);
  out.end_array();
}

void write_counters(ReportWriter& out, const AuditTally& tally) {
  out.object("counters");
  for (const NamedCounter& counter : named_counters(tally)) out.number(counter.name, counter.value);
  out.end_object();
  out.object("outcomes");
  for (std::size_t i = 0; i < dissect::kOutcomeCount; ++i) {
    out.number(to_string(static_cast<dissect::Outcome>(i)), tally.outcomes[i]);
  }
  out.end_object();
}

void write_policies(ReportWriter& out, const evaluate::ServerPolicies& policies) {
  out.array("policies");
  for (std::uint32_t i = 0; i < policies.size(); ++i) {
    out.object();
    if (!policies.name(i).empty()) out.text("name", policies.name(i));
    if (!policies.policy(i).digest.empty()) out.text("digest", policies.policy(i).digest);
    out.array("files");
    for (const std::string& file : policies.policy(i).files) out.element(file);
    out.end_array();
    out.number("filters", policies.policy(i).filters.size());
    out.end_object();
  }
  out.end_array();
}

void write_targets(ReportWriter& out, const AuditTally& tally) {
  out.array("targets");
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    const auto target = static_cast<policy::Target>(i);
    const TargetTally counts = tally.on_target(target);
    out.object();
    out.text("target", to_string(target));
    for (std::size_t k = 0; k < evaluate::kTargetActionCount; ++k) {
      out.number(to_string(static_cast<evaluate::TargetAction>(k)), counts[k]);
    }
    out.end_object();
  }
  out.end_array();
}

// By address; silent servers that the policies name one by one are among them.
void write_servers(ReportWriter& out, const AuditTally& tally,
                   const evaluate::ServerPolicies& policies) {
  std::map<IpAddress, ServerTally> servers;
  for (const IpAddress& server : policies.single_servers()) {
    servers[server].policy = policies.find(server);
  }
  for (const auto& entry : tally.servers.entries()) servers[entry.key.address] = entry.value;
  out.array("servers");
  for (const auto& [address, server] : servers) {
    out.object();
    out.text("dest_ip", to_string(address));
    if (!policies.name(server.policy).empty()) out.text("policy", policies.name(server.policy));
    const auto target = policies.options(server.policy).target;
    out.text("target", to_string(target.value_or(policy::Target::documented)));
    out.number("calls", server.calls);
    for (std::size_t k = 0; k < evaluate::kVerdictActionCount; ++k) {
      out.number(to_string(static_cast<evaluate::VerdictAction>(k)), server.actions[k]);
    }
    out.truth("domain_controller", server.is_controller);
    out.end_object();
  }
  out.end_array();
  out.number("servers_overflow", tally.servers.overflow());
}

void write_filters(ReportWriter& out, const AuditTally& tally,
                   const evaluate::ServerPolicies& policies) {
  out.array("filters");
  std::size_t place = 0;
  for (std::uint32_t i = 0; i < policies.size(); ++i) {
    const policy::Policy& policy = policies.policy(i);
    for (const policy::Filter& filter : policy.filters) {
      out.object();
      if (!policies.name(i).empty()) out.text("policy", policies.name(i));
      out.text("rule", policy::source_text(policy, filter.span));
      out.text("rule_name", policy::rule_name(filter));
      out.text("filter", policy::describe(filter));
      for (std::size_t k = 0; k < evaluate::kVerdictActionCount; ++k) {
        out.number(to_string(static_cast<evaluate::VerdictAction>(k)), tally.filters[place][k]);
      }
      out.end_object();
      ++place;
    }
  }
  out.end_array();
}

void write_names(ReportWriter& out, std::string_view key, std::string_view joined) {
  out.array(key);
  while (!joined.empty()) {
    const std::size_t end = std::min(joined.find(", "), joined.size());
    out.element(joined.substr(0, end));
    joined.remove_prefix(std::min(end + 2, joined.size()));
  }
  out.end_array();
}

void write_activity(ReportWriter& out, const Activity& activity, const InputName& input_name) {
  out.object();
  out.text("action", to_string(activity.action));
  out.number("count", activity.count);
  out.text("src_ip", to_string(activity.client));
  out.text("dest_ip", to_string(activity.server));
  write_operation(out, activity.interface, activity.opnum);
  out.array("users");
  for (std::size_t i = 0; i < activity.user_count; ++i) {
    out.element(account_of(activity.users[i].text()));
  }
  out.end_array();
  if (activity.more_users) out.truth("more_users", true);
  out.time("first", activity.first.timestamp);
  out.time("last", activity.last);
  out.number("frame", activity.first.number);
  if (input_name) out.text("pcap", input_name(activity.first.input));
  if (activity.only_logged) out.truth("only_logged", true);
  if (activity.depends_on_target) {
    out.object("targets");
    for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
      const auto target = static_cast<policy::Target>(i);
      out.text(to_string(target), to_string(activity.targets[target]));
    }
    out.end_object();
  }
  if (activity.unseen != 0) write_names(out, "unseen", fields_text(activity.unseen));
  if (activity.doubts.any()) write_names(out, "doubts", doubts_text(activity.doubts));
  out.number("denied_already", activity.consistent);
  out.number("answered", activity.contradicted);
  out.end_object();
}

void write_lookups(ReportWriter& out, const AuditTally& tally,
                   const evaluate::ServerPolicies& policies) {
  out.array("lookups");
  for (const bool listed : {false, true}) {
    for (const auto* entry : tally.consequences.sorted(listed)) {
      const auto& [endpoint, consequence] = *entry;
      const policy::Policy& policy = policies.policy(consequence.policy);
      out.object();
      out.text("src_ip", to_string(endpoint.client));
      out.text("dest_ip", to_string(endpoint.server));
      write_interface(out, endpoint.interface.uuid);
      if (endpoint.port != 0) out.number("dest_port", endpoint.port);
      if (!endpoint.pipe.empty()) out.text("pipe", "\\PIPE\\" + endpoint.pipe);
      out.truth("listed", listed);
      out.number("frame", consequence.lookup.number);
      out.number("contexts", consequence.contexts);
      out.number("calls", consequence.calls);
      const policy::Filter& filter = policy.filters[consequence.filter];
      out.text("rule", policy::source_text(policy, filter.span));
      out.text("rule_name", policy::rule_name(filter));
      out.end_object();
    }
  }
  out.end_array();
}

void write_not_seen(ReportWriter& out, const RunFacts& run, const AuditTally& tally) {
  out.array("blindness");
  for (std::size_t i = 0; i < dissect::kBlindnessKindCount; ++i) {
    const BlindnessTally& blind = tally.blindness[i];
    if (blind.events == 0) continue;
    out.object();
    out.text("kind", to_string(static_cast<dissect::BlindnessKind>(i)));
    out.number("events", blind.events);
    out.number("messages", blind.messages);
    out.number("bytes", blind.bytes);
    out.end_object();
  }
  out.end_array();
  out.array("not_seen");
  for (const CountedLine& line : run.not_seen) {
    out.object();
    out.number("count", line.count);
    out.text("what", line.text);
    out.end_object();
  }
  out.end_array();
}

// A field of a line of CSV; what could be taken for a formula is none.
void append_field(std::string& out, std::string_view text) {
  if (!out.empty() && out.back() != '\n') out += ',';
  out += '"';
  if (!text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos) {
    out += '\'';
  }
  for (const char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  out += '"';
}

}  // namespace

std::string summary_json(const RunFacts& run, const AuditTally& tally,
                         const evaluate::ServerPolicies* policies, const InputName& input_name) {
  ReportWriter out;
  out.object();
  out.text("event_type", "summary");
  out.number("schema", kSchema);
  out.text("version", run.version);
  if (!run.sensor.empty()) out.text("sensor", run.sensor);
  if (!run.run.empty()) out.text("run", run.run);
  write_run(out, run);
  write_counters(out, tally);
  if (policies != nullptr) {
    write_policies(out, *policies);
    write_targets(out, tally);
    write_servers(out, tally, *policies);
    write_filters(out, tally, *policies);
    out.array("activities");
    for (const Activity* activity : tally.activities.sorted()) {
      write_activity(out, *activity, input_name);
    }
    out.end_array();
    out.number("activities_overflow", tally.activities.overflow());
    write_lookups(out, tally, *policies);
    out.number("lookups_overflow", tally.consequences.overflow);
    write_controls(out, tally, *policies);
  }
  write_not_seen(out, run, tally);
  out.end_object();
  return out.take();
}

std::string activities_csv(const AuditTally& tally, const InputName& input_name) {
  std::string out =
      "action,count,src_ip,dest_ip,interface,interface_name,opnum,operation,users,first,last,frame,"
      "pcap,answered,denied_already\n";
  for (const Activity* activity : tally.activities.sorted()) {
    std::string users;
    for (std::size_t i = 0; i < activity->user_count; ++i) {
      users += (i == 0 ? "" : "; ") + account_of(activity->users[i].text());
    }
    const std::optional<Uuid>& interface = activity->interface;
    append_field(out, to_string(activity->action));
    append_field(out, std::to_string(activity->count));
    append_field(out, to_string(activity->client));
    append_field(out, to_string(activity->server));
    append_field(out, interface ? to_string(*interface) : std::string());
    append_field(out, interface ? interface_name(*interface) : std::string_view());
    append_field(out, std::to_string(activity->opnum));
    append_field(out, interface ? operation_name(*interface, activity->opnum) : std::string_view());
    append_field(out, activity->more_users ? users + "; ..." : users);
    append_field(out, report_time(activity->first.timestamp));
    append_field(out, report_time(activity->last));
    append_field(out, std::to_string(activity->first.number));
    append_field(out, input_name ? input_name(activity->first.input) : std::string_view());
    append_field(out, std::to_string(activity->contradicted));
    append_field(out, std::to_string(activity->consistent));
    out += '\n';
  }
  return out;
}

}  // namespace rpcaudit::audit
