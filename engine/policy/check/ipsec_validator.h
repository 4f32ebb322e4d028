#pragma once

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"

namespace rpcaudit::policy {

// What Microsoft's article on restricting RPC ports warns of, and what else keeps IPsec policies
// from doing what they are meant to do.
void validate_ipsec(const Policy& policy, Reporter& reporter);

}  // namespace rpcaudit::policy
