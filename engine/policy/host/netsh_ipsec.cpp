#include "engine/policy/host/netsh_ipsec.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {

// `name="x" srcaddr=any`, in any order; a tag may stand apart from its value: `name = x`, `name=
// x`, `name =x`.
struct NetshIpsec::Tags {
  std::vector<std::pair<std::string, Word>> all;

  explicit Tags(std::span<const Word> words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      const bool stands_apart = i + 1 < words.size() && words[i + 1].text.starts_with('=');
      const std::string tag = words[i].text.substr(0, words[i].text.find('='));
      if (tag == words[i].text && !stands_apart) continue;
      const Word& last = tag == words[i].text ? words[++i] : words[i];
      Word value = last.slice(last.text.find('=') + 1, std::string::npos);
      if (value.text.empty() && i + 1 < words.size()) value = words[++i];
      all.emplace_back(to_lower(tag), std::move(value));
    }
  }

  [[nodiscard]] const Word* find(std::string_view name) const {
    for (const auto& [tag, value] : all) {
      if (tag == name) return &value;
    }
    return nullptr;
  }
  [[nodiscard]] std::string text(std::string_view name) const {
    const Word* const word = find(name);
    return word == nullptr ? std::string() : word->text;
  }
};

namespace {

template <typename Named>
auto find_named(std::vector<Named>& all, std::string_view name) {
  return std::find_if(all.begin(), all.end(),
                      [name](const Named& one) { return equal_ignoring_case(one.name, name); });
}

std::optional<std::uint32_t> ipsec_number(std::string_view text, std::uint32_t most) noexcept {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end || text.empty() || number > most) return std::nullopt;
  return number;
}

bool is_yes(std::string_view text) noexcept {
  return equal_ignoring_case(text, "yes") || equal_ignoring_case(text, "y");
}

std::optional<std::uint32_t> ipsec_mask(std::string_view text) noexcept {
  if (const auto length = ipsec_number(text, 32)) {
    return *length == 0 ? 0u : ~std::uint32_t{0} << (32 - *length);
  }
  const std::optional<IpAddress> mask = parse_ip(text);
  return mask && mask->is_v4() ? std::optional(mask->v4_value()) : std::nullopt;
}

// `any`, `me`, an address, `address/length`; the mask may stand in a tag of its own.
bool read_ipsec_address(std::string_view text, std::string_view mask,
                        IpsecAddress& address) noexcept {
  if (equal_ignoring_case(text, "me")) {
    address.is_me = true;
    return true;
  }
  if (equal_ignoring_case(text, "any")) return true;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) mask = text.substr(slash + 1);
  const std::optional<IpAddress> ip = parse_ip(text.substr(0, slash));
  const std::optional<std::uint32_t> bits =
      mask.empty() ? std::optional(~std::uint32_t{0}) : ipsec_mask(mask);
  if (!ip || !ip->is_v4() || !bits) return false;
  address.mask = *bits;
  address.value = ip->v4_value() & *bits;
  return true;
}

std::optional<std::uint8_t> ipsec_protocol(std::string_view text) noexcept {
  constexpr std::pair<std::string_view, std::uint8_t> kNames[] = {
      {"any", 0}, {"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"raw", 255}};
  for (const auto& [name, number] : kNames) {
    if (equal_ignoring_case(name, text)) return number;
  }
  const auto number = ipsec_number(text, 255);
  return number ? std::optional(static_cast<std::uint8_t>(*number)) : std::nullopt;
}

}  // namespace

void NetshIpsec::run(std::span<const Word> words, const SourceSpan& command) {
  if (words.empty()) return;
  std::string verb = to_lower(words[0].text);
  if (verb.size() >= 3 && std::string_view("delete").starts_with(verb)) verb = "delete";
  const std::string object = words.size() > 1 ? to_lower(words[1].text) : std::string();
  const Tags tags(words.subspan(std::min<std::size_t>(2, words.size())));
  if (verb == "show" || verb == "exportpolicy" || verb == "dump") return;
  if (verb == "importpolicy") {
    return reporter_.warning("file-not-read", command,
                             "the policies that the command imports are not read here",
                             "give the commands that make them");
  }
  if (verb == "add") return add(object, tags, command);
  if (verb == "set" && object == "policy") return set_policy(tags, command);
  if (verb == "delete") return object == "all" ? remove_all() : remove(object, tags);
  reporter_.warning("ipsec-command-ignored", command,
                    quoted(verb + ' ' + object) + " of `netsh ipsec static` is not followed",
                    "known are `add`, `delete` and `set policy`");
}

void NetshIpsec::add(std::string_view object, const Tags& tags, const SourceSpan& command) {
  if (object == "filter") return add_filter(tags, command);
  const std::string name = tags.text("name");
  if (name.empty()) {
    return reporter_.error("missing-argument", command, "the command has no `name=`");
  }
  const std::size_t most =
      std::max({lists_.size(), actions_.size(), rules_.size(), policies_.size()});
  if (most >= kNamesMax) {
    return reporter_.error("too-many-ipsec-rules", command,
                           "a file may have " + std::to_string(kNamesMax) + " names of a kind");
  }
  if (object == "policy") {
    policies_.push_back({name, false, false, command});
    if (is_yes(tags.text("assign"))) assign(policies_.back(), true);
  } else if (object == "filterlist") {
    if (find_named(lists_, name) == lists_.end()) lists_.push_back({name, {}});
  } else if (object == "filteraction") {
    add_action(tags, command);
  } else if (object == "rule") {
    rules_.push_back(
        {name, tags.text("policy"), tags.text("filterlist"), tags.text("filteraction"), command});
  }
}

void NetshIpsec::add_action(const Tags& tags, const SourceSpan& command) {
  const std::string action = tags.text("action");
  NamedAction named{tags.text("name"), IpsecAction::negotiate};
  if (equal_ignoring_case(action, "block")) {
    named.action = IpsecAction::block;
  } else if (equal_ignoring_case(action, "permit")) {
    named.action = IpsecAction::pass;
  } else if (!action.empty() && !equal_ignoring_case(action, "negotiate")) {
    return reporter_.error("unknown-action", command, "unknown action " + quoted(action),
                           "known are block, permit and negotiate");
  }
  actions_.push_back(std::move(named));
}

void NetshIpsec::add_filter(const Tags& tags, const SourceSpan& command) {
  const std::string name = tags.text("filterlist");
  auto list = find_named(lists_, name);
  if (list == lists_.end()) {  // netsh makes the list
    if (name.empty() || lists_.size() >= kNamesMax) {
      return reporter_.error("missing-argument", command, "the command has no `filterlist=`");
    }
    lists_.push_back({name, {}});
    list = lists_.end() - 1;
  }
  if (++filter_count_ > kFiltersMax) {
    return reporter_.error("too-many-ipsec-rules", command,
                           "a file may have " + std::to_string(kFiltersMax) + " IPsec filters");
  }
  IpsecFilter filter;
  filter.span = command;
  filter.mirrored = tags.find("mirrored") == nullptr || is_yes(tags.text("mirrored"));
  const std::string protocol = tags.text("protocol");
  const auto number = protocol.empty() ? std::optional<std::uint8_t>(0) : ipsec_protocol(protocol);
  const auto port = [&tags](std::string_view tag) {
    const std::string text = tags.text(tag);
    return text.empty() || equal_ignoring_case(text, "any") ? std::optional(0u)
                                                            : ipsec_number(text, 0xffff);
  };
  const std::optional<std::uint32_t> from = port("srcport");
  const std::optional<std::uint32_t> to = port("dstport");
  const bool has_addresses =
      read_ipsec_address(tags.text("srcaddr"), tags.text("srcmask"), filter.source) &&
      read_ipsec_address(tags.text("dstaddr"), tags.text("dstmask"), filter.destination);
  if (!number || !from || !to || !has_addresses) {
    return reporter_.error("bad-ipsec-filter", command,
                           "an address, a port or the protocol of the filter cannot be read",
                           "names of hosts and kinds of servers are not followed: write addresses");
  }
  filter.protocol = *number;
  filter.source.port = static_cast<std::uint16_t>(*from);
  filter.destination.port = static_cast<std::uint16_t>(*to);
  filter.text = tags.text("srcaddr") + (filter.mirrored ? "+" : "=") + tags.text("dstaddr") + ':' +
                std::to_string(*to) + ':' + (protocol.empty() ? "any" : protocol);
  list->filters.push_back(std::move(filter));
}

void NetshIpsec::set_policy(const Tags& tags, const SourceSpan& command) {
  const auto found = find_named(policies_, tags.text("name"));
  if (found == policies_.end()) {
    return reporter_.warning("unknown-ipsec-policy", command,
                             "no policy " + quoted(tags.text("name")) + " was read before",
                             "give the file that makes it first");
  }
  if (tags.find("assign") != nullptr) assign(*found, is_yes(tags.text("assign")));
}

// At most one policy of a computer is assigned.
void NetshIpsec::assign(NamedPolicy& policy, bool assigned) {
  if (assigned) {
    for (NamedPolicy& other : policies_) other.assigned = false;
  }
  policy.assigned = assigned;
  policy.ever_assigned = policy.ever_assigned || assigned;
}

void NetshIpsec::remove_all() {
  lists_.clear();
  actions_.clear();
  rules_.clear();
  policies_.clear();
  policy_.host.ipsec.policies.clear();
}

void NetshIpsec::remove(std::string_view object, const Tags& tags) {
  const std::string name = tags.text("name");
  const auto is_it = [&name](const auto& one) { return equal_ignoring_case(one.name, name); };
  if (object == "policy") {
    std::erase_if(policies_, is_it);
    std::erase_if(policy_.host.ipsec.policies, is_it);
  } else if (object == "filterlist") {
    std::erase_if(lists_, is_it);
  } else if (object == "filteraction") {
    std::erase_if(actions_, is_it);
  } else if (object == "rule") {
    std::erase_if(rules_, is_it);
  }
}

IpsecRule NetshIpsec::rule_of(const Rule& rule) {
  IpsecRule made;
  made.name = rule.name;
  made.span = rule.span;
  const auto list = find_named(lists_, rule.filter_list);
  if (list != lists_.end()) made.filters = list->filters;
  const auto action = find_named(actions_, rule.action);
  if (action != actions_.end()) {
    made.action = action->action;
  } else {
    // Those that Windows comes with.
    made.action =
        equal_ignoring_case(rule.action, "Permit") ? IpsecAction::pass : IpsecAction::negotiate;
  }
  return made;
}

void NetshIpsec::finish() {
  for (const NamedPolicy& policy : policies_) {
    IpsecPolicy made;
    made.name = policy.name;
    made.assigned = policy.assigned;
    made.ever_assigned = policy.ever_assigned;
    made.span = policy.span;
    if (policy.assigned) {
      for (IpsecPolicy& other : policy_.host.ipsec.policies) other.assigned = false;
    }
    for (const Rule& rule : rules_) {
      if (!equal_ignoring_case(rule.policy, policy.name)) continue;
      IpsecRule one = rule_of(rule);
      if (one.filters.empty()) {
        reporter_.warning("no-ipsec-filter", rule.span,
                          "the rule " + quoted(rule.name) + " has no list with filters",
                          "add filters to the list that `filterlist=` names");
        continue;
      }
      made.rules.push_back(std::move(one));
    }
    policy_.host.ipsec.policies.push_back(std::move(made));
  }
  policies_.clear();
}

}  // namespace rpcaudit::policy
