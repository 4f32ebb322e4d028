#include <csignal>
#include <exception>
#include <iostream>

#include "engine/app/commands/commands.h"

namespace {

const rpcaudit::app::ProgramText kProgram = {
    "rpcaudit",
    "Says which DCE/RPC calls in packet captures a Windows RPC policy would block. It only reads: "
    "nothing is ever sent or blocked.",
    "Examples:\n"
    "  rpcaudit calls dc1.pcapng                   every RPC call\n"
    "  rpcaudit check -p policy.txt                what is wrong with a policy\n"
    "  rpcaudit audit dc1.pcapng -p policy.txt     what the policy would block\n"
    "  rpcaudit explain dc1.pcapng -p policy.txt --frame 4711\n"
    "                                              why it would block that call\n"
    "  rpcaudit endpoints dc1.pcapng               who serves which interface where\n"
    "\n"
    "Exit status: 0 done, 1 --fail-on was met, 2 wrong usage or policy, 3 input\n"
    "unreadable or output lost, 4 no RPC was seen, 130 and 143 stopped by a signal.\n",
    "rpcaudit " RPCAUDIT_VERSION,
};

rpcaudit::app::ExitStatus run(int argc, char** argv) {
  return rpcaudit::app::run_command_line(
      kProgram,
      {rpcaudit::app::audit_command(), rpcaudit::app::calls_command(),
       rpcaudit::app::check_command(), rpcaudit::app::ctl_command(),
       rpcaudit::app::endpoints_command(), rpcaudit::app::explain_command(),
       rpcaudit::app::live_command(), rpcaudit::app::netsh_command(),
       rpcaudit::app::schema_command()},
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
