#include "engine/app/commands/command_options.h"

#include <charconv>
#include <optional>
#include <string>

namespace rpcaudit::app {
namespace {

using Problem = std::optional<std::string>;

Problem take_target(const std::string& name, RunOptions& options) {
  const std::optional<policy::Target> target = policy::parse_target(name);
  if (target) {
    options.evaluation.profile = policy::TargetProfile(*target);
    options.evaluation.target = target;
    return std::nullopt;
  }
  std::string names;
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    names += ' ' + std::string(to_string(static_cast<policy::Target>(i)));
  }
  return "`" + name + "` is none of" + names;
}

Problem take_what_if(const std::string& text, ControlOptions& options) {
  if (text != "restrict_remote_clients=0..2" && text != "restrict_remote_clients") {
    return "`" + text + "` is not known; it takes restrict_remote_clients=0..2";
  }
  options.what_if_restrict_remote_clients = true;
  return std::nullopt;
}

Problem take_mirror(const std::string& text, dissect::TunnelTrust& tunnels) {
  const std::optional<IpAddress> address = parse_ip(text);
  if (!address) return "`" + text + "` is no IP address";
  if (tunnels.mirror_count == tunnels.mirrors.size()) {
    return "there are more than " + std::to_string(tunnels.mirrors.size()) + " of them";
  }
  tunnels.mirrors[tunnels.mirror_count++] = *address;
  return std::nullopt;
}

}  // namespace

void add_tunnel_options(OptionTable& table, dissect::TunnelTrust& tunnels) {
  const auto take_trust = [&tunnels](const std::string& word) -> Problem {
    tunnels.all = word == "same";
    return std::nullopt;
  };
  std::vector<Option>& options = table.group("Input").options;
  options.push_back(
      {.names = "--tunnel",
       .value_name = "TRUST",
       .help = "Whether the traffic inside tunnels belongs to the connections outside of them: "
               "`same` where tunnels only mirror or carry it, or `apart` (the default), since "
               "whoever can send into a tunnel could speak for others.",
       .target = take_trust,
       .choices = {"same", "apart"}});
  options.push_back(
      {.names = "--mirror-from",
       .value_name = "ADDRESS",
       .help = "Source of tunnels (ERSPAN, VXLAN and others) that mirror traffic: their frames "
               "count as captured on the wire. May be repeated.",
       .target = [&tunnels](const std::string& text) { return take_mirror(text, tunnels); },
       .repeatable = true});
}

void add_process_options(OptionTable& table, RunOptions& options) {
  std::vector<Option>& run = table.group("Run").options;
  run.push_back(
      {.names = "--memory",
       .value_name = "MIB",
       .help = "Memory that the run may take in MiB (default 512, and more where many workers need "
               "it), shared by all workers. What does not fit is evicted, and the summary says so.",
       .target = &options.memory,
       .range = {1, std::uint64_t{1} << 20}});
  run.push_back({.names = "--no-sandbox",
                 .help = "Do not give up the system calls that reading does not need.",
                 .target = &options.no_sandbox});
}

void add_capture_options(OptionTable& table, RunOptions& options, bool required) {
  OptionGroup& input = table.group("Input");
  input.options.push_back(
      {.names = "-r,--read",
       .value_name = "CAPTURE",
       .help =
           "Capture to read: pcap or pcapng, also compressed; a folder, with its subfolders; or "
           "- for standard input. Several are read as one, in time order. A CAPTURE "
           "needs no --read before it.",
       .target = &options.captures});
  input.options.push_back({.names = "-f,--filter",
                           .value_name = "BPF",
                           .help = "Read only the packets that match this tcpdump filter.",
                           .target = &options.packet_filter});
  add_tunnel_options(table, options.tunnels);
  table.operands.name = "CAPTURE";
  table.operands.target = &options.captures;
  if (required) {
    table.operands.required = kNoCapture;
  }
}

void add_policy_options(OptionTable& table, RunOptions& options, bool required) {
  OptionGroup& group = table.group("Policy");
  if (required) group.required = "no policy is named: give --policy, --config or both";
  group.options.push_back(
      {.names = "-p,--policy",
       .value_name = "FILE",
       .help = "Policy to judge by: a script of `netsh rpc filter` commands, a registry export, a "
               "script of rpccfg, ipsecpol or ipseccmd, and other forms, recognised by their "
               "content. Several add up.",
       .target = &options.policies});
  group.options.push_back(
      {.names = "-c,--config",
       .value_name = "FILE",
       .help = "Deployment file (TOML): which policies hold on which servers, and what the wire "
               "cannot show of them.",
       .target = &options.deployment});
  group.options.push_back({.names = "--allow-empty",
                           .help = "Accept policies that make no filter and no setting.",
                           .target = &options.allow_empty});
  group.options.push_back(
      {.names = "--as-session",
       .help = "Treat the `netsh rpc filter ...` lines of a script as one session. On Windows each "
               "line is a process of its own, which forgets the rule of the line before.",
       .target = &options.as_session});
}

void add_target_options(OptionTable& table, RunOptions& options) {
  OptionGroup& group = table.group("Judging");
  group.options.push_back(
      {.names = "--target",
       .value_name = "NAME",
       .help = "Judge as this version of Windows would, instead of comparing all of them: "
               "documented, ws2008, ws2008r2, ws2012r2, ws2016, ws2019, ws2022, ws2025, w10, "
               "w11-24h2 or w11-25h2.",
       .target = [&options](const std::string& name) { return take_target(name, options); }});
  const auto take_order = [&options](const std::string& order) -> Problem {
    options.v4_order = order == "network" ? policy::Behaviour::swapped : policy::Behaviour::applies;
    return std::nullopt;
  };
  group.options.push_back(
      {.names = "--v4-order",
       .value_name = "ORDER",
       .help = "Byte order in which IPv4 addresses of filters are compared, `documented` or "
               "`network`, whatever the Windows version does.",
       .target = take_order,
       .choices = {"documented", "network"}});
}

void add_control_options(OptionTable& table, ControlOptions& options) {
  OptionGroup& group = table.group("Judging");
  group.options.push_back(
      {.names = "--what-if",
       .value_name = "SETTING",
       .help = "Also count what every value of a setting would block: "
               "restrict_remote_clients=0..2.",
       .target = [&options](const std::string& text) { return take_what_if(text, options); }});
  group.options.push_back(
      {.names = "--observed-registrations",
       .help = "For interfaces that the policy says nothing about, use the registration flags that "
               "Windows' own servers were observed to use.",
       .target = &options.observed_registrations});
  group.options.push_back({.names = "--assume-assigned",
                           .help = "Also apply IPsec policies that the script creates but never "
                                   "assigns.",
                           .target = &options.assume_assigned});
  group.options.push_back({.names = "--treat-loopback-as-remote",
                           .help =
                               "Treat callers on the server itself as remote ones. For captures "
                               "of a lab on one machine.",
                           .target = &options.treat_loopback_as_remote});
}

Option format_option(RecordFormat& format, const char* help) {
  const auto take = [&format](const std::string& word) -> Problem {
    format = word == "json" ? RecordFormat::json : RecordFormat::text;
    return std::nullopt;
  };
  return {.names = "--format",
          .value_name = "FORMAT",
          .help = help,
          .target = take,
          .choices = {"json", "text"}};
}

void add_record_options(OptionTable& table, RunOptions& options) {
  OptionGroup& output = table.group("Output");
  output.options.push_back(
      {.names = "-o,--output",
       .value_name = "FILE",
       .help =
           "Write all records to FILE; - is standard output, and the default. A form before the "
           "name chooses it: -o json:findings.jsonl. May be repeated.",
       .target = &options.outputs});
  output.options.push_back(
      format_option(options.format,
                    "Form of records, `json` or `text`, for outputs that name none. The default is "
                    "text on a terminal and JSON elsewhere."));
  output.options.push_back(
      {.names = "--color",
       .value_name = "WHEN",
       .help = "Colour text records `always`, `never`, or on terminals alone (`auto`, the "
               "default), where NO_COLOR and TERM=dumb are respected.",
       .target = [&options](const std::string& when) -> Problem {
         options.color = when == "always"  ? Color::always
                         : when == "never" ? Color::never
                                           : Color::automatic;
         return std::nullopt;
       },
       .choices = {"auto", "always", "never"}});
  output.options.push_back(
      {.names = "--sensor",
       .value_name = "NAME",
       .help = "Name of this sensor, which all records and the summary as data carry.",
       .target = &options.marks.sensor});
  output.options.push_back(
      {.names = "--run",
       .value_name = "ID",
       .help = "Id of this run, which all records and the summary as data carry, such as the "
               "number of a case.",
       .target = &options.marks.run});
  output.options.push_back(
      {.names = "--suppress",
       .value_name = "SECONDS",
       .help = "Write the first call of a kind (client, server, operation, verdict, user) at once, "
               "and further calls of that kind as one record every SECONDS, with their number. "
               "Without this option each call has a record.",
       .target = &options.suppress,
       .range = {1, 86400}});
}

void add_run_options(OptionTable& table, RunOptions& options) {
  const auto take_rows = [&options](const std::string& text) -> Problem {
    std::uint64_t rows = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, rows);
    if (error != std::errc() || rest != end) return "`" + text + "` is not a number";
    options.rows = rows;
    return std::nullopt;
  };
  table.group("Output").options.push_back(
      {.names = "--top",
       .value_name = "N",
       .help = "Show N rows of each part of the summary, in full width; 0 shows all.",
       .target = take_rows});
  table.group("Run").options.push_back(
      {.names = "--workers",
       .value_name = "N",
       .help = "Number of worker threads (default 1). The output does not depend on it.",
       .target = &options.workers,
       .range = {1, 64}});
  add_reading_options(table, options);
}

void add_reading_options(OptionTable& table, RunOptions& options) {
  table.group("Output").options.push_back({.names = "-q,--quiet",
                                           .help = "Print no summary and no progress.",
                                           .target = &options.quiet});
  add_process_options(table, options);
  table.group("Run").options.push_back({.names = "-v,--verbose",
                                        .help = "Say more about what is done.",
                                        .target = &options.verbose});
}

void add_output_options(OptionTable& table, RunOptions& options) {
  add_record_options(table, options);
  table.group("Output").options.push_back(
      {.names = "--summary",
       .value_name = "FILE",
       .help =
           "Write the summary to FILE as one JSON document with nothing left out, or what would "
           "change as CSV when the name ends in .csv; - is standard output.",
       .target = &options.summary});
  add_run_options(table, options);
}

}  // namespace rpcaudit::app
