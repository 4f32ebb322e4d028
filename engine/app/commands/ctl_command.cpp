#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "engine/app/commands/command_options.h"
#include "engine/app/commands/commands.h"
#include "engine/app/log.h"
#include "engine/app/operate/control_socket.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

struct CtlCommand {
  std::string control = kDefaultControlSocket;
  std::vector<std::string> words;
  RecordFormat format = RecordFormat::automatic;
};

ExitStatus run_ctl(const CtlCommand& command) {
  Log log(false);
  const auto wanted = command.words.size() == 1 ? parse_control_command(command.words[0])
                                                : std::optional<ControlCommand>();
  if (!wanted || *wanted == ControlCommand::netsh) {
    log.error("name one command: status, stats, reload, rotate or stop");
    return ExitStatus::usage;
  }
  ControlAnswer answer;
  std::string error;
  const ControlRequest request{*wanted, command.format == RecordFormat::json};
  if (!ask_monitor(command.control, request, answer, error)) {
    log.error(audit::terminal_text(error));
    return ExitStatus::data;
  }
  std::cerr << answer.err << std::flush;
  if (!(std::cout << answer.out << std::flush)) return ExitStatus::data;
  return static_cast<ExitStatus>(answer.status);
}

}  // namespace

Command ctl_command() {
  const auto state = std::make_shared<CtlCommand>();
  Command command{
      .name = "ctl",
      .summary = "Ask a running `rpcaudit live`, or have it do something.",
      .footer =
          "Commands:\n"
          "  status   interfaces, policies, the last reload, outputs, what confines it\n"
          "  stats    its counters\n"
          "  reload   read the policies anew; the old ones go on when they are wrong\n"
          "  rotate   open files of records anew\n"
          "  stop     end it, as SIGTERM does\n"
          "\n"
          "Exit status: 0 done, 1 the new policies were refused, 2 wrong usage,\n"
          "3 no monitor answers.\n",
      .run = [state] { return run_ctl(*state); }};
  command.options.operands = {.name = "COMMAND", .target = &state->words};
  std::vector<Option>& options = command.options.group("Options").options;
  options.push_back({.names = "--control",
                     .value_name = "SOCKET",
                     .help = "Socket of `rpcaudit live --control SOCKET` (default "
                             "/run/rpcaudit/control.sock).",
                     .target = &state->control});
  options.push_back(format_option(state->format, "Write status and stats as json or text."));
  return command;
}

}  // namespace rpcaudit::app
