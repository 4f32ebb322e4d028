#pragma once

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Reads the listing of `netsh rpc filter show filter` as a policy: `key: value` lines in any order,
// with blanks and line ends as any version or page has them. What a listing does not tell is
// reported; a condition of which it tells too little is kept and never known to hold.
void read_show_filter(const SourceText& source, std::uint32_t file, Policy& policy,
                      Reporter& reporter);

}  // namespace rpcaudit::policy
