#pragma once

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Reads what Get-RpcFilter of the PowerShell module DSInternals.RpcFilters prints: its own view
// (`Name: ...`, `Conditions:`) or that of Format-List (`Name : ...`). Weights are those that the
// system had.
void read_dsinternals_listing(const SourceText& source, std::uint32_t file, Policy& policy,
                              Reporter& reporter);

}  // namespace rpcaudit::policy
