#include "engine/policy/caller_token.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "engine/policy/sddl.h"
#include "engine/policy/spelling.h"

namespace rpcaudit {
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

bool CallerToken::has_relative(std::string_view relative_id) const noexcept {
  return std::any_of(sids.begin(), sids.end(), [relative_id](std::string_view sid) {
    return sid.starts_with("S-1-5-21-") && sid.ends_with(relative_id);
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

}  // namespace rpcaudit
