#include "engine/policy/host/ipsec_command.h"

#include <algorithm>

#include "engine/policy/host/ipsec_filter_text.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

enum class Flag : std::uint8_t {
  store,
  policy,
  rule,
  filters,
  actions,
  assign,
  unassign,
  remove,
  remove_dynamic,
  tunnel,
  list_of_methods,  // has values that change nothing here
  value,            // has one value that changes nothing here
  alone,            // changes nothing here
  help,
};

struct FlagName {
  std::string_view name;
  Flag flag;
};

constexpr FlagName kFlags[] = {
    {"w", Flag::store},       {"p", Flag::policy},          {"r", Flag::rule},
    {"f", Flag::filters},     {"n", Flag::actions},         {"x", Flag::assign},
    {"y", Flag::unassign},    {"o", Flag::remove},          {"u", Flag::remove_dynamic},
    {"t", Flag::tunnel},      {"a", Flag::list_of_methods}, {"1s", Flag::list_of_methods},
    {"1k", Flag::value},      {"1e", Flag::value},          {"1p", Flag::alone},
    {"soft", Flag::alone},    {"dialup", Flag::alone},      {"lan", Flag::alone},
    {"confirm", Flag::alone}, {"default", Flag::alone},     {"?", Flag::help},
};

const FlagName* flag_of(const Word& word) noexcept {
  const std::string_view text = word.text;
  if (word.quoted || text.size() < 2 || (text[0] != '-' && text[0] != '/')) return nullptr;
  for (const FlagName& flag : kFlags) {
    if (equal_ignoring_case(flag.name, text.substr(1))) return &flag;
  }
  return nullptr;
}

// Something that looks like a flag; names and filters do not.
bool looks_like_flag(const Word& word) noexcept {
  return !word.quoted && word.text.size() >= 2 && word.text.size() <= 8 && word.text[0] == '-';
}

// `%PORT%`: a place that its author has not filled in. The tool's own name is known.
std::string_view variable_in(std::string_view text) noexcept {
  const std::size_t begin = text.find('%');
  if (begin == std::string_view::npos) return {};
  const std::size_t end = text.find('%', begin + 1);
  if (end == std::string_view::npos || end == begin + 1) return {};
  return text.substr(begin, end - begin + 1);
}

}  // namespace

std::string ipsec_policy_name(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool has_interval =
      colon != std::string_view::npos && colon + 1 < text.size() &&
      text.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
  return std::string(has_interval ? text.substr(0, colon) : text);
}

bool IpsecCommands::take_value(std::span<const Word>& words, const Word*& value, const Word& flag) {
  if (words.empty() || looks_like_flag(words.front())) {
    reporter_.error("missing-value", flag.span(), quoted(flag.text) + " has no value behind it");
    return false;
  }
  if (value != nullptr) {
    reporter_.error("repeated-flag", flag.span(), quoted(flag.text) + " is given twice");
    return false;
  }
  value = &words.front();
  words = words.subspan(1);
  return true;
}

void IpsecCommands::take_list(std::span<const Word>& words, std::vector<const Word*>& list) {
  while (!words.empty() && flag_of(words.front()) == nullptr && !looks_like_flag(words.front())) {
    list.push_back(&words.front());
    words = words.subspan(1);
  }
}

bool IpsecCommands::read_flags(std::span<const Word> words, Flags& flags) {
  if (!words.empty() && words.front().text.starts_with("\\\\")) words = words.subspan(1);
  while (!words.empty()) {
    const Word& word = words.front();
    const FlagName* const known = flag_of(word);
    words = words.subspan(1);
    if (known == nullptr) {
      reporter_.error("unknown-flag", word.span(), "unknown flag " + quoted(word.text),
                      "known are -w -p -r -f -n -x -y -o -u -t -a -1s -1k -1p -soft -lan -dialup");
      return false;
    }
    const Word* unused = nullptr;
    std::vector<const Word*> unused_list;
    bool good = true;
    switch (known->flag) {
      case Flag::store: good = take_value(words, flags.store, word); break;
      case Flag::policy: good = take_value(words, flags.policy, word); break;
      case Flag::rule: good = take_value(words, flags.rule, word); break;
      case Flag::tunnel: good = take_value(words, flags.tunnel, word); break;
      case Flag::value: good = take_value(words, unused, word); break;
      case Flag::filters: take_list(words, flags.filters); break;
      case Flag::actions: take_list(words, flags.actions); break;
      case Flag::list_of_methods: take_list(words, unused_list); break;
      case Flag::assign: flags.assign = &word; break;
      case Flag::unassign: flags.unassign = &word; break;
      case Flag::remove: flags.remove = &word; break;
      case Flag::remove_dynamic: flags.remove_dynamic = &word; break;
      case Flag::help: flags.is_help = true; break;
      case Flag::alone: break;
    }
    if (!good) return false;
  }
  return true;
}

bool IpsecCommands::check_variables(const Flags& flags) {
  bool good = true;
  const auto check = [&](const Word* word) {
    if (word == nullptr) return;
    const std::string_view variable = variable_in(word->text);
    if (variable.empty()) return;
    reporter_.error("unreplaced-variable", word->span(),
                    quoted(variable) + " stands for something that is to be filled in",
                    "write the command once for each port and subnet");
    good = false;
  };
  check(flags.policy);
  check(flags.rule);
  for (const Word* filter : flags.filters) check(filter);
  return good;
}

IpsecPolicy* IpsecCommands::find(std::string_view name) {
  for (IpsecPolicy& policy : policy_.host.ipsec.policies) {
    if (!policy.dynamic && equal_ignoring_case(policy.name, name)) return &policy;
  }
  return nullptr;
}

IpsecPolicy* IpsecCommands::find_or_add(const Flags& flags, const SourceSpan& command) {
  std::vector<IpsecPolicy>& policies = policy_.host.ipsec.policies;
  const bool dynamic = flags.store == nullptr;
  const std::string name =
      flags.policy == nullptr || dynamic ? std::string() : ipsec_policy_name(flags.policy->text);
  for (IpsecPolicy& policy : policies) {
    if (policy.dynamic == dynamic && equal_ignoring_case(policy.name, name)) return &policy;
  }
  if (policies.size() == kPoliciesMax) {
    reporter_.error("too-many-ipsec-policies", command,
                    "more than " + std::to_string(kPoliciesMax) + " policies");
    return nullptr;
  }
  IpsecPolicy& added = policies.emplace_back();
  added.name = name;
  added.dynamic = dynamic;
  added.span = command;
  return &added;
}

IpsecAction IpsecCommands::action_of(const Flags& flags) {
  constexpr std::pair<std::string_view, IpsecAction> kActions[] = {
      {"BLOCK", IpsecAction::block},
      {"PASS", IpsecAction::pass},
      {"INPASS", IpsecAction::in_pass},
  };
  if (flags.tunnel != nullptr) {
    reporter_.warning("ipsec-tunnel", flags.tunnel->span(),
                      "what a tunnel does to a call cannot be seen: such calls are undecidable");
    return IpsecAction::negotiate;
  }
  if (flags.actions.empty()) return IpsecAction::negotiate;
  const Word& word = *flags.actions.front();
  for (const auto& [name, action] : kActions) {
    if (!equal_ignoring_case(name, word.text)) continue;
    if (word.text != name) {
      reporter_.warning("ipsec-action-case", word.span(),
                        "the tools take " + quoted(name) + " in upper case only");
    }
    return action;
  }
  return IpsecAction::negotiate;  // a list of security methods: `ESP[3DES,SHA]`
}

void IpsecCommands::add_filters(const Flags& flags, IpsecRule& rule) {
  const IpsecAction by_flag = rule.action;
  IpsecAction& first = rule.action;  // one action for all filters of a rule
  for (const Word* word : flags.filters) {
    if (++filter_count_ > kFiltersMax) {
      return reporter_.error("too-many-filters", word->span(),
                             "more than " + std::to_string(kFiltersMax) + " filters");
    }
    Word inner = *word;
    const std::string_view text = word->text;
    const auto framed = [&](char open, char close) {
      return text.size() > 2 && text.front() == open && text.back() == close;
    };
    if (equal_ignoring_case(text, "default") || framed('{', '}')) {
      reporter_.warning("ipsec-filter-ignored", word->span(),
                        quoted(text) + " says nothing about RPC and is left out");
      continue;
    }
    // Parentheses permit and brackets block, whatever -n says.
    IpsecAction own = by_flag;
    if (framed('(', ')')) own = IpsecAction::pass;
    if (framed('[', ']')) own = IpsecAction::block;
    if (framed('(', ')') || framed('[', ']')) inner = word->slice(1, text.size() - 2);
    IpsecFilter filter;
    if (!read_ipsec_filter(inner, filter, reporter_)) continue;
    if (rule.filters.empty()) first = own;
    if (own != first) {
      reporter_.error("mixed-ipsec-actions", word->span(),
                      "one rule has filters in brackets and others", "write two rules");
      continue;
    }
    rule.filters.push_back(std::move(filter));
  }
}

void IpsecCommands::add_rule(const Flags& flags, const SourceSpan& command) {
  IpsecRule rule;
  rule.span = command;
  if (flags.rule != nullptr) rule.name = flags.rule->text;
  if (flags.store != nullptr && flags.rule == nullptr) {
    reporter_.warning("no-ipsec-rule-name", command, "a static rule is to have a name, `-r`");
  }
  rule.action = action_of(flags);
  add_filters(flags, rule);
  if (rule.filters.empty()) return;
  // Filters in brackets have an action of their own.
  const bool has_action = flags.tunnel != nullptr || !flags.actions.empty();
  if (!has_action && rule.action == IpsecAction::negotiate) {
    reporter_.warning("no-ipsec-action", command,
                      "without `-n` the rule demands IPsec of its peers: calls are undecidable",
                      "write `-n BLOCK` or `-n PASS`");
  }
  IpsecPolicy* const found = find_or_add(flags, command);
  if (found == nullptr) return;
  IpsecPolicy& policy = *found;
  if (policy.rules.size() == kRulesMax) {
    return reporter_.error("too-many-ipsec-rules", command,
                           "more than " + std::to_string(kRulesMax) + " rules in one policy");
  }
  const auto same = std::find_if(policy.rules.begin(), policy.rules.end(), [&](const IpsecRule& r) {
    return !r.name.empty() && equal_ignoring_case(r.name, rule.name);
  });
  if (same != policy.rules.end()) {
    reporter_.warning("repeated-ipsec-rule", flags.rule->span(),
                      "the rule's name is that of " + printable(source_text(policy_, same->span)) +
                          "; whether the tools keep both is not documented",
                      "change the port in the name, too");
  }
  policy.rules.push_back(std::move(rule));
}

void IpsecCommands::assign(IpsecPolicy& policy, const Word& flag) {
  for (IpsecPolicy& other : policy_.host.ipsec.policies) {
    if (&other == &policy || !other.assigned) continue;
    other.assigned = false;
    reporter_.warning("ipsec-reassigned", flag.span(),
                      quoted(other.name) + " is no longer assigned: only one local policy can be",
                      "put all rules into one policy");
  }
  policy.assigned = true;
  policy.ever_assigned = true;
}

void IpsecCommands::act_on_policy(const Flags& flags, const SourceSpan& command) {
  const Word& flag = flags.assign != nullptr     ? *flags.assign
                     : flags.unassign != nullptr ? *flags.unassign
                                                 : *flags.remove;
  if (flags.policy == nullptr || flags.store == nullptr) {
    return reporter_.error("no-ipsec-policy", command, quoted(flag.text) + " needs a policy",
                           "name it with `-w REG -p`");
  }
  IpsecPolicy* const policy = find(ipsec_policy_name(flags.policy->text));
  if (policy == nullptr) {
    // Scripts that may be run twice begin by removing what they are about to make.
    if (flags.assign == nullptr) {
      return reporter_.note("unknown-ipsec-policy", flags.policy->span(),
                            "no rule of policy " + quoted(flags.policy->text) +
                                " was read before: there is nothing to end");
    }
    return reporter_.warning(
        "unknown-ipsec-policy", flags.policy->span(),
        "no rule of policy " + quoted(flags.policy->text) + " was read before: nothing is assigned",
        "give the file that makes its rules first");
  }
  if (flags.assign != nullptr) assign(*policy, flag);
  if (flags.unassign != nullptr) policy->assigned = false;
  if (flags.remove == nullptr) return;
  std::vector<IpsecPolicy>& policies = policy_.host.ipsec.policies;
  policies.erase(policies.begin() + (policy - policies.data()));
}

void IpsecCommands::run(std::span<const Word> words, const SourceSpan& command) {
  Flags flags;
  if (!read_flags(words, flags) || flags.is_help || !check_variables(flags)) return;
  if (flags.store != nullptr && !starts_with_ignoring_case(flags.store->text, "REG")) {
    reporter_.warning("ipsec-store", flags.store->span(),
                      "the policy goes to " + quoted(flags.store->text) +
                          ", not to the registry; it is judged as if it did");
  }
  if (flags.remove_dynamic != nullptr) {
    std::erase_if(policy_.host.ipsec.policies, [](const IpsecPolicy& p) { return p.dynamic; });
  }
  if (!flags.filters.empty()) add_rule(flags, command);
  const bool acts = flags.assign != nullptr || flags.unassign != nullptr || flags.remove != nullptr;
  if (acts) return act_on_policy(flags, command);
  if (flags.filters.empty() && flags.remove_dynamic == nullptr) {
    reporter_.warning("no-ipsec-filter", command, "the command has no filter and does nothing",
                      "add `-f *=0:135:TCP`");
  }
}

}  // namespace rpcaudit::policy
