// The commands of `netsh rpc filter`: what each does to the pending rule and to the policy.

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "dissect/endpoint.h"
#include "engine/policy/condition_data.h"
#include "engine/policy/netsh/netsh_condition.h"
#include "engine/policy/netsh/netsh_session.h"
#include "engine/policy/text/arguments.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::array<std::string_view, 3> kObjects{"rule", "condition", "filter"};
constexpr Tag kDeleteTags[] = {{"filterkey", true}};

std::string plural(std::size_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

std::string_view what_catch_all_does(Action action) noexcept {
  switch (action) {
    case Action::block: return "the filter has no condition: it blocks every call of its layer";
    case Action::permit: return "the filter has no condition: it permits every call of its layer";
    case Action::continue_: break;
  }
  return "the filter has no condition: it matches every call of its layer";
}

// `delete filter.KEY` and `delete filter .KEY`, as the documentation prints them.
bool split_dotted_object(const Word& word, Word& object, Word& key) {
  constexpr std::string_view kDotted = "filter.";
  if (!starts_with_ignoring_case(word.text, kDotted)) return false;
  object = word.slice(0, kDotted.size() - 1);
  key = word.slice(kDotted.size(), std::string::npos);
  return true;
}

}  // namespace

std::optional<NetshSession::Object> NetshSession::read_object(const Word& word,
                                                              NetshContext context) {
  const NameMatch match = match_name(word.text, kObjects);
  if (match.kind == NameMatch::Kind::none) {
    const std::string_view nearest = nearest_name(word.text, kObjects);
    reporter_.error("unknown-command", word.span(), "unknown object " + quoted(word.text),
                    nearest.empty() ? "one of `rule`, `condition`, `filter`"
                                    : "did you mean " + quoted(nearest) + "?");
    return std::nullopt;
  }
  if (match.kind == NameMatch::Kind::abbreviated) {
    reporter_.warning_once("abbreviation", word.span(),
                           quoted(word.text) + " is taken as " + quoted(kObjects[match.index]),
                           "write names in full: what an abbreviation means depends on the "
                           "version of netsh");
  }
  if (context == NetshContext::rpc) {
    reporter_.warning_once("missing-context", word.span(),
                           "the command belongs into the context `rpc filter`",
                           "netsh refuses it in the context `rpc`");
  }
  return static_cast<Object>(match.index);
}

void NetshSession::run_on_object(Verb verb, const Word& verb_word, Words words,
                                 NetshContext context, const SourceSpan& command) {
  if (words.empty()) {
    if (verb == Verb::show) return note_binding(verb_word, verb);
    return reporter_.error("unknown-command", verb_word.span(),
                           quoted(verb_word.text) + " wants an object",
                           "one of `rule`, `condition`, `filter`");
  }
  const bool is_subnet = parse_ip(words[0].text).has_value();
  const bool is_object = match_name(words[0].text, kObjects).kind != NameMatch::Kind::none;
  Word object = words[0];
  std::vector<Word> arguments(words.begin() + 1, words.end());
  Word key;
  if (verb == Verb::remove && split_dotted_object(words[0], object, key)) {
    if (!key.text.empty()) arguments.insert(arguments.begin(), std::move(key));
  } else if (is_subnet || (context == NetshContext::rpc && !is_object &&
                           words[0].text.find('.') != std::string::npos)) {
    return note_binding(verb_word, verb);
  }
  const std::optional<Object> what = read_object(object, context);
  if (!what) return;
  if (verb == Verb::show) return show(*what, object, command);
  if (verb == Verb::add) {
    switch (*what) {
      case Object::rule: return add_rule(arguments, command);
      case Object::condition: return add_condition(arguments, command);
      case Object::filter: return add_filter(arguments, command);
    }
  }
  switch (*what) {
    case Object::rule: return delete_rule(arguments, command);
    case Object::filter: return delete_filter(arguments, command);
    case Object::condition: break;
  }
  reporter_.error("unknown-command", object.span(), "netsh cannot delete a single condition",
                  "`delete rule` drops the pending rule with all of its conditions");
}

void NetshSession::show(Object what, const Word& object, const SourceSpan& command) {
  if (what != Object::filter) {
    return reporter_.error("unknown-command", object.span(), "netsh can show filters only",
                           "did you mean `show filter`?");
  }
  if (options_.live) return note_effect(NetshEffect::Kind::filters_shown);
  reporter_.note("show-ignored", command, "listing filters does nothing to them");
}

void NetshSession::add_rule(Words words, const SourceSpan& command) {
  PendingRule rule = read_netsh_rule(words, command, reporter_);
  if (options_.live && rule.filter.audit && rule.filter.layer == Layer::ep_add) {
    return reporter_.error("audit-on-ep-add", command, "layer `ep_add` cannot be audited",
                           "leave `audit=` out");
  }
  if (options_.live && rule.has_error) return;
  if (pending_) {
    const std::string place =
        options_.live ? "" : " of line " + std::to_string(pending_->filter.span.line);
    reporter_.warning("rule-replaced", command,
                      "the rule replaces the pending one" + place + ", which is dropped with " +
                          plural(pending_->filter.conditions.size(), "condition"),
                      "end a rule with `add filter` before the next one");
  }
  if (!rule.has_error) note_effect(NetshEffect::Kind::rule_added);
  rule.filter.by_separate_processes = in_own_process_;
  pending_ = std::move(rule);
}

void NetshSession::add_condition(Words words, const SourceSpan& command) {
  if (!pending_) {
    return reporter_.error("no-rule", command, "there is no rule to add the condition to",
                           "begin with `add rule`");
  }
  std::optional<Condition> condition = read_netsh_condition(
      std::vector<Word>(words.begin(), words.end()), pending_->layer, command, reporter_);
  if (!condition) return;
  if (pending_->filter.conditions.size() == kConditionsMax) {
    if (pending_->has_error) return;
    return reporter_.error("too-many-conditions", command,
                           "a filter may have " + std::to_string(kConditionsMax) + " conditions");
  }
  pending_->filter.conditions.push_back(std::move(*condition));
  note_effect(NetshEffect::Kind::condition_added);
}

void NetshSession::add_filter(Words words, const SourceSpan& command) {
  const std::size_t errors_before = reporter_.error_count();
  (void)bind_arguments(words, {}, command, reporter_);
  if (!pending_) {
    return reporter_.error("no-rule", command, "there is no rule to make a filter of",
                           "begin with `add rule`");
  }
  const bool refused = reporter_.error_count() != errors_before;
  if (refused && options_.live) return;
  if (pending_->has_error || refused) {
    reporter_.note("filter-not-added", command,
                   "the filter of line " + std::to_string(pending_->filter.span.line) +
                       " is left out because of the errors in it");
  } else {
    commit(command);
  }
  pending_.reset();
}

void NetshSession::commit(const SourceSpan& command) {
  Filter& filter = pending_->filter;
  if (policy_.filters.size() >= kFiltersMax) {
    return reporter_.error("too-many-filters", command,
                           "a policy may have " + std::to_string(kFiltersMax) + " filters");
  }
  if (filter.conditions.empty()) {
    reporter_.warning("catch-all", filter.span, std::string(what_catch_all_does(filter.action)),
                      "add at least one condition; netsh is documented to need one");
  }
  check_required_conditions(filter, command, reporter_);
  if (filter.key.is_nil() && options_.make_key) {
    filter.key = options_.make_key();
  } else if (filter.key.is_nil()) {
    filter.key = generated_filter_key(policy_.files[file_], occurrence_, filter.span.line);
    filter.key_generated = true;
  }
  note_effect(NetshEffect::Kind::filter_added, 1, filter.key);
  policy_.filters.push_back(std::move(filter));
}

void NetshSession::delete_rule(Words words, const SourceSpan& command) {
  (void)bind_arguments(words, {}, command, reporter_);
  if (!pending_ && options_.live) {
    return reporter_.error("no-rule-to-delete", command, "there is no rule to delete");
  }
  if (!pending_) {
    reporter_.warning("no-rule-to-delete", command, "there is no rule to delete");
  }
  note_effect(NetshEffect::Kind::rule_deleted, pending_ ? 1 : 0);
  pending_.reset();
}

void NetshSession::delete_filter(Words words, const SourceSpan& command) {
  const auto values = bind_arguments(words, kDeleteTags, command, reporter_);
  if (!values[0]) return;
  Word key = *values[0];
  if (key.text.starts_with('.')) key = key.slice(1, std::string::npos);
  const bool all = equal_ignoring_case(key.text, "all");
  const std::optional<Uuid> uuid = read_uuid_text(key.text);
  if (!all && !uuid) {
    return reporter_.error("bad-uuid", key.span(), quoted(key.text) + " is not a filter key",
                           "`all`, or a key as in `11111111-2222-3333-4444-555555555555`");
  }
  std::size_t foreign_count = 0;  // from files before this one
  const std::size_t count = std::erase_if(policy_.filters, [&](const Filter& filter) {
    const bool matches = all || filter.key == *uuid;
    if (matches && filter.span.file != file_) ++foreign_count;
    return matches;
  });
  if (count == 0 && !all && options_.live) {
    return reporter_.error("filter-not-found", key.span(),
                           "no filter has the key " + quoted(key.text), "`show filter` lists them");
  }
  note_effect(NetshEffect::Kind::filters_deleted, count, uuid.value_or(Uuid{}));
  if (foreign_count != 0 && !options_.live) {
    reporter_.warning("filters-deleted", command,
                      "the command removes " + plural(foreign_count, "filter") +
                          " of the policy files before this one",
                      "this is what it does on a server that has them");
  } else if (count == 0 && !all) {
    reporter_.warning("filter-not-found", key.span(),
                      "no filter of the policy has the key " + quoted(key.text),
                      "it has no effect here; on a server it may remove one that is not in the "
                      "policy");
  }
}

}  // namespace rpcaudit::policy
