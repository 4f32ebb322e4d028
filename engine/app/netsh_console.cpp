#include "engine/app/netsh_console.h"

#include <algorithm>
#include <random>
#include <utility>

#include "engine/policy/netsh_help.h"
#include "engine/policy/netsh_script.h"
#include "engine/policy/printer.h"
#include "engine/policy/script_line.h"
#include "engine/policy/show_filter.h"
#include "engine/policy/source_text.h"

namespace rpcaudit {
namespace {

// Version 4 (RFC 9562).
Uuid random_key() {
  std::random_device random;
  Uuid key;
  for (std::uint8_t& byte : key.bytes) byte = static_cast<std::uint8_t>(random());
  key.bytes[6] = static_cast<std::uint8_t>((key.bytes[6] & 0x0f) | 0x40);
  key.bytes[8] = static_cast<std::uint8_t>((key.bytes[8] & 0x3f) | 0x80);
  return key;
}

NetshSessionOptions live_options() {
  NetshSessionOptions options;
  options.live = true;
  options.make_key = random_key;
  return options;
}

Policy policy_of(const std::string& file) {
  Policy policy;
  policy.files.push_back(file);
  return policy;
}

// Commands that a shell would have taken apart.
std::vector<ScriptLine> split(const ScriptLine& line) {
  std::vector<ScriptLine> commands(1);
  commands[0].span = line.span;
  for (const Word& word : line.words) {
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

NetshConsole::NetshConsole(FilterStore& store, const std::string& file)
    : store_(store),
      policy_(policy_of(file)),
      reporter_(diagnostics_),
      session_(policy_, NetshConsole::file(), reporter_, live_options()),
      has_places_(!file.empty()) {}

std::string NetshConsole::prompt() const {
  switch (session_.context()) {
    case NetshContext::root: return "netsh>";
    case NetshContext::rpc: return "netsh rpc>";
    case NetshContext::filter: break;
  }
  return "netsh rpc filter>";
}

NetshConsole::Result NetshConsole::fail(std::string& problems) {
  problems += store_.error() + '\n';
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

NetshConsole::Result NetshConsole::run(const ScriptLine& line, std::string& answers,
                                       std::string& problems) {
  (void)say_diagnostics(problems);  // of the reader of the line
  bool refused = false;
  for (const ScriptLine& command : split(line)) {
    if (command.words.empty()) continue;
    const Result result = run_command(command, answers, problems);
    if (result == Result::broken || result == Result::left) return result;
    refused = refused || result == Result::refused;
  }
  return refused ? Result::refused : Result::done;
}

NetshConsole::Result NetshConsole::run_command(const ScriptLine& line, std::string& answers,
                                               std::string& problems) {
  if (!in_batch_ && (!store_.begin() || !refresh())) return fail(problems);
  const std::string pending_before = pending_text();
  session_.run(line);
  bool refused = say_diagnostics(problems);
  bool left = false;
  std::string said;
  for (const NetshEffect& effect : session_.effects()) {
    left = left || effect.kind == NetshEffect::Kind::left;
    if (!apply(effect, said, problems, refused)) return fail(problems);
  }
  if (refused) restore_pending(pending_before);
  if (!in_batch_ && (!save_pending() || !store_.commit())) return fail(problems);
  answers += said;  // not before it is true
  if (left) return Result::left;
  return refused ? Result::refused : Result::done;
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
  const std::optional<std::vector<StoredFilter>> stored = store_.filters();
  const std::optional<std::string> pending = store_.pending();
  if (!stored || !pending) return false;
  Policy policy;
  std::vector<Diagnostic> unsaid;
  std::string script = "rpc filter\n";
  for (const StoredFilter& filter : *stored) script += filter.script;
  read_netsh_script(script, "store", policy, unsaid);
  // A script that reads as something else was written by no console: then numbers are left out.
  const bool has_numbers = policy.filters.size() == stored->size();
  for (std::size_t i = 0; i < policy.filters.size() && has_numbers; ++i) {
    policy.filters[i].id = static_cast<std::uint64_t>((*stored)[i].id);
  }
  for (Filter& filter : policy_.filters) {
    if (!filter.persistent) policy.filters.push_back(std::move(filter));
  }
  policy_.filters = std::move(policy.filters);
  if (*pending != pending_text()) restore_pending(*pending);
  stored_pending_ = *pending;
  return true;
}

std::string NetshConsole::pending_text() const {
  const PendingRule* const pending = session_.pending();
  return pending == nullptr ? std::string() : print_netsh_rule(pending->filter);
}

bool NetshConsole::save_pending() {
  std::string pending = pending_text();
  if (pending == stored_pending_) return true;
  if (!store_.set_pending(pending)) return false;
  stored_pending_ = std::move(pending);
  return true;
}

// Gives the session the rule that the commands make, or none.
void NetshConsole::restore_pending(const std::string& script) {
  if (script == pending_text()) return;
  const NetshContext context = session_.context();
  session_.enter(NetshContext::filter);
  const SourceText source = SourceText::decode("delete rule\n" + script);
  ScriptReader reader(source, file(), reporter_);
  for (ScriptLine line; reader.next(line);) session_.run(line);
  session_.enter(context);
  diagnostics_.clear();  // they were said when the rule was made
}

bool NetshConsole::say_diagnostics(std::string& problems) {
  bool refused = false;
  for (const Diagnostic& diagnostic : diagnostics_) {
    refused = refused || diagnostic.severity == Severity::error;
    if (has_places_) {
      problems += format(diagnostic, policy_) + '\n';
      continue;
    }
    problems.append(to_string(diagnostic.severity)).append(": ").append(diagnostic.message);
    problems += '\n';
    if (!diagnostic.hint.empty()) problems += "  hint: " + diagnostic.hint + '\n';
  }
  diagnostics_.clear();
  return refused;
}

bool NetshConsole::add_filter(const NetshEffect& effect, std::string& answers,
                              std::string& problems, bool& refused) {
  Filter& filter = policy_.filters.back();
  const auto others = policy_.filters.end() - 1;
  const bool is_new = std::none_of(policy_.filters.begin(), others, [&effect](const Filter& other) {
    return other.key == effect.key;
  });
  if (!is_new) {
    problems += "error: a filter with the key " + to_string(effect.key) + " exists already\n";
    policy_.filters.pop_back();
    refused = true;
    return true;
  }
  if (filter.persistent) {
    const std::optional<std::int64_t> id = store_.add(filter);
    if (!id) return false;
    filter.id = static_cast<std::uint64_t>(*id);
  } else {
    ++volatile_count_;
  }
  answers += "FilterKey: " + to_string(effect.key) + '\n';
  answers += kOk;
  return true;
}

// False when the store fails.
bool NetshConsole::apply(const NetshEffect& effect, std::string& answers, std::string& problems,
                         bool& refused) {
  using Kind = NetshEffect::Kind;
  switch (effect.kind) {
    case Kind::rule_added:
    case Kind::condition_added: answers += kOk; return true;
    case Kind::filter_added: return add_filter(effect, answers, problems, refused);
    case Kind::rule_deleted:
      refused = refused || effect.count == 0;
      if (effect.count != 0) answers += kOk;
      return true;
    case Kind::filters_deleted:
      if (effect.key.is_nil()) {
        answers += kOk;
        return store_.remove_all();
      }
      refused = refused || effect.count == 0;
      if (effect.count != 0) answers += kOk;
      return effect.count == 0 || store_.remove(effect.key);
    case Kind::filters_shown: answers += print_show_filter(policy_); return true;
    case Kind::help_wanted: answers += netsh_help(effect.topic); return true;
    case Kind::context_entered:
    case Kind::left: return true;
  }
  return true;
}

}  // namespace rpcaudit
