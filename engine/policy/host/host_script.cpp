#include "engine/policy/host/host_script.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/policy/host/ipsec_command.h"
#include "engine/policy/host/netsh_ipsec.h"
#include "engine/policy/host/registry_cmdlet.h"
#include "engine/policy/host/registry_value.h"
#include "engine/policy/host/rpccfg_command.h"
#include "engine/policy/listings/filter_collector.h"
#include "engine/policy/listings/new_rpc_filter.h"
#include "engine/policy/netsh/netsh_session.h"
#include "engine/policy/text/script_line.h"
#include "engine/policy/text/shell_commands.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

using Words = std::span<const Word>;

// Words of batch files and PowerShell that change no policy.
constexpr std::string_view kHarmlessCommands[] = {"echo",
                                                  "set",
                                                  "pause",
                                                  "exit",
                                                  "cls",
                                                  "goto",
                                                  "title",
                                                  "setlocal",
                                                  "sc",
                                                  "endlocal",
                                                  "shutdown",
                                                  "gpupdate",
                                                  "errorlevel",
                                                  "New-Item",
                                                  "Write-Host",
                                                  "Write-Output",
                                                  "Get-RpcFilter",
                                                  "Import-Module",
                                                  "Test-Path",
                                                  "param",
                                                  "function",
                                                  "try",
                                                  "catch",
                                                  "finally",
                                                  "return",
                                                  "Restart-Computer",
                                                  "Get-ItemProperty"};

// What a line names that may well be part of a policy.
constexpr std::string_view kPolicyWords[] = {"netsh",
                                             "rpc filter",
                                             "RestrictRemoteClients",
                                             "EnableAuthEpResolution",
                                             "RpcFilter",
                                             "reg add",
                                             "RestrictReceivingNTLMTraffic",
                                             "RestrictSendingNTLMTraffic",
                                             "ipseccmd",
                                             "ipsecpol",
                                             "rpccfg",
                                             "reg.exe",
                                             "ItemProperty"};

bool names_policy(Words words) {
  std::string text;
  for (const Word& word : words) text += word.text + ' ';
  text = to_lower(text);
  return std::any_of(std::begin(kPolicyWords), std::end(kPolicyWords), [&](std::string_view part) {
    return text.find(to_lower(part)) != std::string::npos;
  });
}

bool is_harmless(const Word& word) noexcept {
  return std::any_of(
      std::begin(kHarmlessCommands), std::end(kHarmlessCommands),
      [&word](std::string_view known) { return equal_ignoring_case(known, word.text); });
}

bool begins_loop(const Word& word) noexcept {
  return equal_ignoring_case(word.text, "for") || equal_ignoring_case(word.text, "foreach") ||
         equal_ignoring_case(word.text, "while");
}

// `Invoke-Command -ComputerName DC1 -ScriptBlock {`
bool runs_elsewhere(Words words) noexcept {
  const std::string& name = words.front().text;
  if (!equal_ignoring_case(name, "Invoke-Command") && !equal_ignoring_case(name, "icm"))
    return false;
  return std::any_of(words.begin(), words.end(), [](const Word& word) {
    return starts_with_ignoring_case(word.text, "-ComputerName") ||
           starts_with_ignoring_case(word.text, "-Session");
  });
}

class HostScriptReader {
 public:
  HostScriptReader(std::uint32_t file, Policy& policy, Reporter& reporter)
      : policy_(policy),
        reporter_(reporter),
        registry_(policy, reporter),
        ipsec_(policy, reporter),
        netsh_ipsec_(policy, reporter),
        netsh_(policy, file, reporter, {}),
        filters_(policy, file, reporter) {}

  void run(const ScriptLine& line) {
    if (line.words.empty()) return;
    if (line.here_string != 0 || netsh_.is_in_here_string()) netsh_.run_here_string(line);
    if (line.here_string != 0) return report_unread_text(line);
    const bool in_condition = enter_blocks(line);
    const std::vector<ShellCommand> commands = shell_commands(line);
    if (commands.empty() && begins_loop(line.words.front())) {
      return reporter_.warning("loop", line.span, "loops are not run: what follows is read once",
                               "write the commands once for each value");
    }
    for (const ShellCommand& command : commands) {
      const bool is_known = host_program(command.words.front().text) != HostProgram::none;
      if (!is_known && command.reads_pipe && !names_policy(command.words)) continue;
      if (is_known && command.is_in_loop) {
        reporter_.error("loop", command.words.front().span(),
                        "the command stands in a loop, and loops are not run",
                        "write the command once for each value");
        return;
      }
      if (is_known && (command.is_conditional || in_condition)) {
        reporter_.warning("conditional-command", command.words.front().span(),
                          "the command runs only if a condition holds; it is read as if it did",
                          "give a policy of its own to servers for which it does not hold");
      }
      run_command(command, line);
    }
  }

  void finish(const SourceSpan& whole_file) {
    netsh_.finish();
    netsh_ipsec_.finish();
    filters_.finish();
    if (has_registry_) registry_.finish(whole_file);
    if (unknown_count_ == 0) return;
    const std::string others = unknown_count_ == 1
                                   ? std::string(" is not known and left out")
                                   : " and " + std::to_string(unknown_count_ - 1) +
                                         " more commands are not known and left out";
    reporter_.warning("unknown-program", first_unknown_, quoted(first_unknown_name_) + others,
                      "known are reg, rpccfg, ipsecpol, ipseccmd, netsh, and PowerShell's commands "
                      "for registry values and RPC filters");
  }

 private:
  static constexpr std::size_t kBlocksMax = 1000;

  // Follows `if ... (` and `if (...) {` over lines; true where the line stands in such a block.
  bool enter_blocks(const ScriptLine& line) {
    const auto is_word = [](const Word& word, std::string_view a, std::string_view b) {
      return !word.quoted && (word.text == a || word.text == b);
    };
    if (is_word(line.words.front(), ")", "}") && !blocks_.empty()) blocks_.pop_back();
    const bool is_inside = std::any_of(blocks_.begin(), blocks_.end(),
                                       [](bool has_condition) { return has_condition; });
    if (!is_word(line.words.back(), "(", "{") || blocks_.size() >= kBlocksMax) return is_inside;
    const auto names_condition = [](const Word& word) {
      return !word.quoted &&
             (equal_ignoring_case(word.text, "if") || equal_ignoring_case(word.text, "else") ||
              equal_ignoring_case(word.text, "elseif"));
    };
    const std::size_t looked_at = std::min<std::size_t>(2, line.words.size());
    blocks_.push_back(std::any_of(line.words.begin(),
                                  line.words.begin() + static_cast<std::ptrdiff_t>(looked_at),
                                  names_condition));
    return is_inside;
  }

  void run_command(const ShellCommand& command, const ScriptLine& line) {
    const Words words = command.words;
    const SourceSpan span = words.front().span();
    const std::string& name = words.front().text;
    switch (host_program(name)) {
      case HostProgram::reg: return run_reg(words.subspan(1), span);
      case HostProgram::rpccfg: return run_rpccfg(words.subspan(1), span, policy_, reporter_);
      case HostProgram::ipsec: return ipsec_.run(words.subspan(1), span);
      case HostProgram::netsh: return run_netsh(command, line);
      case HostProgram::registry_cmdlet: return run_registry_cmdlet(name, words.subspan(1), span);
      case HostProgram::rpc_filter: return run_new_filter(words.subspan(1), line.span);
      case HostProgram::none: break;
    }
    if (echoes_command(words)) return report_echo(span, reporter_);
    if (name.starts_with(':')) return;  // a label
    if (runs_elsewhere(words)) {
      return reporter_.warning("remote-machine", span,
                               "the commands between the braces run on another machine",
                               "they are read as part of this policy");
    }
    if (is_harmless(words.front()) || name.starts_with('#')) return;
    if (!is_known_here_string(words) && names_policy(words)) {
      return reporter_.warning("command-not-followed", span,
                               "the line names what policies are made of, and is not followed",
                               "write what it does as a plain command");
    }
    // Variables and values by themselves: `$x = 1`.
    if (name.empty() || name.starts_with('$') || words.front().quoted || name[0] <= '9') return;
    if (unknown_count_++ != 0) return;
    first_unknown_ = span;
    first_unknown_name_ = name;
  }

  void report_unread_text(const ScriptLine& line) {
    if (netsh_.reads_here_string() || !names_policy(line.words)) return;
    reporter_.warning_once("here-string-not-read", line.span,
                           "a text in the script names what policies are made of, and is not read",
                           "save the text as a file and give that with `-p`");
  }

  // `$rules | netsh`: the here-string was read where it stands.
  static bool is_known_here_string(Words words) {
    return words.size() == 1 && words[0].text.starts_with('$');
  }

  void run_registry_cmdlet(std::string_view name, Words words, const SourceSpan& span) {
    has_registry_ = true;
    const std::optional<RegistryValue> value = read_registry_cmdlet(name, words, span, reporter_);
    if (value) registry_.apply(*value);
  }

  void run_new_filter(Words words, const SourceSpan& span) {
    std::optional<Filter> filter = read_new_rpc_filter(words, span, reporter_);
    if (filter) filters_.add(std::move(*filter));
  }

  void run_netsh(const ShellCommand& command, const ScriptLine& line) {
    const Words words = command.words;
    const bool is_interface = words.size() > 1 && (equal_ignoring_case(words[1].text, "int") ||
                                                   equal_ignoring_case(words[1].text, "interface"));
    if (is_interface)
      return run_dynamicport(words.subspan(2), words.front().span(), policy_, reporter_);
    const bool is_ipsec = words.size() > 2 && equal_ignoring_case(words[1].text, "ipsec") &&
                          equal_ignoring_case(words[2].text, "static");
    if (is_ipsec) return netsh_ipsec_.run(words.subspan(3), words.front().span());
    netsh_.run_command(command, line.span);
  }

  // Whether reg changes a value of this host under the key as it is written.
  [[nodiscard]] bool takes_key(const Word& key) {
    if (key.text.starts_with("\\\\")) {
      reporter_.warning("remote-machine", key.span(),
                        "the value is set on another machine, and left out",
                        "bind the file to that server by a deployment, without the name");
      return false;
    }
    if (key.text.find('%') != std::string::npos) {
      reporter_.error("unreplaced-variable", key.span(),
                      "the key " + quoted(key.text) + " holds a variable", "write its value");
      return false;
    }
    // Programs of Windows take \" for a quotation mark that belongs to the argument.
    if (key.quoted && key.text.ends_with('\\') && !key.text.ends_with("\\\\")) {
      reporter_.warning("escaped-quote", key.span(),
                        "the backslash makes the quotation mark behind it part of the key: reg "
                        "refuses the command, and sets nothing",
                        "leave the last backslash out");
      return false;
    }
    return true;
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
    if (!takes_key(words[1])) return;
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
  NetshIpsec netsh_ipsec_;
  NetshSession netsh_;
  FilterCollector filters_;   // those that DSInternals makes
  std::vector<bool> blocks_;  // that are open: whether a condition opened each
  bool has_registry_ = false;
  std::size_t unknown_count_ = 0;
  SourceSpan first_unknown_;
  std::string first_unknown_name_;
};

}  // namespace

HostProgram host_program(std::string_view word) noexcept {
  const std::string_view name = program_name(word);
  constexpr std::pair<std::string_view, HostProgram> kNames[] = {
      {"reg", HostProgram::reg},
      {"rpccfg", HostProgram::rpccfg},
      {"ipsecpol", HostProgram::ipsec},
      {"ipseccmd", HostProgram::ipsec},
      {"%IPSECTOOL%", HostProgram::ipsec},
      {"netsh", HostProgram::netsh},
      {"New-RpcFilter", HostProgram::rpc_filter},
  };
  for (const auto& [text, program] : kNames) {
    if (equal_ignoring_case(text, name)) return program;
  }
  if (is_registry_cmdlet(name)) return HostProgram::registry_cmdlet;
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
