#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>

#include "engine/app/commands/commands.h"

namespace {

constexpr const char* kDescription =
    "Says which DCE/RPC calls in packet captures a Windows RPC policy would block.\n"
    "It only watches: nothing is ever blocked.\n";

constexpr const char* kExamples =
    "Examples:\n"
    "  rpcaudit calls -r dc1.pcapng                     every RPC call as JSON, one per line\n"
    "  rpcaudit check -p policy.txt                     what is wrong with a netsh rpc script\n"
    "  rpcaudit audit -r dc1.pcapng -p policy.txt       what the policy would block\n"
    "  rpcaudit explain -p policy.txt -r dc1.pcapng --frame 4711    why\n"
    "  rpcaudit endpoints -r dc1.pcapng --format text   who serves which interface where\n"
    "\n"
    "Exit status: 0 done, 1 --fail-on was met, 2 wrong usage or policy, 3 input unreadable or\n"
    "output lost, 4 no RPC was seen.\n";

int run(int argc, char** argv) {
  CLI::App app(kDescription, "rpcaudit");
  app.footer(kExamples);
  app.set_version_flag("--version", "rpcaudit " RPCAUDIT_VERSION);
  app.require_subcommand(1);
  rpcaudit::app::ChosenCommand chosen;
  rpcaudit::app::add_audit_command(app, chosen);
  rpcaudit::app::add_calls_command(app, chosen);
  rpcaudit::app::add_check_command(app, chosen);
  rpcaudit::app::add_endpoints_command(app, chosen);
  rpcaudit::app::add_explain_command(app, chosen);
  rpcaudit::app::add_netsh_command(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool is_answer = app.exit(error) == 0;  // --help, --version
    return static_cast<int>(is_answer ? rpcaudit::app::ExitStatus::done
                                      : rpcaudit::app::ExitStatus::usage);
  }
  return static_cast<int>(chosen());
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of the write that meets it
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "rpcaudit: " << error.what() << "\n";
    return static_cast<int>(rpcaudit::app::ExitStatus::data);
  }
}
