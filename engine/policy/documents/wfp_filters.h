#pragma once

#include <cstdint>

#include "engine/policy/documents/xml_document.h"
#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"

namespace rpcaudit::policy {

// Reads the RPC filters of what `netsh wfp show filters` writes; those of other layers, which are
// nearly all, are counted. It shows what `show filter` does not: persistence, effective weights,
// and permits that no block can overrule.
void read_wfp_filters(const XmlDocument& document, std::uint32_t file, Policy& policy,
                      Reporter& reporter);

}  // namespace rpcaudit::policy
