#include "engine/app/operate/status_text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "engine/app/version.h"
#include "engine/audit/report/report_writer.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/text/rfc3339.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

using audit::ReportWriter;

std::string short_time(Timestamp time) {
  std::array<char, audit::Rfc3339Writer::kSizeMax> text{};
  audit::Rfc3339Writer writer;
  return {text.data(), writer.write_short(time, text.data())};
}

std::int64_t uptime_of(const LiveStatus& status) {
  return std::max<std::int64_t>(0, nanoseconds_between(status.started, status.at) / 1'000'000'000);
}

void append_line(std::string& out, std::string_view name, const std::string& text) {
  constexpr std::size_t kColumn = 12;
  out.append(name).append(kColumn - std::min(kColumn - 1, name.size()), ' ') += text + '\n';
}

std::string percent(double share) {
  if (share >= 1) return "all";
  std::array<char, 16> text{};
  const auto hundredths = static_cast<unsigned>(share * 10'000);  // rounded down
  std::snprintf(text.data(), text.size(), "%u.%02u %%", hundredths / 100, hundredths % 100);
  return text.data();
}

void append_interfaces(std::string& out, const LiveStatus& status) {
  for (const InterfaceStatus& one : status.interfaces) {
    append_line(out, "interface",
                audit::terminal_text(one.name) + ": " + std::string(one.state) + ", " +
                    percent(one.share_seen) + " of " + audit::grouped(one.frames + one.missed) +
                    " frames seen, " + audit::grouped(one.dropped) + " dropped, " +
                    audit::grouped(one.missed) + " missed");
  }
}

void append_policies(std::string& out, const LiveStatus& status) {
  for (const PolicyStatus& one : status.policies) {
    std::string text = one.name.empty() ? std::string() : audit::terminal_text(one.name) + ": ";
    text += (one.digest.empty() ? "no digest" : one.digest) + ", " + audit::grouped(one.filters) +
            (one.filters == 1 ? " filter" : " filters");
    const char* before = " in ";
    for (const std::string& file : one.files) {
      text += before + audit::terminal_text(file);
      before = ", ";
    }
    append_line(out, "policy", text);
  }
  if (!status.judges) return append_line(out, "policy", "none: every call is written");
  if (!status.reloads.last) return append_line(out, "reload", "none yet");
  const ReloadStatus& reloads = status.reloads;
  append_line(out, "reload",
              std::string(to_string(reloads.last_result)) + " at " + short_time(*reloads.last) +
                  ", asked for by " + std::string(reloads.last_asked_by) + " (" +
                  audit::grouped(reloads.count[0]) + " done, " + audit::grouped(reloads.count[1]) +
                  " unchanged, " + audit::grouped(reloads.count[2]) + " refused)");
}

void append_outputs(std::string& out, const LiveStatus& status) {
  for (const OutputStatus& one : status.outputs) {
    std::string text = audit::terminal_text(one.name) + ": ";
    text += one.error.empty() ? "takes records" : audit::terminal_text(one.error);
    text += ", " + audit::grouped(one.waiting_bytes) + " bytes wait, " +
            audit::grouped(one.records_lost) + " records lost";
    append_line(out, "output", text);
  }
}

std::string holds(bool it_does) { return it_does ? "yes" : "no"; }

}  // namespace

std::string duration_text(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  constexpr std::array<Unit, 4> kUnits = {{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}};
  std::string text;
  int written = 0;
  for (const Unit& unit : kUnits) {
    const std::int64_t count = seconds / unit.seconds;
    if (count == 0 && (text.empty() ? unit.seconds != 1 : true)) {
      if (!text.empty()) break;
      continue;
    }
    seconds %= unit.seconds;
    if (!text.empty()) text += ' ';
    text += std::to_string(count) + ' ' + unit.name;
    if (++written == 2) break;
  }
  return text;
}

std::string status_text(const LiveStatus& status) {
  std::string out;
  append_line(out, "rpcaudit",
              std::string(kVersion) + ", process " + std::to_string(status.process) + ", up " +
                  duration_text(uptime_of(status)) + ", since " + short_time(status.started) +
                  ", " + std::to_string(status.workers) +
                  (status.workers == 1 ? " worker" : " workers"));
  append_interfaces(out, status);
  append_policies(out, status);
  append_outputs(out, status);
  append_line(out, "calls",
              audit::grouped(counter_of(status.audit, "calls")) + ": " +
                  audit::grouped(counter_of(status.audit, "would_block")) + " would be blocked, " +
                  audit::grouped(counter_of(status.audit, "undecidable")) + " undecidable");
  const Confinement& confined = status.confinement;
  append_line(out, "confined",
              "no capabilities: " + holds(confined.has_no_capabilities) +
                  ", no_new_privs: " + holds(confined.has_no_new_privileges) +
                  ", seccomp: " + holds(confined.has_seccomp_filter) +
                  ", Landlock: " + holds(confined.has_landlock));
  return out;
}

namespace {

void write_interfaces(ReportWriter& out, const LiveStatus& status) {
  out.array("interfaces");
  for (const InterfaceStatus& one : status.interfaces) {
    out.object();
    out.text("name", one.name);
    out.text("state", one.state);
    out.number("frames", one.frames);
    out.number("dropped", one.dropped);
    out.number("missed", one.missed);
    out.end_object();
  }
  out.end_array();
}

void write_policies(ReportWriter& out, const LiveStatus& status) {
  out.array("policies");
  for (const PolicyStatus& one : status.policies) {
    out.object();
    if (!one.name.empty()) out.text("name", one.name);
    out.text("digest", one.digest);
    out.number("filters", one.filters);
    out.array("files");
    for (const std::string& file : one.files) out.element(file);
    out.end_array();
    out.end_object();
  }
  out.end_array();
  out.object("reloads");
  for (std::size_t i = 0; i < kReloadResultCount; ++i) {
    out.number(to_string(static_cast<ReloadResult>(i)), status.reloads.count[i]);
  }
  if (status.reloads.last) {
    out.time("last", *status.reloads.last);
    out.text("last_result", to_string(status.reloads.last_result));
    out.text("last_asked_by", status.reloads.last_asked_by);
  }
  out.end_object();
}

void write_outputs(ReportWriter& out, const LiveStatus& status) {
  out.array("outputs");
  for (const OutputStatus& one : status.outputs) {
    out.object();
    out.text("name", one.name);
    out.number("waiting_bytes", one.waiting_bytes);
    out.number("records_lost", one.records_lost);
    if (!one.error.empty()) out.text("error", one.error);
    out.end_object();
  }
  out.end_array();
}

void write_counters(ReportWriter& out, std::string_view key,
                    const std::vector<audit::NamedCounter>& counters) {
  out.object(key);
  for (const audit::NamedCounter& counter : counters) out.number(counter.name, counter.value);
  out.end_object();
}

void write_rules(ReportWriter& out, const LiveStatus& status) {
  out.array("rules");
  for (const RuleStatus& one : status.findings.rules) {
    out.object();
    out.text("rule_name", one.rule);
    for (std::size_t i = 0; i < evaluate::kVerdictActionCount; ++i) {
      out.number(to_string(static_cast<evaluate::VerdictAction>(i)), one.actions[i]);
    }
    out.end_object();
  }
  out.end_array();
}

}  // namespace

std::string status_json(const LiveStatus& status) {
  ReportWriter out;
  out.object();
  out.text("version", kVersion);
  out.number("process", status.process);
  out.time("timestamp", status.at);
  out.time("started", status.started);
  out.number("uptime_seconds", static_cast<std::uint64_t>(uptime_of(status)));
  out.number("workers", status.workers);
  write_interfaces(out, status);
  write_policies(out, status);
  write_outputs(out, status);
  out.object("confinement");
  out.truth("no_capabilities", status.confinement.has_no_capabilities);
  out.truth("no_new_privs", status.confinement.has_no_new_privileges);
  out.truth("seccomp", status.confinement.has_seccomp_filter);
  out.truth("landlock", status.confinement.has_landlock);
  out.end_object();
  out.end_object();
  return out.take();
}

std::string stats_text(const LiveStatus& status) {
  std::string out;
  for (const auto* counters : {&status.dissect, &status.audit}) {
    for (const audit::NamedCounter& counter : *counters) {
      if (counter.value != 0) out += audit::counted(counter.value, counter.name);
    }
  }
  for (const RuleStatus& one : status.findings.rules) {
    for (std::size_t i = 0; i < evaluate::kVerdictActionCount; ++i) {
      if (one.actions[i] == 0) continue;
      out += audit::counted(
          one.actions[i], std::string(to_string(static_cast<evaluate::VerdictAction>(i))) + " by " +
                              audit::terminal_text(one.rule));
    }
  }
  return out;
}

std::string stats_json(const LiveStatus& status) {
  ReportWriter out;
  out.object();
  out.time("timestamp", status.at);
  write_interfaces(out, status);
  write_counters(out, "dissect", status.dissect);
  write_counters(out, "audit", status.audit);
  write_rules(out, status);
  out.end_object();
  return out.take();
}

}  // namespace rpcaudit::app
