#include "engine/policy/netsh/netsh_session.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "engine/policy/text/arguments.h"
#include "engine/policy/text/shell_commands.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kPushedMax = 1000;

// In the order of `Verb`.
constexpr std::array<std::string_view, 14> kVerbs{"rpc",   "filter", "add",  "delete", "show",
                                                  "dump",  "reset",  "quit", "bye",    "exit",
                                                  "pushd", "popd",   "help", ".."};

// What an abbreviation may stand for in each context.
constexpr std::string_view kRootVerbs[] = {"rpc"};
constexpr std::string_view kRpcVerbs[] = {"filter", "add", "delete", "show", "dump", "reset"};
constexpr std::string_view kFilterVerbs[] = {"add", "delete", "show", "dump"};

// Other contexts of netsh, which a script for a whole server may hold too.
constexpr std::string_view kOtherContexts[] = {
    "advfirewall", "branchcache", "bridge",  "dhcpclient", "dnsclient", "firewall",
    "http",        "interface",   "int",     "ipsec",      "lan",       "mbn",
    "namespace",   "netio",       "nlm",     "p2p",        "ras",       "trace",
    "wcn",         "wfp",         "winhttp", "winsock",    "wlan"};

// Lines of batch files and pasted transcripts that do nothing to filters.
constexpr std::string_view kHarmlessWords[] = {"echo",     "pause", "cls", "title",      "setlocal",
                                               "endlocal", "ok.",   "set", "filterkey:", "chcp",
                                               "color",    "goto",  "(",   ")"};

constexpr std::pair<std::string_view, NetshTopic> kTopics[] = {
    {"add", NetshTopic::add},
    {"add rule", NetshTopic::add_rule},
    {"add condition", NetshTopic::add_condition},
    {"add filter", NetshTopic::add_filter},
    {"delete", NetshTopic::remove},
    {"delete rule", NetshTopic::delete_rule},
    {"delete filter", NetshTopic::delete_filter},
    {"show", NetshTopic::show},
    {"show filter", NetshTopic::show_filter},
};

bool contains(std::span<const std::string_view> names, std::string_view text) noexcept {
  return std::any_of(names.begin(), names.end(),
                     [text](std::string_view name) { return equal_ignoring_case(name, text); });
}

bool is_separator(const Word& word) noexcept {
  return !word.quoted && (word.text == "&" || word.text == "&&");
}

bool is_netsh(std::string_view word) noexcept {
  return equal_ignoring_case(program_name(word), "netsh");
}

bool is_help(std::string_view text) noexcept {
  return text == "/?" || text == "-?" || text == "?" || equal_ignoring_case(text, "help");
}

bool is_harmless(std::span<const Word> words) noexcept {
  if (contains(kHarmlessWords, words[0].text)) return true;
  return words.size() == 2 && equal_ignoring_case(words[0].text, "copy") &&
         equal_ignoring_case(words[1].text, "code");  // a button of the documentation's page
}

}  // namespace

NetshSession::NetshSession(Policy& policy, std::uint32_t file, Reporter& reporter,
                           NetshSessionOptions options)
    : policy_(policy), reporter_(reporter), file_(file), options_(std::move(options)) {
  const auto end = policy.files.begin() + static_cast<std::ptrdiff_t>(file);
  occurrence_ = static_cast<std::size_t>(std::count(policy.files.begin(), end, policy.files[file]));
}

void NetshSession::run(const ScriptLine& line) {
  effects_.clear();
  if (line.words.empty()) return;
  if (line.here_string != 0 || here_string_ != 0) run_here_string(line);
  if (line.here_string != 0) return;
  const std::size_t errors_before = reporter_.error_count();
  if (!options_.live && run_shell_line(line)) {
    if (reporter_.error_count() != errors_before) spoil();
    return;
  }
  // Shells join commands with `&`; each part is a command of its own.
  Words rest = line.words;
  while (!rest.empty()) {
    const auto end = std::find_if(rest.begin(), rest.end(), is_separator);
    const Words part = rest.first(static_cast<std::size_t>(end - rest.begin()));
    if (!part.empty()) run_words(part, line.span);
    rest = rest.subspan(std::min(part.size() + 1, rest.size()));
  }
  if (reporter_.error_count() != errors_before && !options_.live) spoil();
}

// Runs a line of a batch file, on which a shell starts netsh; false when it is no such line.
bool NetshSession::run_shell_line(const ScriptLine& line) {
  const std::vector<ShellCommand> commands = shell_commands(line);
  const auto starts_netsh = [](const ShellCommand& command) {
    return is_netsh(command.words.front().text);
  };
  if (std::none_of(commands.begin(), commands.end(), starts_netsh)) return false;
  for (const ShellCommand& command : commands) {
    if (!starts_netsh(command)) {
      // Other programs beside netsh change no filter.
      const bool is_told = is_harmless(command.words) || echoes_command(command.words);
      if (is_told && !command.reads_pipe) run_words(command.words, line.span);
      continue;
    }
    if (command.is_in_loop) {
      reporter_.error("loop", command.words.front().span(),
                      "the command stands in a loop, and loops are not run",
                      "write the command once for each value");
      return true;
    }
    if (command.is_conditional) {
      reporter_.warning("conditional-command", command.words.front().span(),
                        "the command runs only if a condition holds; it is read as if it did",
                        "give a policy of its own to servers for which it does not hold");
    }
    run_command(command, line.span);
  }
  return true;
}

void NetshSession::run_command(const ShellCommand& command, const SourceSpan& line) {
  const std::size_t errors_before = reporter_.error_count();
  const bool is_alone = command.words.size() == 1;
  if (is_alone && (command.reads_file || command.reads_pipe) && here_strings_read_ == 0) {
    reporter_.warning("script-not-read", command.words.front().span(),
                      "netsh would run what it is given there, which is not read here",
                      "give the script with `-p` as well");
  }
  run_words(command.words, line);
  if (reporter_.error_count() != errors_before) spoil();
}

// Whether the first line of a here-string can be one of netsh's.
bool NetshSession::begins_session(const Word& word) noexcept {
  return match_name(word.text, kVerbs).kind == NameMatch::Kind::exact || is_netsh(word.text);
}

void NetshSession::run_here_string(const ScriptLine& line) {
  if (line.here_string != here_string_) {
    if (here_string_is_read_) {
      finish();
      context_ = NetshContext::root;
      left_ = false;
    }
    here_string_ = line.here_string;
    here_string_is_read_ = here_string_ != 0 && begins_session(line.words.front());
    if (here_string_is_read_) {
      ++here_strings_read_;
      reporter_.note("here-string", line.span,
                     "the text is read as a script that a netsh of its own runs");
    }
  }
  if (!here_string_is_read_) return;
  const std::size_t errors_before = reporter_.error_count();
  run_words(line.words, line.span);
  if (reporter_.error_count() != errors_before) spoil();
}

void NetshSession::spoil() noexcept {
  if (pending_) pending_->has_error = true;
}

bool echoes_command(std::span<const Word> words) noexcept {
  constexpr std::string_view kBegins[] = {"netsh", "rpc", "filter", "add", "delete"};
  return words.size() > 1 && equal_ignoring_case(words[0].text, "echo") &&
         contains(kBegins, words[1].text);
}

void report_echo(const SourceSpan& command, Reporter& reporter) {
  reporter.warning_once("echoed-command", command,
                        "commands that are only written out are not read as part of the policy",
                        "give the script that they are written to with `-p`");
}

void NetshSession::finish() {
  if (!pending_) return;
  reporter_.warning(
      "rule-not-committed", pending_->filter.span,
      "the rule of line " + std::to_string(pending_->filter.span.line) + " is never made a filter",
      "end it with `add filter`");
  pending_.reset();
}

void NetshSession::run_words(Words words, const SourceSpan& command) {
  if (echoes_command(words)) return report_echo(command, reporter_);
  if (is_harmless(words)) {
    return reporter_.note("not-a-command", command, "the line is ignored");
  }
  NetshContext context = context_;
  const Word& first = words.front();
  in_own_process_ = false;
  if (skip_program_name(words)) {
    ++command_count_;
    in_own_process_ = !options_.live;
    // Where lines start netsh with a command, those between them are of the shell.
    is_shell_script_ = is_shell_script_ || (in_own_process_ && words.size() > 1);
    left_ = false;
    context = NetshContext::root;
    context_ = NetshContext::root;
    if (words.empty()) return;
    if (contains(kOtherContexts, words[0].text)) {
      return reporter_.warning(
          "other-context", command,
          "`netsh " + printable(words[0].text) + "` is not about RPC filters; the line is ignored");
    }
  }
  if (left_) {
    return reporter_.warning_once("after-quit", command,
                                  "commands after the end of the session are ignored",
                                  "netsh stops reading a script there");
  }
  if (is_help(words.back().text)) {
    return note_help(words.first(words.size() - 1), context, command);
  }
  const Word* verb_word = &first;
  while (!words.empty()) {
    verb_word = &words.front();
    const std::optional<Verb> verb = read_verb(*verb_word, context);
    words = words.subspan(1);
    if (!verb) return;
    ++command_count_;
    if (*verb != Verb::rpc && *verb != Verb::filter) {
      return run_verb(*verb, *verb_word, words, context, command);
    }
    context = *verb == Verb::rpc ? NetshContext::rpc : NetshContext::filter;
  }
  context_ = context;  // `rpc`, `filter`, `rpc filter`: a context entered for good
  note_effect(NetshEffect::Kind::context_entered);
}

void NetshSession::note_effect(NetshEffect::Kind kind, std::size_t count, const Uuid& key) {
  effects_.push_back({kind, NetshTopic::root, count, key});
}

// `words` are those before the `/?`.
void NetshSession::note_help(Words words, NetshContext context, const SourceSpan& command) {
  if (!options_.live) {
    return reporter_.note("help-ignored", command, "a request for help does nothing to filters");
  }
  std::string path;
  for (const Word& word : words) {
    const std::optional<Verb> verb = path.empty() ? read_verb(word, context) : std::nullopt;
    if (path.empty() && !verb) return;
    if (verb == Verb::rpc || verb == Verb::filter) {
      context = verb == Verb::rpc ? NetshContext::rpc : NetshContext::filter;
    } else if (verb) {
      path = kVerbs[static_cast<std::size_t>(*verb)];
    } else {
      path += ' ' + to_lower(word.text);
      break;
    }
  }
  const auto row = std::find_if(std::begin(kTopics), std::end(kTopics),
                                [&path](const auto& topic) { return topic.first == path; });
  NetshTopic topic = NetshTopic::root;
  if (context == NetshContext::rpc) topic = NetshTopic::rpc;
  if (context == NetshContext::filter) topic = NetshTopic::filter;
  if (row != std::end(kTopics)) topic = row->second;
  effects_.push_back({NetshEffect::Kind::help_wanted, topic, 0, {}});
}

// `netsh`, by whatever path, and its options.
bool NetshSession::skip_program_name(Words& words) {
  if (!is_netsh(words.front().text)) return false;
  words = words.subspan(1);
  while (words.size() >= 2 && words[0].text.size() == 2 &&
         (words[0].text[0] == '-' || words[0].text[0] == '/')) {
    const char option = to_lower(words[0].text[1]);
    if (option == '?') break;
    if (option == 'r') {
      reporter_.warning("remote-machine", words[1].span(),
                        "the command is meant for " + quoted(words[1].text),
                        "it is read as part of this policy");
    }
    if (option == 'f') {
      reporter_.warning("script-not-read", words[1].span(),
                        "netsh would run " + quoted(words[1].text) + ", which is not read here",
                        "give it with `-p` as well");
    }
    words = words.subspan(option == 'c' ? 1 : 2);
  }
  return true;
}

std::optional<NetshSession::Verb> NetshSession::read_verb(const Word& word, NetshContext context) {
  std::span<const std::string_view> near = kRootVerbs;
  if (context == NetshContext::rpc) near = kRpcVerbs;
  if (context == NetshContext::filter) near = kFilterVerbs;
  NameMatch match = match_name(word.text, kVerbs);
  if (match.kind != NameMatch::Kind::exact) {
    const NameMatch near_match = match_name(word.text, near);
    if (near_match.kind == NameMatch::Kind::abbreviated) {
      match = match_name(near[near_match.index], kVerbs);
      match.kind = NameMatch::Kind::abbreviated;
    }
  }
  switch (match.kind) {
    case NameMatch::Kind::exact: return static_cast<Verb>(match.index);
    case NameMatch::Kind::abbreviated:
      reporter_.warning_once("abbreviation", word.span(),
                             quoted(word.text) + " is taken as " + quoted(kVerbs[match.index]),
                             "write names in full: what an abbreviation means depends on the "
                             "version of netsh");
      return static_cast<Verb>(match.index);
    case NameMatch::Kind::ambiguous:
      reporter_.error("ambiguous-abbreviation", word.span(),
                      quoted(word.text) + " abbreviates more than one command");
      return std::nullopt;
    case NameMatch::Kind::none: break;
  }
  const std::string_view nearest = nearest_name(word.text, kVerbs);
  if (is_shell_script_ && nearest.empty()) {
    reporter_.warning_once("unknown-program", word.span(),
                           quoted(word.text) + " is no command of netsh, and left out");
    return std::nullopt;
  }
  reporter_.error("unknown-command", word.span(), "unknown command " + quoted(word.text),
                  nearest.empty() ? "" : "did you mean " + quoted(nearest) + "?");
  return std::nullopt;
}

void NetshSession::run_verb(Verb verb, const Word& verb_word, Words words, NetshContext context,
                            const SourceSpan& command) {
  switch (verb) {
    case Verb::add:
    case Verb::remove:
    case Verb::show:
      // netsh lists what the group has.
      if (options_.live && words.empty() && context == NetshContext::filter) {
        return note_help(Words(&verb_word, 1), context, command);
      }
      return run_on_object(verb, verb_word, words, context, command);
    case Verb::dump:
      if (options_.live && context == NetshContext::filter) {
        return note_effect(NetshEffect::Kind::script_wanted);
      }
      return note_binding(verb_word, verb);
    case Verb::reset: return note_binding(verb_word, verb);
    case Verb::quit:
    case Verb::bye:
    case Verb::exit: return leave(command);
    case Verb::pushd:
      if (pushed_.size() < kPushedMax) pushed_.push_back(context_);
      return;
    case Verb::popd:
      if (pushed_.empty()) return;
      context_ = pushed_.back();
      pushed_.pop_back();
      return note_effect(NetshEffect::Kind::context_entered);
    case Verb::up: return go_up();
    case Verb::help: return note_help({}, context, command);
    case Verb::rpc:
    case Verb::filter: return;
  }
}

void NetshSession::go_up() {
  context_ = context_ == NetshContext::filter ? NetshContext::rpc : NetshContext::root;
  note_effect(NetshEffect::Kind::context_entered);
}

void NetshSession::leave(const SourceSpan& command) {
  note_effect(NetshEffect::Kind::left);
  if (options_.live) return;
  if (pending_) {
    reporter_.warning("rule-not-committed", command,
                      "the session ends before the rule of line " +
                          std::to_string(pending_->filter.span.line) + " is made a filter",
                      "end it with `add filter`");
    pending_.reset();
  }
  context_ = NetshContext::root;
  left_ = true;
}

// The commands of `netsh rpc` itself, which bind RPC servers to subnets.
void NetshSession::note_binding(const Word& word, Verb verb) {
  std::string message =
      quoted(word.text) + " is about selective binding, not about filters; the line is ignored";
  const SourceSpan span = word.span();
  if (verb == Verb::show || verb == Verb::dump) {
    return reporter_.note("selective-binding", span, std::move(message));
  }
  reporter_.warning("selective-binding", span, std::move(message));
}

}  // namespace rpcaudit::policy
