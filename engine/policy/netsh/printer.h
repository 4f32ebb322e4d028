#pragma once

#include <string>

#include "engine/policy/policy.h"

namespace rpcaudit::policy {

// The canonical script: what a real netsh accepts under `netsh -f`, one filter per paragraph.
// read_netsh_script(print_netsh_script(p)) has the same meaning as p.
// A filter with a condition that its source did not tell cannot be written: a comment says so.
[[nodiscard]] std::string print_netsh_script(const Policy& policy);
// The commands that open a rule like this: all but `add filter`.
[[nodiscard]] std::string print_netsh_rule(const Filter& filter);

// One line for people: `block um if_uuid=... opnum=3`.
[[nodiscard]] std::string describe(const Filter& filter);
[[nodiscard]] std::string describe(const Condition& condition);

}  // namespace rpcaudit::policy
