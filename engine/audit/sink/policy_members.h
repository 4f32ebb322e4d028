#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/audit/sink/control_members.h"
#include "engine/policy/policy.h"

namespace rpcaudit::audit {

// What verdicts of one policy say of what decides, as JSON members. Rendered once, so that writing
// allocates nothing.
struct PolicyMembers {
  // `deployment` is empty when there is only one policy.
  PolicyMembers(const policy::Policy& policy, std::string_view deployment);

  std::string identity;                 // "deployment":...,"policy_digest":..., may be empty
  std::string files;                    // "files":[...]
  std::vector<std::string> filters;     // "layer":... to "source":... of each filter
  std::vector<std::string> conditions;  // "conditions":[...] of each filter
  ControlMembers controls;
};

}  // namespace rpcaudit::audit
