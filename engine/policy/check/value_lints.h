#pragma once

#include "engine/policy/check/linter.h"
#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"

namespace rpcaudit::policy {

// Adjacent conditions on one field that together hold for every value: alternatives, where a range
// was meant.
void lint_alternatives(const Filter& filter, Reporter& reporter);

// Values that no call has: versions and operations that the interface lacks, levels and types of
// authentication that RPC does not know. Without `interfaces` no operation is looked up.
void lint_values(const Filter& filter, const InterfaceNames* interfaces, Reporter& reporter);

}  // namespace rpcaudit::policy
