#include "engine/policy/caller_token.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "engine/policy/sddl.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::pair<std::string_view, std::string_view> kRelativeIds[] = {
    {"LA", "-500"}, {"LG", "-501"}, {"DA", "-512"}, {"DU", "-513"}, {"DG", "-514"}, {"DC", "-515"},
    {"DD", "-516"}, {"CA", "-517"}, {"SA", "-518"}, {"EA", "-519"}, {"PA", "-520"}, {"RO", "-498"},
    {"CN", "-522"}, {"AP", "-525"}, {"KA", "-526"}, {"EK", "-527"}, {"RS", "-553"},
};

const CallerToken* find_name(const std::vector<CallerToken>& users, std::string_view name) {
  const auto found = std::lower_bound(
      users.begin(), users.end(), name,
      [](const CallerToken& token, std::string_view wanted) { return token.name < wanted; });
  return found != users.end() && found->name == name ? &*found : nullptr;
}

}  // namespace

bool CallerToken::has(std::string_view trustee) const noexcept {
  return std::binary_search(sids.begin(), sids.end(), trustee);
}

bool CallerToken::may_have(std::string_view trustee) const noexcept {
  if (domain_known) return false;
  const auto is_other_name = [](std::string_view alias, std::string_view number) {
    const std::string_view relative_id = relative_id_of(alias);
    return !relative_id.empty() && number.starts_with("S-1-5-21-") && number.ends_with(relative_id);
  };
  return std::any_of(sids.begin(), sids.end(), [&](std::string_view sid) {
    return is_other_name(trustee, sid) || is_other_name(sid, trustee);
  });
}

std::string_view relative_id_of(std::string_view trustee) noexcept {
  const auto* const found = std::find_if(std::begin(kRelativeIds), std::end(kRelativeIds),
                                         [&](const auto& row) { return row.first == trustee; });
  return found == std::end(kRelativeIds) ? std::string_view{} : found->second;
}

void sort_sids(CallerToken& token) {
  std::sort(token.sids.begin(), token.sids.end());
  token.sids.erase(std::unique(token.sids.begin(), token.sids.end()), token.sids.end());
}

void add_domain_names(CallerToken& token, std::string_view domain_sid) {
  const std::vector<std::string> given = token.sids;
  for (const std::string& sid : given) {
    const std::string_view of_alias = relative_id_of(sid);
    if (!of_alias.empty()) token.sids.push_back(std::string(domain_sid).append(of_alias));
    if (!sid.starts_with(domain_sid)) continue;
    for (const auto& [alias, relative_id] : kRelativeIds) {
      const bool is_it = std::string_view(sid).substr(domain_sid.size()) == relative_id;
      if (is_it) token.sids.emplace_back(alias);
    }
  }
  token.domain_known = true;
  sort_sids(token);
}

const CallerToken* find_user(const std::vector<CallerToken>& users, std::string_view user,
                             std::string_view domain) {
  if (user.empty()) return nullptr;
  const std::string name = to_lower(user);
  if (!domain.empty()) {
    const std::string realm = to_lower(domain);
    if (const CallerToken* found = find_name(users, realm + '\\' + name)) return found;
    if (const CallerToken* found = find_name(users, name + '@' + realm)) return found;
  }
  return find_name(users, name);
}

}  // namespace rpcaudit::policy
