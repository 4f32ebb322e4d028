#include "engine/policy/policy.h"

#include <algorithm>

namespace rpcaudit::policy {
namespace {

template <typename Range>
bool same_as(const ConditionData& a, const ConditionData& b) noexcept {
  const auto* left = std::get_if<Range>(&a);
  const auto* right = std::get_if<Range>(&b);
  return left != nullptr && right != nullptr && *left == *right;
}

bool same_data(const ConditionData& a, const ConditionData& b) noexcept {
  const auto* left = std::get_if<SecurityDescriptor>(&a);
  const auto* right = std::get_if<SecurityDescriptor>(&b);
  if (left != nullptr && right != nullptr) {
    return left->has_dacl == right->has_dacl && left->entries == right->entries;
  }
  return same_as<NumberRange>(a, b) || same_as<UuidRange>(a, b) || same_as<AddressRange>(a, b) ||
         same_as<TextRange>(a, b);
}

}  // namespace

void apply_everyone_setting(Policy& policy) {
  const auto& setting = policy.host.everyone_includes_anonymous;
  if (!setting || !setting->value) return;
  for (Filter& filter : policy.filters) {
    for (Condition& condition : filter.conditions) {
      auto* const descriptor = std::get_if<SecurityDescriptor>(&condition.data);
      if (descriptor == nullptr) continue;
      for (AccessEntry& entry : descriptor->entries) {
        entry.includes_anonymous = entry.trustee == "WD";
      }
    }
  }
}

bool same_meaning(const Condition& a, const Condition& b) noexcept {
  if (a.field != b.field || a.match != b.match || a.unreadable != b.unreadable) return false;
  if (a.in_network_order != b.in_network_order) return false;
  return a.unreadable || same_data(a.data, b.data);
}

bool same_meaning(const Filter& a, const Filter& b) noexcept {
  const bool same_key = a.key_generated == b.key_generated && (a.key_generated || a.key == b.key);
  return same_key && same_effect(a, b);
}

bool same_effect(const Filter& a, const Filter& b) noexcept {
  return a.layer == b.layer && a.action == b.action && a.persistent == b.persistent &&
         a.audit == b.audit && a.audit_parameters == b.audit_parameters &&
         a.enforcer == b.enforcer && a.weight == b.weight &&
         std::equal(a.conditions.begin(), a.conditions.end(), b.conditions.begin(),
                    b.conditions.end(), [](const Condition& left, const Condition& right) {
                      return same_meaning(left, right);
                    });
}

std::string source_text(const Policy& policy, const SourceSpan& span) {
  return source_text(policy.files, span);
}

}  // namespace rpcaudit::policy
