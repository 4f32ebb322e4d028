#include <memory>
#include <string>
#include <utility>

#include "engine/app/commands/command_options.h"
#include "engine/app/commands/commands.h"
#include "engine/app/live/live_check.h"
#include "engine/app/live/live_run.h"
#include "engine/app/policies/deployment_files.h"
#include "engine/app/process/cpu_list.h"
#include "engine/app/run/run_report.h"
#include "engine/audit/text/output_buffer.h"

namespace rpcaudit::app {
namespace {

struct LiveCommand {
  LiveRunOptions options;
  std::uint64_t snap_length = capture::LiveOptions().snap_length;
  std::uint64_t buffer_mebibytes = capture::LiveOptions().buffer_bytes >> 20;
  std::uint64_t rotate_mebibytes = 0;
  std::uint64_t rotate_seconds = 0;
  bool not_promiscuous = false;
  bool list_interfaces = false;
  bool check = false;
};

ExitStatus list_interfaces(Log& log) {
  std::string error;
  const std::string lines = capture::list_interfaces(error);
  if (!error.empty()) {
    log.error(error);
    return ExitStatus::data;
  }
  return audit::DescriptorTarget(STDOUT_FILENO).write(lines) ? ExitStatus::done : ExitStatus::data;
}

ExitStatus report_check(ExitStatus status, Log& log) {
  if (status == ExitStatus::done) log.warn("all is well: it would start");
  return status;
}

ExitStatus run_live(const LiveCommand& command) {
  LiveRunOptions options = command.options;
  Log log(options.run.verbose);
  if (command.list_interfaces) return list_interfaces(log);
  if (options.run.captures.empty()) {
    log.error("no interface is named: give --interface; --list-interfaces shows which there are");
    return ExitStatus::usage;
  }
  options.capture.interfaces = options.run.captures;
  options.capture.filter = options.run.packet_filter;
  options.capture.snap_length = static_cast<std::uint32_t>(command.snap_length);
  options.capture.buffer_bytes = static_cast<std::size_t>(command.buffer_mebibytes) << 20;
  options.capture.promiscuous = !command.not_promiscuous;
  options.capture.workers = options.run.workers;
  options.rotation.bytes = command.rotate_mebibytes << 20;
  options.rotation.age = std::chrono::seconds(command.rotate_seconds);

  audit::AuditOptions audit;
  audit.write_all = options.run.all;
  if (options.run.policies.empty() && options.run.deployment.empty()) {
    audit.write_all = true;
    if (command.check) return report_check(check_live(options, false, log), log);
    return run_live(options, audit, nullptr, log);
  }
  LoadedPolicies loaded = load_all_policies(options.run);
  const bool is_usable = report_usable(loaded, options.run, log);
  if (command.check) {
    const ExitStatus status = check_live(options, true, log);
    return report_check(is_usable ? status : ExitStatus::usage, log);
  }
  if (!is_usable) return ExitStatus::usage;
  PolicyGenerations policies(options.run, std::move(loaded));
  audit.mark_findings = true;
  return run_live(options, audit, &policies, log);
}

void add_capture_options(OptionGroup& group, LiveCommand& command) {
  RunOptions& run = command.options.run;
  group.options.push_back({.names = "-i,--interface",
                           .value_name = "IF",
                           .help = "Interface to capture; `any` stands for all of them. May be "
                                   "repeated.",
                           .target = &run.captures});
  group.options.push_back({.names = "-f,--filter",
                           .value_name = "BPF",
                           .help = "Capture only the packets that match this tcpdump filter.",
                           .target = &run.packet_filter});
  group.options.push_back({.names = "--snaplen",
                           .value_name = "BYTES",
                           .help = "Bytes to capture of a frame (default 262144).",
                           .target = &command.snap_length,
                           .range = {64, 262144}});
  group.options.push_back({.names = "--buffer-mib",
                           .value_name = "MIB",
                           .help = "Memory of the ring in which the kernel puts the frames of an "
                                   "interface, beside --memory (default 64).",
                           .target = &command.buffer_mebibytes,
                           .range = {1, 2047}});
  group.options.push_back({.names = "--no-promiscuous",
                           .help = "Capture only what an interface takes anyway.",
                           .target = &command.not_promiscuous});
  group.options.push_back({.names = "--list-interfaces",
                           .help = "List the interfaces of this host, and do nothing else.",
                           .target = &command.list_interfaces});
}

void add_operation_options(OptionGroup& group, LiveCommand& command) {
  group.options.push_back({.names = "--check",
                           .help = "Try interfaces, policies, outputs, sockets and ports, say what "
                                   "is wrong, and start nothing.",
                           .target = &command.check});
  const auto take_cpus = [&command](const std::string& text) -> std::optional<std::string> {
    std::string error;
    if (parse_cpu_list(text, command.options.cpus, error)) return std::nullopt;
    return error;
  };
  group.options.push_back({.names = "--cpu",
                           .value_name = "LIST",
                           .help = "Processors that the workers run on, one each in turn: 0-3,6.",
                           .target = take_cpus});
  group.options.push_back({.names = "--control",
                           .value_name = "SOCKET",
                           .help = "Answer `rpcaudit ctl` at this Unix socket.",
                           .target = &command.options.operation.control});
  group.options.push_back({.names = "--http",
                           .value_name = "ADDRESS:PORT",
                           .help = "Serve /metrics for Prometheus, /healthz and /status there; "
                                   "PORT alone is at the loopback address.",
                           .target = &command.options.operation.http});
}

void add_rotation_options(OptionGroup& group, LiveCommand& command) {
  group.options.push_back({.names = "--rotate-mib",
                           .value_name = "MIB",
                           .help = "Put a file aside as FILE.1 before it is larger.",
                           .target = &command.rotate_mebibytes,
                           .range = {1, std::uint64_t{1} << 24}});
  group.options.push_back({.names = "--rotate-seconds",
                           .value_name = "N",
                           .help = "Put a file aside as FILE.1 when it is so old.",
                           .target = &command.rotate_seconds,
                           .range = {1, std::uint64_t{1} << 31}});
  group.options.push_back({.names = "--rotate-keep",
                           .value_name = "N",
                           .help = "How many files put aside are kept (default 8).",
                           .target = &command.options.rotation.kept,
                           .range = {0, 10000}});
  group.options.push_back({.names = "--stats-interval",
                           .value_name = "SECONDS",
                           .help = "Write a record of counters so often (default 60).",
                           .target = &command.options.stats_interval,
                           .range = {1, 86400}});
}

}  // namespace

Command live_command() {
  const auto state = std::make_shared<LiveCommand>();
  LiveRunOptions& options = state->options;
  Command command{.name = "live",
                  .summary = "Capture, and say which calls a policy would block, until stopped.",
                  .footer =
                      "Examples:\n"
                      "  rpcaudit live --list-interfaces\n"
                      "  rpcaudit live -i eth1 -p block-dcsync.netsh.txt\n"
                      "  rpcaudit live -i eth1 -c rpcaudit.toml -o findings.jsonl --user rpcaudit\n"
                      "  rpcaudit live -i eth1 -i eth2 --workers 4 -o unix:/run/collector.sock\n"
                      "\n"
                      "Without a policy every call is written. SIGINT and SIGTERM end it; SIGHUP\n"
                      "opens its files and reads its policies anew.\n",
                  .run = [state] { return run_live(*state); }};
  add_capture_options(command.options.group("Input"), *state);
  add_tunnel_options(command.options, options.run.tunnels);
  add_policy_options(command.options, options.run, false);
  add_target_options(command.options, options.run);
  add_control_options(command.options, options.run.controls);
  add_record_options(command.options, options.run);
  OptionGroup& output = command.options.group("Output");
  output.options.push_back({.names = "--all",
                            .help = "Write every context and call, not only what would change.",
                            .target = &options.run.all});
  add_rotation_options(output, *state);
  add_operation_options(command.options.group("Operation"), *state);
  add_run_options(command.options, options.run);
  command.options.group("Run").options.push_back(
      {.names = "--user",
       .value_name = "NAME",
       .help = "Become this user once the interfaces are open.",
       .target = &options.user});
  return command;
}

}  // namespace rpcaudit::app
