#include "engine/app/netsh/netsh_console.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "engine/policy/listings/show_filter.h"
#include "engine/policy/netsh/netsh_help.h"
#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/netsh/printer.h"
#include "engine/policy/text/script_line.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::app {
namespace {

// Version 4 (RFC 9562).
Uuid random_key() {
  Uuid key;
  // Cannot fail for so few bytes (getentropy(3)).
  if (::getentropy(key.bytes.data(), key.bytes.size()) != 0) std::abort();
  key.bytes[6] = static_cast<std::uint8_t>((key.bytes[6] & 0x0f) | 0x40);
  key.bytes[8] = static_cast<std::uint8_t>((key.bytes[8] & 0x3f) | 0x80);
  return key;
}

policy::NetshSessionOptions live_options() {
  policy::NetshSessionOptions options;
  options.live = true;
  options.make_key = random_key;
  return options;
}

policy::Policy policy_of(const std::string& file) {
  policy::Policy policy;
  policy.files.push_back(file);
  return policy;
}

// Commands that a shell would have taken apart.
std::vector<policy::ScriptLine> split(const policy::ScriptLine& line) {
  std::vector<policy::ScriptLine> commands(1);
  commands[0].span = line.span;
  for (const policy::Word& word : line.words) {
    if (!word.quoted && (word.text == "&" || word.text == "&&")) {
      commands.emplace_back().span = line.span;
    } else {
      commands.back().words.push_back(word);
    }
  }
  return commands;
}

constexpr std::string_view kOk = "Ok.\n\n";

}  // namespace

NetshConsole::NetshConsole(policy::FilterStore& store, Rule rule, const std::string& file,
                           Takes takes)
    : store_(store),
      policy_(policy_of(file)),
      reporter_(diagnostics_),
      session_(policy_, NetshConsole::file(), reporter_, live_options()),
      rule_is_of_store_(rule == Rule::of_store),
      has_places_(!file.empty()),
      takes_(takes) {}

std::string NetshConsole::prompt() const {
  switch (session_.context()) {
    case policy::NetshContext::root: return "netsh>";
    case policy::NetshContext::rpc: return "netsh rpc>";
    case policy::NetshContext::filter: break;
  }
  return "netsh rpc filter>";
}

NetshConsole::Result NetshConsole::fail(std::string& problems) {
  problems +=
      is_unreadable_
          ? "error: the filter store holds a filter that cannot be read; `rpcaudit check -p "
            "store:FILE` says which\n"
          : "error: " + store_.error() + '\n';
  store_.roll_back();
  version_.reset();  // what the session made of the store is not what the store has
  return Result::broken;
}

bool NetshConsole::begin(std::string& problems) {
  if (!store_.begin() || !refresh()) {
    (void)fail(problems);
    return false;
  }
  in_batch_ = true;
  return true;
}

bool NetshConsole::end(std::string& problems) {
  in_batch_ = false;
  if (save_pending() && store_.commit()) return true;
  (void)fail(problems);
  return false;
}

NetshConsole::Result NetshConsole::run(const policy::ScriptLine& line, std::string& answers,
                                       std::string& problems) {
  bool refused = !say_diagnostics(problems).empty();  // of the reader of the line
  for (const policy::ScriptLine& command : split(line)) {
    if (command.words.empty()) continue;
    const Result result = run_command(command, answers, problems);
    if (result == Result::broken) return result;
    refused = refused || result == Result::refused;
    if (has_left_) break;
  }
  return refused ? Result::refused : Result::done;
}

NetshConsole::Result NetshConsole::run_command(const policy::ScriptLine& line, std::string& answers,
                                               std::string& problems) {
  if (!in_batch_ && (!store_.begin() || !refresh())) return fail(problems);
  const std::string pending_before = pending_text();
  opened_rule_ = false;
  entered_context_ = false;
  session_.run(line);
  std::string said;
  for (const policy::NetshEffect& effect : session_.effects()) {
    if (!apply(effect, said)) return fail(problems);
  }
  const std::string error = say_diagnostics(problems);
  if (!error.empty()) {
    restore_pending(pending_before);
    said += policy::netsh_refusal(error, line.words);
  }
  if (!in_batch_ && (!save_pending() || !store_.commit())) return fail(problems);
  answers += said;  // not before it is true
  return error.empty() ? Result::done : Result::refused;
}

std::string_view NetshConsole::entered_context_help() const noexcept {
  if (!entered_context_) return {};
  switch (session_.context()) {
    case policy::NetshContext::rpc: return policy::netsh_help(policy::NetshTopic::rpc);
    case policy::NetshContext::filter: return policy::netsh_help(policy::NetshTopic::filter);
    case policy::NetshContext::root: break;
  }
  return policy::netsh_help(policy::NetshTopic::root);
}

// The store as it is now; a store that nobody else has changed is as this console left it.
bool NetshConsole::refresh() {
  const std::optional<std::int64_t> version = store_.version();
  if (!version) return false;
  if (version_ != version && !load()) return false;
  version_ = version;
  return true;
}

bool NetshConsole::load() {
  is_unreadable_ = false;
  const std::optional<std::vector<policy::StoredFilter>> stored = store_.filters();
  const std::optional<std::string> pending =
      rule_is_of_store_ ? store_.pending() : std::optional(pending_text());
  if (!stored || !pending) return false;
  policy::Policy policy;
  std::vector<policy::Diagnostic> unsaid;
  std::string script = "rpc filter\n";
  for (const policy::StoredFilter& filter : *stored) script += filter.script;
  policy::read_stored_script(script, "store", policy, unsaid);
  // What reads as something else was written by no console.
  is_unreadable_ = policy.filters.size() != stored->size();
  if (is_unreadable_) return false;
  for (std::size_t i = 0; i < policy.filters.size(); ++i) {
    policy.filters[i].id = static_cast<std::uint64_t>((*stored)[i].id);
  }
  policy_.filters = std::move(policy.filters);
  if (*pending != pending_text()) restore_pending(*pending);
  stored_pending_ = *pending;
  return true;
}

std::string NetshConsole::pending_text() const {
  const policy::PendingRule* const pending = session_.pending();
  return pending == nullptr ? std::string() : policy::print_netsh_rule(pending->filter);
}

bool NetshConsole::save_pending() {
  if (!rule_is_of_store_) return true;
  std::string pending = pending_text();
  if (pending == stored_pending_) return true;
  if (!store_.set_pending(pending)) return false;
  stored_pending_ = std::move(pending);
  return true;
}

// Gives the session the rule that the commands make, or none.
void NetshConsole::restore_pending(const std::string& script) {
  if (script == pending_text()) return;
  const policy::NetshContext context = session_.context();
  session_.enter(policy::NetshContext::filter);
  const policy::SourceText source = policy::SourceText::decode("delete rule\n" + script);
  policy::ScriptReader reader(source, file(), reporter_);
  for (policy::ScriptLine line; reader.next(line);) session_.run(line);
  session_.enter(context);
  diagnostics_.clear();  // they were said when the rule was made
}

// The code of the first error; empty without one.
std::string NetshConsole::say_diagnostics(std::string& problems) {
  std::string error;
  for (const policy::Diagnostic& diagnostic : diagnostics_) {
    if (error.empty() && diagnostic.severity == policy::Severity::error) error = diagnostic.code;
    if (has_places_) {
      problems += policy::format(diagnostic, policy_.files) + '\n';
      continue;
    }
    problems.append(to_string(diagnostic.severity)).append(": ").append(diagnostic.message);
    problems += '\n';
    if (!diagnostic.hint.empty()) problems += "  hint: " + diagnostic.hint + '\n';
  }
  diagnostics_.clear();
  return error;
}

// False when the store fails.
bool NetshConsole::add_filter(const policy::NetshEffect& effect, std::string& answers) {
  policy::Filter& filter = policy_.filters.back();
  if (takes_ == Takes::volatile_ones && filter.persistent) {
    reporter_.error("not-volatile", filter.span, "a running monitor takes volatile filters alone",
                    "write `persistence=volatile` in `add rule`; others belong in its policy file");
    policy_.filters.pop_back();
    return true;
  }
  const std::optional<bool> is_stored = store_.contains(effect.key);
  if (!is_stored) return false;
  if (*is_stored) {
    reporter_.error("key-exists", filter.span,
                    "a filter with the key `" + to_string(effect.key) + "` exists already",
                    "delete it first, or leave `filterkey=` out");
    policy_.filters.pop_back();
    return true;
  }
  const std::optional<std::int64_t> id = store_.add(filter);
  if (!id) return false;
  filter.id = static_cast<std::uint64_t>(*id);
  if (!filter.persistent) ++volatile_count_;
  answers += "FilterKey: " + to_string(effect.key) + '\n';
  answers += kOk;
  return true;
}

// False when the store fails.
bool NetshConsole::apply(const policy::NetshEffect& effect, std::string& answers) {
  using Kind = policy::NetshEffect::Kind;
  switch (effect.kind) {
    case Kind::rule_added: opened_rule_ = true; [[fallthrough]];
    case Kind::condition_added:
    case Kind::rule_deleted: answers += kOk; return true;
    case Kind::filter_added: return add_filter(effect, answers);
    case Kind::filters_deleted:
      answers += kOk;
      return effect.key.is_nil() ? store_.remove_all() : store_.remove(effect.key);
    case Kind::filters_shown: answers += policy::print_show_filter(policy_); return true;
    case Kind::script_wanted: answers += policy::print_netsh_script(policy_); return true;
    case Kind::help_wanted: answers += policy::netsh_help(effect.topic); return true;
    case Kind::left: has_left_ = true; return true;
    case Kind::context_entered: entered_context_ = true; return true;
  }
  return true;
}

}  // namespace rpcaudit::app
