#include "engine/app/command_options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace rpcaudit {

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
  command
      .add_option("-p,--policy", options.policies,
                  "Script of `netsh rpc filter` commands; may be repeated: they add up")
      ->type_name("FILE")
      ->required(required);
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

}  // namespace rpcaudit
