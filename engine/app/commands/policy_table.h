#pragma once

#include <string>

#include "engine/policy/policy.h"

namespace rpcaudit::app {

// What was read, for people: the filters in the order that decides, the settings with the values
// that hold where none is given, and the state of IPsec.
[[nodiscard]] std::string policy_table(const policy::Policy& policy);

}  // namespace rpcaudit::app
