#include <editline/readline.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "engine/app/commands/commands.h"
#include "engine/app/commands/netsh_completion.h"
#include "engine/app/log.h"
#include "engine/app/netsh/netsh_console.h"
#include "engine/app/operate/control_socket.h"
#include "engine/app/policies/policy_files.h"
#include "engine/app/policies/state_folder.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/policy/text/script_line.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::app {
namespace {

using Result = NetshConsole::Result;

struct NetshCommand {
  std::string store;
  std::string monitor;  // socket of a running monitor, whose filters are meant
  std::string script;
  std::vector<std::string> words;  // a command of netsh
  bool restart = false;
  bool quiet = false;
};

ExitStatus status_of(Result result) {
  switch (result) {
    case Result::done: return ExitStatus::done;
    case Result::refused: return ExitStatus::refused;
    case Result::broken: break;
  }
  return ExitStatus::data;
}

// A command that was refused or a store that failed stays so, whatever comes after it.
Result worse(Result a, Result b) {
  if (a == Result::broken || b == Result::broken) return Result::broken;
  return a == Result::refused || b == Result::refused ? Result::refused : Result::done;
}

ExitStatus say(const std::string& answers, const std::string& problems, Result result) {
  std::cerr << problems << std::flush;
  const bool written = static_cast<bool>(std::cout << answers << std::flush);
  return written ? status_of(result) : ExitStatus::data;
}

// What the end of the session means for a rule that waits for its `add filter`.
void say_what_is_lost(const NetshConsole& console, std::string& problems) {
  if (!console.has_pending()) return;
  problems +=
      "warning: the rule is never made a filter\n"
      "  hint: end it with `add filter`\n";
}

// Commands given as arguments: one command, and what a process that ends means for its rule.
ExitStatus run_arguments(policy::FilterStore& store, const std::vector<std::string>& arguments,
                         bool quiet) {
  NetshConsole console(store, NetshConsole::Rule::of_store, {});
  std::string answers;
  std::string problems;
  // Together, when several are joined by `&`: the rule is everybody's.
  if (!console.begin(problems)) return say({}, problems, Result::broken);
  const Result result =
      console.run(policy::script_line(arguments, NetshConsole::file()), answers, problems);
  if (result == Result::broken || !console.end(problems)) {
    return say({}, problems, Result::broken);
  }
  // A session would stay in the context; without one netsh lists what it has.
  answers += console.entered_context_help();
  if (!quiet && console.opened_rule()) {
    problems +=
        "note: the rule waits in the store for `add filter`; on Windows it ends with the command\n"
        "  hint: there, use one session: a script for `netsh -f`, or the prompt\n";
  }
  if (!quiet && console.volatile_count() != 0) {
    problems +=
        "note: the filter is volatile: it lasts until the system restarts (here: `rpcaudit netsh "
        "--restart`)\n";
  }
  return say(answers, problems, result);
}

// A script, as `netsh -f`: its filters arrive in the store together.
ExitStatus run_script(policy::FilterStore& store, const std::string& path, Log& log) {
  const std::optional<std::string> bytes = read_policy_file(path);
  if (!bytes) {
    log.error(audit::terminal_text(path) + ": " + std::strerror(errno));
    return ExitStatus::data;
  }
  const policy::SourceText source = policy::SourceText::decode(*bytes);
  if (source.is_binary()) {
    log.error(audit::terminal_text(path) + ": the file is binary, not a script");
    return ExitStatus::data;
  }
  NetshConsole console(store, NetshConsole::Rule::of_console, path);
  std::string answers;
  std::string problems;
  if (!console.begin(problems)) return say({}, problems, Result::broken);
  Result all = Result::done;
  policy::ScriptReader reader(source, NetshConsole::file(), console.reporter());
  for (policy::ScriptLine line; reader.next(line);) {
    const Result result = console.run(line, answers, problems);
    all = worse(all, result);
    if (result == Result::broken || console.has_left()) break;
  }
  if (all == Result::broken || !console.end(problems)) return say({}, problems, Result::broken);
  say_what_is_lost(console, problems);
  return say(answers, problems, all);
}

// The next command of a pipe, with the lines that continue it; all there is when it is UTF-16,
// whose lines end otherwise.
bool read_command(std::istream& stream, std::string& text) {
  if (!std::getline(stream, text)) return false;
  const bool is_utf16 = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
  for (std::string line;
       is_utf16 || text.ends_with('^') || text.ends_with('`') || text.ends_with(" \\");) {
    if (!std::getline(stream, line)) break;
    text += '\n' + line;
  }
  return true;
}

// What runs a piece of text and says what comes of it.
Result run_text(NetshConsole& console, std::string_view text) {
  const policy::SourceText source = policy::SourceText::decode(text);
  if (source.is_binary()) {
    std::cerr << "error: this is binary, not a command\n";
    return Result::broken;
  }
  policy::ScriptReader reader(source, NetshConsole::file(), console.reporter());
  Result all = Result::done;
  for (policy::ScriptLine line; reader.next(line);) {
    std::string answers;
    std::string problems;
    const Result result = console.run(line, answers, problems);
    all = worse(all, result);
    if (say(answers, problems, result) == ExitStatus::data) return Result::broken;
    if (console.has_left()) break;
  }
  return all;
}

// Commands from something that is no terminal.
ExitStatus run_lines(policy::FilterStore& store) {
  NetshConsole console(store, NetshConsole::Rule::of_console, {});
  console.enter(policy::NetshContext::filter);
  Result all = Result::done;
  for (std::string text;
       all != Result::broken && !console.has_left() && read_command(std::cin, text);) {
    all = worse(all, run_text(console, text));
  }
  std::string problems;
  say_what_is_lost(console, problems);
  return say({}, problems, all);
}

// libedit asks for one candidate after another.
char* next_candidate(const char*, int state) {
  static std::vector<std::string> candidates;
  static std::size_t next = 0;
  if (state == 0) {
    const std::string_view line(rl_line_buffer);
    candidates = netsh_completions(line.substr(0, static_cast<std::size_t>(rl_point)));
    next = 0;
    // A word that is complete is followed by a space, a tag by its value.
    const bool is_whole = candidates.size() == 1 && !candidates[0].ends_with('=');
    rl_completion_append_character = is_whole ? ' ' : '\0';
  }
  return next < candidates.size() ? ::strdup(candidates[next++].c_str()) : nullptr;
}

char** complete(const char* text, int, int) {
  rl_attempted_completion_over = 1;  // file names are of no use here
  return rl_completion_matches(text, next_candidate);
}

ExitStatus run_prompt(policy::FilterStore& store) {
  NetshConsole console(store, NetshConsole::Rule::of_console, {});
  console.enter(policy::NetshContext::filter);
  const std::string folder = state_folder();
  const std::string history = folder + "/netsh_history";
  const bool keeps_history = !folder.empty() && make_folder_of(history);
  static char name[] = "rpcaudit";
  static char breaks[] = " ";
  rl_readline_name = name;
  rl_basic_word_break_characters = breaks;
  rl_attempted_completion_function = complete;
  using_history();
  stifle_history(1000);
  read_history(history.c_str());
  Result result = Result::done;
  while (result != Result::broken && !console.has_left()) {
    const std::unique_ptr<char, decltype(&std::free)> typed(::readline(console.prompt().c_str()),
                                                            &std::free);
    if (typed == nullptr) {
      std::cout << "\n";
      break;
    }
    if (*typed == '\0') continue;
    add_history(typed.get());
    if (keeps_history) write_history(history.c_str());  // now: Ctrl-C ends the program
    result = run_text(console, typed.get());
  }
  std::string problems;
  say_what_is_lost(console, problems);
  return say({}, problems, result == Result::broken ? result : Result::done);
}

// What a restart of the system leaves of a store.
ExitStatus run_restart(policy::FilterStore& store, Log& log) {
  const bool has_begun = store.begin();
  const std::optional<std::size_t> removed = has_begun ? store.remove_volatile() : std::nullopt;
  if (!removed || !store.commit()) {
    store.roll_back();
    log.error(store.error());
    return ExitStatus::data;
  }
  std::cout << "volatile filters removed: " << *removed << "\n";
  return ExitStatus::done;
}

// The filters of a running monitor.
ExitStatus run_in_monitor(const NetshCommand& command, Log& log) {
  ControlRequest request{ControlCommand::netsh, false, command.words};
  if (!command.script.empty()) {
    const std::optional<std::string> bytes = read_policy_file(command.script);
    if (!bytes) {
      log.error(audit::terminal_text(command.script) + ": " + std::strerror(errno));
      return ExitStatus::data;
    }
    request.script = *bytes;
  }
  if (request.words.empty() == request.script.empty()) {
    log.error("--monitor takes one command, or a script with --file");
    return ExitStatus::usage;
  }
  if (write_request(request).size() > kRequestBytesMax) {
    log.error("the commands are longer than a monitor takes at once: 64 KiB");
    return ExitStatus::usage;
  }
  ControlAnswer answer;
  std::string error;
  if (!ask_monitor(command.monitor, request, answer, error)) {
    log.error(audit::terminal_text(error));
    return ExitStatus::data;
  }
  std::cerr << answer.err << std::flush;
  const bool written = static_cast<bool>(std::cout << answer.out << std::flush);
  return written ? static_cast<ExitStatus>(answer.status) : ExitStatus::data;
}

ExitStatus run_netsh(const NetshCommand& command, const std::vector<std::string>& arguments) {
  Log log(false);
  if (!command.monitor.empty()) return run_in_monitor(command, log);
  const std::string path = command.store.empty() ? default_filter_store() : command.store;
  if (path.empty()) {
    log.error("there is no home folder to keep the filter store in; name one with --store");
    return ExitStatus::usage;
  }
  const int wishes =
      (command.script.empty() ? 0 : 1) + (arguments.empty() ? 0 : 1) + (command.restart ? 1 : 0);
  if (wishes > 1) {
    log.error("give a script, a command or --restart, not several");
    return ExitStatus::usage;
  }
  policy::FilterStore store;
  if (!make_folder_of(path) || !store.open(path, policy::FilterStore::Access::write)) {
    log.error(store.error().empty() ? path + ": its folder cannot be made" : store.error());
    return ExitStatus::data;
  }
  if (command.restart) return run_restart(store, log);
  if (!command.script.empty()) return run_script(store, command.script, log);
  if (!arguments.empty()) return run_arguments(store, arguments, command.quiet);
  return ::isatty(STDIN_FILENO) == 1 ? run_prompt(store) : run_lines(store);
}

}  // namespace

Command netsh_command() {
  const auto state = std::make_shared<NetshCommand>();
  Command command{
      .name = "netsh",
      .summary = "Add, show and delete filters of a store, with the commands of netsh.",
      .footer =
          "Examples:\n"
          "  rpcaudit netsh                                   a prompt, as netsh has it\n"
          "  rpcaudit netsh rpc filter add rule layer=um actiontype=block\n"
          "  rpcaudit netsh rpc filter show filter\n"
          "  rpcaudit netsh -f script.txt\n"
          "  rpcaudit audit -r dc1.pcapng -p store:           audits with the filters\n"
          "  rpcaudit netsh --monitor /run/rpcaudit/control.sock rpc filter show filter\n"
          "\n"
          "Nothing is applied to any host. Exit status: 0 done, 1 a command was refused,\n"
          "3 the store or the script could not be read or written.\n",
      .run = [state] { return run_netsh(*state, state->words); }};
  // The commands of netsh, with our options anywhere among them.
  command.options.operands = {.name = "WORD", .target = &state->words};
  std::vector<Option>& options = command.options.group("Options").options;
  options.push_back(
      {.names = "--store",
       .value_name = "FILE",
       .help = "Filter store, created when it does not exist. The default is "
               "$XDG_STATE_HOME/rpcaudit/filters.db or ~/.local/state/rpcaudit/filters.db.",
       .target = &state->store});
  options.push_back({.names = "--monitor",
                     .value_name = "SOCKET",
                     .help = "Volatile filters of the `rpcaudit live --control SOCKET` that runs, "
                             "instead of a store.",
                     .target = &state->monitor,
                     .excludes = "--store"});
  options.push_back({.names = "-f,--file",
                     .value_name = "FILE",
                     .help = "Script of commands to run; - is standard input.",
                     .target = &state->script});
  options.push_back({.names = "--restart",
                     .help = "Remove volatile filters, as a restart of the system does",
                     .target = &state->restart});
  options.push_back({.names = "-q,--quiet",
                     .help = "Print no remarks on what a Windows host does differently.",
                     .target = &state->quiet});
  return command;
}

}  // namespace rpcaudit::app
