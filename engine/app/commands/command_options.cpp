#include "engine/app/commands/command_options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>

namespace rpcaudit::app {

void add_capture_options(CLI::App& command, RunOptions& options, bool required) {
  command
      .add_option("-r,--read", options.captures,
                  "Capture to read (pcap or pcapng, also compressed), a folder of them, or - for\n"
                  "standard input; may be repeated: all are read as one, in time order")
      ->type_name("FILE|DIR")
      ->required(required);
  command
      .add_option("-f,--filter", options.packet_filter, "Take only packets that match (as tcpdump)")
      ->type_name("BPF");
}

void add_policy_option(CLI::App& command, RunOptions& options, bool required) {
  CLI::Option_group* const group = command.add_option_group("Policies");
  group
      ->add_option("-p,--policy", options.policies,
                   "Script of `netsh rpc filter` commands, registry export (.reg, reg query,\n"
                   "secedit, registry.pol), script of rpccfg, ipsecpol, ipseccmd and others, told\n"
                   "by its content; may be repeated: they add up")
      ->type_name("FILE");
  group
      ->add_option("-c,--config", options.deployment,
                   "Deployment file (TOML): which policies hold on which servers, and what the\n"
                   "wire cannot show of them")
      ->type_name("FILE");
  if (required) group->require_option(1, 2);
}

void add_target_options(CLI::App& command, RunOptions& options) {
  command
      .add_option_function<std::string>(
          "--target",
          [&options](const std::string& name) {
            const std::optional<policy::Target> target = policy::parse_target(name);
            if (!target) {
              std::string names;
              for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
                names += ' ' + std::string(to_string(static_cast<policy::Target>(i)));
              }
              throw CLI::ValidationError("--target", "`" + name + "` is none of" + names);
            }
            options.evaluation.profile = policy::TargetProfile(*target);
          },
          "What is taken to apply the policy: documented (the default), ws2008, ws2008r2,\n"
          "ws2012r2, ws2016, ws2019, ws2022, ws2025, w10, w11-24h2 or w11-25h2")
      ->type_name("NAME");
  command
      .add_option_function<std::string>(
          "--v4-order",
          [&options](const std::string& order) {
            options.v4_order =
                order == "network" ? policy::Behaviour::swapped : policy::Behaviour::applies;
          },
          "How IPv4 addresses are compared, instead of what the target is taken to do")
      ->check(CLI::IsMember({"documented", "network"}).description(""))
      ->type_name("documented|network");
  command.parse_complete_callback([&options] {
    if (options.v4_order)
      options.evaluation.profile.set(policy::Difference::v4_byte_order, *options.v4_order);
  });
}

void add_output_options(CLI::App& command, RunOptions& options) {
  static const std::map<std::string, RecordFormat> kFormats{{"json", RecordFormat::json},
                                                            {"text", RecordFormat::text}};
  command.add_option("-o,--output", options.output, "Where records go, standard output by default")
      ->type_name("FILE");
  command.add_option("--format", options.format, "json (one object per line) or text")
      ->transform(CLI::CheckedTransformer(kFormats).description(""))
      ->type_name("json|text");
  command
      .add_option("--workers", options.workers,
                  "Threads that dissect and judge, 1 by default; any number writes the same")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  command.add_flag("-q,--quiet", options.quiet, "No summary and no progress");
  command.add_flag("-v,--verbose", options.verbose, "More about what is done");
}

}  // namespace rpcaudit::app
