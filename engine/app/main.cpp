#include <csignal>
#include <exception>
#include <iostream>

#include "engine/app/commands/commands.h"

namespace {

const rpcaudit::app::ProgramText kProgram = {
    "rpcaudit",
    "Says which DCE/RPC calls in packet captures a Windows RPC policy would block.\n"
    "It only watches: nothing is ever blocked.\n",
    "Examples:\n"
    "  rpcaudit calls -r dc1.pcapng                     every RPC call as JSON, one per line\n"
    "  rpcaudit check -p policy.txt                     what is wrong with a netsh rpc script\n"
    "  rpcaudit audit -r dc1.pcapng -p policy.txt       what the policy would block\n"
    "  rpcaudit explain -p policy.txt -r dc1.pcapng --frame 4711    why\n"
    "  rpcaudit endpoints -r dc1.pcapng --format text   who serves which interface where\n"
    "\n"
    "Exit status: 0 done, 1 --fail-on was met, 2 wrong usage or policy, 3 input unreadable or\n"
    "output lost, 4 no RPC was seen.\n",
    "rpcaudit " RPCAUDIT_VERSION,
};

rpcaudit::app::ExitStatus run(int argc, char** argv) {
  return rpcaudit::app::run_command_line(
      kProgram,
      {rpcaudit::app::audit_command(), rpcaudit::app::calls_command(),
       rpcaudit::app::check_command(), rpcaudit::app::endpoints_command(),
       rpcaudit::app::explain_command(), rpcaudit::app::netsh_command()},
      argc, argv);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of the write that meets it
  try {
    return static_cast<int>(run(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "rpcaudit: " << error.what() << "\n";
    return static_cast<int>(rpcaudit::app::ExitStatus::data);
  }
}
