#include "engine/app/commands/command_options.h"

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

void add_tunnel_options(OptionTable& table, dissect::TunnelTrust& tunnels) {
  const auto take_trust = [&tunnels](const std::string& word) -> Problem {
    tunnels.all = word == "same";
    return std::nullopt;
  };
  table.options.push_back(
      {.names = "--tunnel",
       .value_name = "same|apart",
       .help = "Whether what leaves a tunnel is of the same connections as what does not: same\n"
               "where tunnels only mirror traffic or carry it further; apart by default, as who\n"
               "can send into a tunnel could speak for others",
       .target = take_trust,
       .choices = {"same", "apart"}});
  table.options.push_back(
      {.names = "--mirror-from",
       .value_name = "ADDRESS",
       .help = "Source of tunnels (ERSPAN, VXLAN and others) that mirror traffic: their frames\n"
               "count as captured on the wire; may be repeated",
       .target = [&tunnels](const std::string& text) { return take_mirror(text, tunnels); },
       .repeatable = true});
}

}  // namespace

void add_capture_options(OptionTable& table, RunOptions& options, bool required) {
  table.options.push_back(
      {.names = "-r,--read",
       .value_name = "FILE|DIR",
       .help = "Capture to read (pcap or pcapng, also compressed), a folder of them, or - for\n"
               "standard input; may be repeated: all are read as one, in time order",
       .target = &options.captures,
       .required = required});
  table.options.push_back({.names = "-f,--filter",
                           .value_name = "BPF",
                           .help = "Take only packets that match (as tcpdump)",
                           .target = &options.packet_filter});
  table.options.push_back(
      {.names = "--memory",
       .value_name = "MIB",
       .help = "Memory that the run may take, 512 by default, shared by all workers: what does\n"
               "not fit makes room, and the summary says so",
       .target = &options.memory,
       .range = {1, std::uint64_t{1} << 20}});
  add_tunnel_options(table, options.tunnels);
  table.options.push_back({.names = "--no-sandbox",
                           .help = "Keep all system calls while captures are read",
                           .target = &options.no_sandbox});
}

void add_policy_options(OptionTable& table, RunOptions& options, bool required) {
  OptionGroup group{.name = "Policies", .required = required};
  group.options.push_back(
      {.names = "-p,--policy",
       .value_name = "FILE",
       .help = "Script of `netsh rpc filter` commands, registry export (.reg, reg query,\n"
               "secedit, registry.pol), script of rpccfg, ipsecpol, ipseccmd and others, told\n"
               "by its content; may be repeated: they add up",
       .target = &options.policies});
  group.options.push_back(
      {.names = "-c,--config",
       .value_name = "FILE",
       .help = "Deployment file (TOML): which policies hold on which servers, and what the\n"
               "wire cannot show of them",
       .target = &options.deployment});
  table.groups.push_back(std::move(group));
  table.options.push_back({.names = "--allow-empty",
                           .help = "Take policies that make no filter and no setting",
                           .target = &options.allow_empty});
  table.options.push_back({.names = "--as-session",
                           .help = "Take `netsh rpc filter ...` lines as commands of one session,\n"
                                   "though each process would forget the rule of the one before",
                           .target = &options.as_session});
}

void add_target_options(OptionTable& table, RunOptions& options) {
  table.options.push_back(
      {.names = "--target",
       .value_name = "NAME",
       .help = "What is taken to apply the policy, instead of all of them side by side:\n"
               "documented (whose verdicts records have), ws2008, ws2008r2, ws2012r2, ws2016,\n"
               "ws2019, ws2022, ws2025, w10, w11-24h2 or w11-25h2",
       .target = [&options](const std::string& name) { return take_target(name, options); }});
  const auto take_order = [&options](const std::string& order) -> Problem {
    options.v4_order = order == "network" ? policy::Behaviour::swapped : policy::Behaviour::applies;
    return std::nullopt;
  };
  table.options.push_back(
      {.names = "--v4-order",
       .value_name = "documented|network",
       .help = "How IPv4 addresses are compared, instead of what the target is taken to do",
       .target = take_order,
       .choices = {"documented", "network"}});
}

void add_control_options(OptionTable& table, ControlOptions& options) {
  table.options.push_back(
      {.names = "--what-if",
       .value_name = "SETTING=VALUES",
       .help = "Judge by every value of a setting in one run: restrict_remote_clients=0..2",
       .target = [&options](const std::string& text) { return take_what_if(text, options); }});
  table.options.push_back(
      {.names = "--observed-registrations",
       .help = "Take interfaces that the policy does not list as registered the way Windows'\n"
               "own servers were observed to register them",
       .target = &options.observed_registrations});
  table.options.push_back({.names = "--assume-assigned",
                           .help = "Judge by IPsec policies that nobody assigns, too",
                           .target = &options.assume_assigned});
  table.options.push_back(
      {.names = "--treat-loopback-as-remote",
       .help = "Take callers on the server itself for remote ones: for captures of a lab",
       .target = &options.treat_loopback_as_remote});
}

Option format_option(RecordFormat& format, const char* help) {
  const auto take = [&format](const std::string& word) -> Problem {
    format = word == "json" ? RecordFormat::json : RecordFormat::text;
    return std::nullopt;
  };
  return {.names = "--format",
          .value_name = "json|text",
          .help = help,
          .target = take,
          .choices = {"json", "text"}};
}

void add_output_options(OptionTable& table, RunOptions& options) {
  table.options.push_back(
      {.names = "-o,--output",
       .value_name = "[FORMAT:]FILE",
       .help =
           "Where records go, - is standard output and the default; may be repeated: each gets\n"
           "all records, in the form before its name, json: or text:, as in\n"
           "-o findings.jsonl -o text:-",
       .target = &options.outputs});
  table.options.push_back(format_option(options.format, "Form of outputs that name none"));
  table.options.push_back(
      {.names = "--workers",
       .value_name = "N",
       .help = "Threads that dissect and judge, 1 by default; any number writes the same",
       .target = &options.workers,
       .range = {1, 64}});
  table.options.push_back(
      {.names = "-q,--quiet", .help = "No summary and no progress", .target = &options.quiet});
  table.options.push_back(
      {.names = "-v,--verbose", .help = "More about what is done", .target = &options.verbose});
}

}  // namespace rpcaudit::app
