#pragma once

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"

namespace rpcaudit::policy {

// What one condition deserves to be told, whatever stands around it.
void check_condition(const Condition& condition, Reporter& reporter);

}  // namespace rpcaudit::policy
