#pragma once

#include <string>
#include <vector>

#include "engine/audit/sink/json_line.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/policy.h"

namespace rpcaudit::audit {

// Why a control other than the RPC filters judges as it does, as JSON members: `row`, `rule`,
// `value`, `source`. Rendered once, so that writing allocates nothing.
class ControlMembers {
 public:
  ControlMembers() = default;
  explicit ControlMembers(const policy::Policy& policy);

  void write(JsonLine& line, evaluate::Control control,
             const evaluate::ControlVerdict& verdict) const;

 private:
  std::vector<std::string> ipsec_;          // by item: rule and source
  std::vector<std::string> registrations_;  // by item: source, may be empty
  std::string remote_clients_;              // value and source
};

// The elements of `controls` that are not of RPC filters.
void write_other_controls(JsonLine& line, const ControlMembers& members,
                          const evaluate::Verdict& verdict);

// The `controls` array, and `what_if` where it was asked for.
void write_controls(JsonLine& line, const ControlMembers& members,
                    const evaluate::Verdict& verdict);

// The facts that would decide, of all undecidable controls.
[[nodiscard]] evaluate::ControlFactSet unseen_facts(const evaluate::Verdict& verdict) noexcept;

// Which targets judge the call otherwise than its own verdict says.
void write_targets(JsonLine& line, const evaluate::Verdict& verdict);

}  // namespace rpcaudit::audit
