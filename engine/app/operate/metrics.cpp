#include "engine/app/operate/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <initializer_list>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/app/process/process_usage.h"
#include "engine/app/version.h"

namespace rpcaudit::app {
namespace {

using prometheus::MetricType;
using Label = std::pair<const char*, std::string_view>;
using Labels = std::initializer_list<Label>;

class Metrics {
 public:
  // What add() adds from here on.
  void begin(std::string name, std::string help, MetricType type) {
    families_.push_back({std::move(name), std::move(help), type, {}});
  }
  void counter(std::string name, std::string help) {
    begin(std::move(name), std::move(help), MetricType::Counter);
  }
  void gauge(std::string name, std::string help) {
    begin(std::move(name), std::move(help), MetricType::Gauge);
  }
  void add(double value, Labels labels = {}) {
    prometheus::ClientMetric metric;
    for (const auto& [key, text] : labels) metric.label.push_back({key, std::string(text)});
    if (families_.back().type == MetricType::Counter) metric.counter.value = value;
    if (families_.back().type == MetricType::Gauge) metric.gauge.value = value;
    families_.back().metric.push_back(std::move(metric));
  }
  void add(std::uint64_t value, Labels labels = {}) { add(static_cast<double>(value), labels); }
  void add(bool value, Labels labels = {}) { add(value ? 1.0 : 0.0, labels); }

  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return out.str();
  }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

double seconds_of(Timestamp time) {
  return static_cast<double>(nanoseconds_between({}, time)) / 1e9;
}

void add_process(Metrics& metrics, const LiveStatus& status) {
  const ProcessUsage usage = process_usage();
  metrics.gauge("rpcaudit_build_info", "The version that runs; always 1.");
  metrics.add(true, {{"version", kVersion}});
  metrics.gauge("process_start_time_seconds", "When the process began, since the Unix epoch.");
  metrics.add(seconds_of(status.started));
  metrics.counter("process_cpu_seconds_total", "Processor time that the process took.");
  metrics.add(usage.cpu_seconds);
  metrics.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.");
  metrics.add(usage.resident_bytes);
  metrics.gauge("process_virtual_memory_bytes", "Address space of the process.");
  metrics.add(usage.virtual_bytes);
  metrics.gauge("rpcaudit_workers", "Threads that capture, dissect and judge.");
  metrics.add(status.workers);
  metrics.gauge("rpcaudit_confinement", "Whether the confinement holds: 1 or 0.");
  const Confinement& confined = status.confinement;
  metrics.add(confined.has_no_capabilities, {{"kind", "no_capabilities"}});
  metrics.add(confined.has_no_new_privileges, {{"kind", "no_new_privs"}});
  metrics.add(confined.has_seccomp_filter, {{"kind", "seccomp"}});
  metrics.add(confined.has_landlock, {{"kind", "landlock"}});
}

void add_capture(Metrics& metrics, const LiveStatus& status) {
  metrics.counter("rpcaudit_capture_frames_total", "Frames that passed the packet filter.");
  for (const auto& one : status.interfaces) metrics.add(one.frames, {{"interface", one.name}});
  metrics.counter(
      "rpcaudit_capture_frames_dropped_total",
      "Frames that were not seen: the ring was full (cause=ring), or the adapter or its "
      "driver dropped them (cause=adapter).");
  for (const InterfaceStatus& one : status.interfaces) {
    metrics.add(one.dropped, {{"interface", one.name}, {"cause", "ring"}});
    metrics.add(one.missed, {{"interface", one.name}, {"cause", "adapter"}});
  }
  metrics.gauge("rpcaudit_interface_up", "Whether the interface is up and captured: 1 or 0.");
  for (const auto& one : status.interfaces) {
    metrics.add(one.state == "up", {{"interface", one.name}});
  }
  metrics.gauge("rpcaudit_capture_lag_seconds",
                "How old the newest frames were when they had been judged.");
  metrics.add(status.lag_seconds);
}

// Counters under names of their own.
void add_counters(Metrics& metrics, const std::vector<audit::NamedCounter>& counters,
                  const std::string& prefix, const std::string& help) {
  for (const audit::NamedCounter& counter : counters) {
    const std::string name(counter.name);
    metrics.counter(prefix + name + "_total", help + " `" + name + "` of `rpcaudit schema`.");
    metrics.add(counter.value);
  }
}

template <std::size_t size>
void add_actions(Metrics& metrics, const std::array<std::uint64_t, size>& actions, const char* key,
                 std::string_view value) {
  for (std::size_t i = 0; i < evaluate::kVerdictActionCount; ++i) {
    metrics.add(actions[i],
                {{key, value}, {"action", to_string(static_cast<evaluate::VerdictAction>(i))}});
  }
}

void add_verdicts(Metrics& metrics, const LiveStatus& status) {
  metrics.counter("rpcaudit_verdicts_total", "Calls that the policy judged, by verdict.");
  for (std::size_t i = 0; i < evaluate::kVerdictActionCount; ++i) {
    const std::string_view name = to_string(static_cast<evaluate::VerdictAction>(i));
    metrics.add(counter_of(status.audit, name), {{"action", name}});
  }
  metrics.counter("rpcaudit_control_verdicts_total",
                  "Calls by what each control besides the filters says of them.");
  for (const evaluate::Control control : evaluate::kOtherControls) {
    for (std::size_t i = 0; i < evaluate::kControlActionCount; ++i) {
      metrics.add(status.controls[static_cast<std::size_t>(control)][i],
                  {{"control", to_string(control)},
                   {"action", to_string(static_cast<evaluate::ControlAction>(i))}});
    }
  }
  metrics.counter("rpcaudit_rule_findings_total",
                  "Findings by the rule that decided, or may have decided.");
  for (const RuleStatus& one : status.findings.rules) {
    add_actions(metrics, one.actions, "rule", one.rule);
  }
  metrics.counter("rpcaudit_unseen_field_calls_total",
                  "Undecidable calls by the field that the wire does not show.");
  for (const auto& one : status.findings.fields) metrics.add(one.calls, {{"field", one.field}});
}

void add_blindness(Metrics& metrics, const LiveStatus& status) {
  const auto kind_of = [](std::size_t i) {
    return audit::to_string(static_cast<dissect::BlindnessKind>(i));
  };
  metrics.counter("rpcaudit_blindness_events_total", "How often something could not be seen.");
  for (std::size_t i = 0; i < status.blindness.size(); ++i) {
    metrics.add(status.blindness[i].events, {{"kind", kind_of(i)}});
  }
  metrics.counter("rpcaudit_blindness_bytes_total", "Bytes that could not be seen.");
  for (std::size_t i = 0; i < status.blindness.size(); ++i) {
    metrics.add(status.blindness[i].bytes, {{"kind", kind_of(i)}});
  }
}

void add_policies(Metrics& metrics, const LiveStatus& status) {
  metrics.gauge("rpcaudit_policy_info", "A policy that judges, and its digest; always 1.");
  for (const PolicyStatus& one : status.policies) {
    metrics.add(true, {{"policy", one.name}, {"digest", one.digest}});
  }
  metrics.gauge("rpcaudit_policy_filters", "Filters of a policy that judges.");
  for (const auto& one : status.policies) metrics.add(one.filters, {{"policy", one.name}});
  metrics.counter("rpcaudit_reloads_total", "Times that policies were read anew, by result.");
  for (std::size_t i = 0; i < kReloadResultCount; ++i) {
    metrics.add(status.reloads.count[i], {{"result", to_string(static_cast<ReloadResult>(i))}});
  }
  metrics.gauge("rpcaudit_last_reload_successful",
                "Whether the policies that were read last judge: 1 or 0.");
  metrics.add(status.reloads.last_result != ReloadResult::refused);
  metrics.gauge("rpcaudit_last_reload_timestamp_seconds",
                "When policies were read last, since the Unix epoch.");
  metrics.add(seconds_of(status.reloads.last.value_or(status.started)));
}

void add_outputs(Metrics& metrics, const LiveStatus& status) {
  metrics.gauge("rpcaudit_output_queue_bytes", "Records that wait for an output.");
  for (const auto& one : status.outputs) metrics.add(one.waiting_bytes, {{"output", one.name}});
  metrics.counter("rpcaudit_output_records_lost_total", "Records that an output did not take.");
  for (const auto& one : status.outputs) metrics.add(one.records_lost, {{"output", one.name}});
  metrics.gauge("rpcaudit_output_up", "Whether an output takes records: 1 or 0.");
  for (const auto& one : status.outputs) metrics.add(one.error.empty(), {{"output", one.name}});
}

}  // namespace

std::string metrics_text(const LiveStatus& status) {
  Metrics metrics;
  add_process(metrics, status);
  add_capture(metrics, status);
  add_counters(metrics, status.dissect, "rpcaudit_dissector_", "Counter of the dissector:");
  add_counters(metrics, status.audit, "rpcaudit_audit_", "Counter of the audit:");
  add_verdicts(metrics, status);
  add_blindness(metrics, status);
  add_policies(metrics, status);
  add_outputs(metrics, status);
  return metrics.text();
}

}  // namespace rpcaudit::app
