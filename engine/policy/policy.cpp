#include "engine/policy/policy.h"

#include <algorithm>

namespace rpcaudit {
namespace {

bool same_data(const ConditionData& a, const ConditionData& b) noexcept {
  if (a.index() != b.index()) return false;
  const auto* descriptor = std::get_if<SecurityDescriptor>(&a);
  if (descriptor == nullptr) return a == b;
  const auto* other = std::get_if<SecurityDescriptor>(&b);
  return descriptor->has_dacl == other->has_dacl && descriptor->entries == other->entries;
}

}  // namespace

bool same_meaning(const Condition& a, const Condition& b) noexcept {
  return a.field == b.field && a.match == b.match && same_data(a.data, b.data);
}

bool same_meaning(const Filter& a, const Filter& b) noexcept {
  const bool same_key = a.key_generated == b.key_generated && (a.key_generated || a.key == b.key);
  return same_key && same_effect(a, b);
}

bool same_effect(const Filter& a, const Filter& b) noexcept {
  return a.layer == b.layer && a.action == b.action && a.persistent == b.persistent &&
         a.audit == b.audit && a.audit_parameters == b.audit_parameters &&
         std::equal(a.conditions.begin(), a.conditions.end(), b.conditions.begin(),
                    b.conditions.end(), [](const Condition& left, const Condition& right) {
                      return same_meaning(left, right);
                    });
}

std::string source_text(const Policy& policy, const SourceSpan& span) {
  std::string text = span.file < policy.files.size() ? policy.files[span.file] : "policy";
  if (span.line != 0) text += ':' + std::to_string(span.line);
  return text;
}

}  // namespace rpcaudit
