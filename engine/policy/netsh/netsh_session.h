#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/policy/netsh/netsh_rule.h"
#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"
#include "engine/policy/text/shell_commands.h"

namespace rpcaudit::policy {

enum class NetshContext : std::uint8_t { root, rpc, filter };

// What help is asked about.
enum class NetshTopic : std::uint8_t {
  root,
  rpc,
  filter,
  add,
  add_rule,
  add_condition,
  add_filter,
  remove,  // `delete`
  delete_rule,
  delete_filter,
  show,
  show_filter,
};

// What a command did, for a caller that answers as netsh does. A refused command has none.
struct NetshEffect {
  enum class Kind : std::uint8_t {
    rule_added,
    condition_added,
    filter_added,     // the last of Policy::filters; `key` is its key
    rule_deleted,     // `count` is 0 when there was none (files only)
    filters_deleted,  // `count` of them; `key` is the one asked for, nil for all
    filters_shown,    // live sessions only: print_show_filter() is the answer
    script_wanted,    // live sessions only: print_netsh_script() is the answer
    help_wanted,      // live sessions only: about `topic`
    context_entered,
    left,
  };
  Kind kind{};
  NetshTopic topic{};
  std::size_t count = 0;
  Uuid key;
};

// How a session differs from a file that is read from beginning to end.
struct NetshSessionOptions {
  // Somebody waits for answers: `show`, `dump` and help are effects, not remarks; deleting what is
  // not there is an error; a refused command leaves the pending rule as it was, where a file's
  // filter with an error in it is left out.
  bool live = false;
  // The key of a filter that names none; by default one made of the file's name and the line.
  std::function<Uuid()> make_key;
};

// One netsh session: the context its commands are read in and the rule that waits for its
// `add filter`. Fed one command at a time; acts on the policy as netsh acts on the server.
class NetshSession {
 public:
  static constexpr std::size_t kFiltersMax = 1'000'000;
  static constexpr std::size_t kConditionsMax = 65'536;  // of one filter

  // Policy and reporter are borrowed. `file` indexes Policy::files.
  NetshSession(Policy& policy, std::uint32_t file, Reporter& reporter, NetshSessionOptions options);

  // Runs a command, or several joined by `&`. What they did is in effects() until the next run.
  void run(const ScriptLine& line);
  [[nodiscard]] const std::vector<NetshEffect>& effects() const noexcept { return effects_; }

  // The rule that waits for `add filter`, null without one. print_netsh_rule() makes commands of
  // it that give another session the same one.
  [[nodiscard]] const PendingRule* pending() const noexcept {
    return pending_ ? &*pending_ : nullptr;
  }
  [[nodiscard]] NetshContext context() const noexcept { return context_; }
  // How many commands were netsh's own, whatever came of them.
  [[nodiscard]] std::size_t command_count() const noexcept { return command_count_; }
  void enter(NetshContext context) noexcept { context_ = context; }

  // Runs one command that a shell starts: `netsh ...`.
  void run_command(const ShellCommand& command, const SourceSpan& line);
  // Runs a line of a here-string of PowerShell, which is a session of its own, given to a netsh
  // that ends with it. The first line outside of it ends that session.
  void run_here_string(const ScriptLine& line);
  [[nodiscard]] bool is_in_here_string() const noexcept { return here_string_ != 0; }
  // Whether the here-string at hand is a script of netsh at all.
  [[nodiscard]] bool reads_here_string() const noexcept { return here_string_is_read_; }

  // Marks the pending rule as incomplete: something in between could not be read at all.
  void spoil() noexcept;
  // What the end of the file means for a rule that is still pending.
  void finish();

 private:
  enum class Verb : std::uint8_t {
    rpc,
    filter,
    add,
    remove,
    show,
    dump,
    reset,
    quit,
    bye,
    exit,
    pushd,
    popd,
    help,
    up,
  };
  enum class Object : std::uint8_t { rule, condition, filter };
  using Words = std::span<const Word>;

  [[nodiscard]] bool run_shell_line(const ScriptLine& line);
  [[nodiscard]] static bool begins_session(const Word& word) noexcept;
  void run_words(Words words, const SourceSpan& command);
  [[nodiscard]] bool skip_program_name(Words& words);
  [[nodiscard]] std::optional<Verb> read_verb(const Word& word, NetshContext context);
  [[nodiscard]] std::optional<Object> read_object(const Word& word, NetshContext context);
  void run_verb(Verb verb, const Word& verb_word, Words words, NetshContext context,
                const SourceSpan& command);
  void run_on_object(Verb verb, const Word& verb_word, Words words, NetshContext context,
                     const SourceSpan& command);
  void leave(const SourceSpan& command);
  void go_up();

  void show(Object what, const Word& object, const SourceSpan& command);
  void add_rule(Words words, const SourceSpan& command);
  void add_condition(Words words, const SourceSpan& command);
  void add_filter(Words words, const SourceSpan& command);
  void delete_rule(Words words, const SourceSpan& command);
  void delete_filter(Words words, const SourceSpan& command);
  void commit(const SourceSpan& command);
  void note_binding(const Word& word, Verb verb);
  void note_help(Words words, NetshContext context, const SourceSpan& command);
  void note_effect(NetshEffect::Kind kind, std::size_t count = 0, const Uuid& key = {});

  Policy& policy_;
  Reporter& reporter_;
  std::uint32_t file_;
  NetshSessionOptions options_;
  std::vector<NetshEffect> effects_;
  std::size_t command_count_ = 0;
  std::size_t occurrence_ = 0;  // files of the same name that came before
  NetshContext context_ = NetshContext::root;
  std::vector<NetshContext> pushed_;
  std::optional<PendingRule> pending_;
  bool in_own_process_ = false;    // the command at hand was given to a netsh that ends with it
  std::uint32_t here_string_ = 0;  // at hand, by number; 0: none
  bool here_string_is_read_ = false;
  std::size_t here_strings_read_ = 0;
  bool is_shell_script_ = false;
  bool left_ = false;  // a `quit` ended the session; only a new `netsh` begins another
};

// Whether a line of a batch file writes a command out instead of running it: `echo add rule ...`,
// as scripts for `netsh -f` get made; and what is to be said of the first such line.
[[nodiscard]] bool echoes_command(std::span<const Word> words) noexcept;
void report_echo(const SourceSpan& command, Reporter& reporter);

}  // namespace rpcaudit::policy
