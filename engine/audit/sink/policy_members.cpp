#include "engine/audit/sink/policy_members.h"

#include <algorithm>

#include "engine/audit/text/text_encoding.h"
#include "engine/policy/netsh/printer.h"
#include "engine/policy/netsh/rule_name.h"

namespace rpcaudit::audit {
namespace {

// What the filter asks for, for records of findings.
std::string render_conditions(const policy::Filter& filter) {
  constexpr std::size_t kConditionsMax = 16;
  std::string out = "\"conditions\":[";
  for (std::size_t i = 0; i < std::min(filter.conditions.size(), kConditionsMax); ++i) {
    out.append(i == 0 ? "\"" : ",\"");
    append_json_escaped(out, policy::describe(filter.conditions[i]));
    out.push_back('"');
  }
  out.push_back(']');
  if (filter.conditions.size() > kConditionsMax) out.append(",\"more_conditions\":true");
  return out;
}

std::string render_filter(const policy::Policy& policy, const policy::Filter& filter) {
  std::string out = "\"layer\":\"";
  out.append(to_string(filter.layer)).append("\",\"filter\":\"").append(to_string(filter.key));
  out.append("\",\"rule_name\":\"");
  append_json_escaped(out, policy::rule_name(filter));
  out.append("\",\"source\":\"");
  append_json_escaped(out, policy::source_text(policy, filter.span));
  out.push_back('"');
  return out;
}

void append_text_member(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  out.append(out.empty() ? "\"" : ",\"").append(key).append("\":\"");
  append_json_escaped(out, value);
  out.push_back('"');
}

std::string render_files(const policy::Policy& policy) {
  std::string out = "\"files\":[";
  for (const std::string& file : policy.files) {
    out.append(out.back() == '[' ? "\"" : ",\"");
    append_json_escaped(out, file);
    out.push_back('"');
  }
  out.push_back(']');
  return out;
}

}  // namespace

PolicyMembers::PolicyMembers(const policy::Policy& policy, std::string_view name)
    : files(render_files(policy)), controls(policy) {
  append_text_member(identity, "deployment", name);
  append_text_member(identity, "policy_digest", policy.digest);
  for (const policy::Filter& filter : policy.filters) {
    filters.push_back(render_filter(policy, filter));
    conditions.push_back(render_conditions(filter));
  }
}

}  // namespace rpcaudit::audit
