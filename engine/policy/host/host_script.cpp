#include "engine/policy/host/host_script.h"

#include <algorithm>
#include <vector>

#include "engine/policy/host/ipsec_command.h"
#include "engine/policy/host/registry_value.h"
#include "engine/policy/host/rpccfg_command.h"
#include "engine/policy/netsh/netsh_session.h"
#include "engine/policy/text/script_line.h"
#include "engine/policy/text/shell_commands.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

using Words = std::span<const Word>;

constexpr std::string_view kBatchWords[] = {"echo",     "set",      "pause",     "exit", "cls",
                                            "goto",     "title",    "setlocal",  "sc",   "endlocal",
                                            "shutdown", "gpupdate", "errorlevel"};

class HostScriptReader {
 public:
  HostScriptReader(std::uint32_t file, Policy& policy, Reporter& reporter)
      : policy_(policy),
        reporter_(reporter),
        registry_(policy, reporter),
        ipsec_(policy, reporter),
        netsh_(policy, file, reporter, {}) {}

  void run(const ScriptLine& line) {
    for (const ShellCommand& command : shell_commands(line)) {
      const bool is_known = host_program(command.words.front().text) != HostProgram::none;
      if (!is_known && command.reads_pipe) continue;  // `| Out-Null`, `| find "x"`
      if (is_known && command.is_conditional) {
        reporter_.warning("conditional-command", command.words.front().span(),
                          "the command runs only if a condition holds; it is read as if it did",
                          "give a policy of its own to servers for which it does not hold");
      }
      run_command(command.words, line);
    }
  }

  void finish(const SourceSpan& whole_file) {
    netsh_.finish();
    if (has_registry_) registry_.finish(whole_file);
  }

 private:
  void run_command(Words words, const ScriptLine& line) {
    const SourceSpan span = words.front().span();
    switch (host_program(words.front().text)) {
      case HostProgram::reg: return run_reg(words.subspan(1), span);
      case HostProgram::rpccfg: return run_rpccfg(words.subspan(1), span, policy_, reporter_);
      case HostProgram::ipsec: return ipsec_.run(words.subspan(1), span);
      case HostProgram::netsh: return run_netsh(words, line);
      case HostProgram::none: break;
    }
    if (echoes_command(words)) return report_echo(span, reporter_);
    for (const std::string_view known : kBatchWords) {
      if (equal_ignoring_case(known, words.front().text)) return;
    }
    if (words.front().text.starts_with(':')) return;  // a label
    if (equal_ignoring_case("for", words.front().text)) {
      return reporter_.error("loop", span, "loops of batch files are not run",
                             "write the command once for each port and subnet");
    }
    reporter_.warning("unknown-program", span,
                      quoted(words.front().text) + " is not known and left out",
                      "known are reg, rpccfg, ipsecpol, ipseccmd and netsh");
  }

  void run_netsh(Words words, const ScriptLine& line) {
    const bool is_interface = words.size() > 1 && (equal_ignoring_case(words[1].text, "int") ||
                                                   equal_ignoring_case(words[1].text, "interface"));
    if (is_interface)
      return run_dynamicport(words.subspan(2), words.front().span(), policy_, reporter_);
    ScriptLine own;
    own.words.assign(words.begin(), words.end());
    own.span = line.span;
    netsh_.run(own);
  }

  // `reg add KEY /v NAME /t TYPE /d DATA /f`, in any order behind the key.
  void run_reg(Words words, const SourceSpan& command) {
    if (words.size() < 2) {
      return reporter_.error("bad-reg-command", command, "`reg` needs a verb and a key");
    }
    const bool adds = equal_ignoring_case(words[0].text, "add");
    const bool deletes = equal_ignoring_case(words[0].text, "delete");
    if (equal_ignoring_case(words[0].text, "import")) {
      return reporter_.warning("file-not-read", words[1].span(),
                               "the values of " + quoted(words[1].text) + " are not read here",
                               "name the file with `-p`, too");
    }
    if (!adds && !deletes) return;  // query, export: nothing changes
    has_registry_ = true;
    if (words[1].text.starts_with("\\\\")) {
      return reporter_.warning("remote-machine", words[1].span(),
                               "the value is set on another machine, and left out",
                               "bind the file to that server by a deployment, without the name");
    }
    if (words[1].text.find('%') != std::string::npos) {
      return reporter_.error("unreplaced-variable", words[1].span(),
                             "the key " + quoted(words[1].text) + " holds a variable",
                             "write its value");
    }
    RegistryValue value;
    value.key = words[1].text;
    value.span = command;
    value.deleted = deletes;
    std::string_view data;
    std::string_view separator = "\\0";
    bool has_name = false;
    std::optional<RegistryType> type = RegistryType::string;
    for (std::size_t i = 2; i < words.size(); ++i) {
      const std::string_view flag = words[i].text;
      const auto argument = [&] {
        if (i + 1 >= words.size()) return std::string_view();
        value.span = words[i + 1].span();
        return std::string_view(words[++i].text);
      };
      if (equal_ignoring_case(flag, "/v")) {
        value.name = argument();
        has_name = true;
      } else if (equal_ignoring_case(flag, "/ve")) {
        has_name = true;
      } else if (equal_ignoring_case(flag, "/t")) {
        type = RegistryApplier::type_of(argument());
      } else if (equal_ignoring_case(flag, "/s")) {
        separator = argument();
      } else if (equal_ignoring_case(flag, "/d")) {
        data = argument();
      } else if (!equal_ignoring_case(flag, "/f") && !equal_ignoring_case(flag, "/va") &&
                 !starts_with_ignoring_case(flag, "/reg:")) {
        return reporter_.error("bad-reg-command", words[i].span(),
                               quoted(flag) + " is no flag of `reg`", "known are /v /t /d /f /s");
      }
    }
    if (deletes && !has_name) return registry_.remove_key(value.key, value.span);
    if (!type) {
      return reporter_.error("unknown-registry-type", value.span, "unknown type behind `/t`");
    }
    value.type = *type;
    if (adds && !read_data(data, separator, value)) {
      return reporter_.error("bad-registry-data", value.span,
                             quoted(data) + " is no data of the value's type");
    }
    registry_.apply(value);
  }

  static bool read_data(std::string_view data, std::string_view separator, RegistryValue& value) {
    if (value.type == RegistryType::dword || value.type == RegistryType::qword) {
      const auto number = RegistryApplier::number_of(data);
      value.number = number.value_or(0);
      return number && (value.type == RegistryType::qword || *number <= 0xffff'ffff);
    }
    if (value.type != RegistryType::multi_string || separator.empty()) {
      value.texts.emplace_back(data);
      return true;
    }
    while (!data.empty()) {
      const std::size_t at = data.find(separator);
      value.texts.emplace_back(data.substr(0, at));
      data = at == std::string_view::npos ? std::string_view() : data.substr(at + separator.size());
    }
    return true;
  }

  Policy& policy_;
  Reporter& reporter_;
  RegistryApplier registry_;
  IpsecCommands ipsec_;
  NetshSession netsh_;
  bool has_registry_ = false;
};

}  // namespace

HostProgram host_program(std::string_view word) noexcept {
  const std::string_view name = program_name(word);
  constexpr std::pair<std::string_view, HostProgram> kNames[] = {
      {"reg", HostProgram::reg},           {"rpccfg", HostProgram::rpccfg},
      {"ipsecpol", HostProgram::ipsec},    {"ipseccmd", HostProgram::ipsec},
      {"%IPSECTOOL%", HostProgram::ipsec}, {"netsh", HostProgram::netsh},
  };
  for (const auto& [text, program] : kNames) {
    if (equal_ignoring_case(text, name)) return program;
  }
  return HostProgram::none;
}

void read_host_script(const SourceText& source, std::uint32_t file, Policy& policy,
                      Reporter& reporter) {
  HostScriptReader script(file, policy, reporter);
  ScriptReader reader(source, file, reporter);
  ScriptLine line;
  while (!reporter.is_full() && reader.next(line)) script.run(line);
  if (!reporter.is_full()) script.finish({file, 0, 0, 0});
}

}  // namespace rpcaudit::policy
