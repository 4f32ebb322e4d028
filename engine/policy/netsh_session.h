#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/policy/netsh_rule.h"
#include "engine/policy/policy.h"
#include "engine/policy/reporter.h"
#include "engine/policy/script_line.h"

namespace rpcaudit {

// One netsh session: the context its commands are read in and the rule that waits for its
// `add filter`. Fed one command at a time; acts on the policy as netsh acts on the server.
class NetshSession {
 public:
  static constexpr std::size_t kFiltersMax = 1'000'000;
  static constexpr std::size_t kConditionsMax = 65'536;  // of one filter

  // Both are borrowed. `file` indexes Policy::files.
  NetshSession(Policy& policy, std::uint32_t file, Reporter& reporter);

  void run(const ScriptLine& line);
  // Marks the pending rule as incomplete: something in between could not be read at all.
  void spoil() noexcept;
  // What the end of the file means for a rule that is still pending.
  void finish();

 private:
  enum class Context : std::uint8_t { root, rpc, filter };
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

  void run_words(Words words, const SourceSpan& command);
  [[nodiscard]] bool skip_program_name(Words& words);
  [[nodiscard]] std::optional<Verb> read_verb(const Word& word, Context context);
  [[nodiscard]] std::optional<Object> read_object(const Word& word, Context context);
  void run_verb(Verb verb, const Word& verb_word, Words words, Context context,
                const SourceSpan& command);
  void run_on_object(Verb verb, const Word& verb_word, Words words, Context context,
                     const SourceSpan& command);
  void leave(const SourceSpan& command);
  void go_up() noexcept;

  void add_rule(Words words, const SourceSpan& command);
  void add_condition(Words words, const SourceSpan& command);
  void add_filter(Words words, const SourceSpan& command);
  void delete_rule(Words words, const SourceSpan& command);
  void delete_filter(Words words, const SourceSpan& command);
  void commit(const SourceSpan& command);
  void note_binding(const Word& word, Verb verb);

  Policy& policy_;
  Reporter& reporter_;
  std::uint32_t file_;
  std::size_t occurrence_ = 0;  // files of the same name that came before
  Context context_ = Context::root;
  std::vector<Context> pushed_;
  std::optional<PendingRule> pending_;
  bool left_ = false;  // a `quit` ended the session; only a new `netsh` begins another
};

}  // namespace rpcaudit
