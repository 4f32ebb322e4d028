#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Reads a `netsh rpc filter` script: one file is one netsh session with one pending rule.
//
// `bytes` may be UTF-8 (with or without BOM) or UTF-16 of either order; CR LF, typographic dashes
// and non-breaking spaces are taken as what they stand for. Appends committed filters to `policy`
// (and `name` to its files) and everything to say to `diagnostics`, in line order; all errors of
// the file are reported at once. A filter with an error in it is not appended.
void read_netsh_script(std::string_view bytes, std::string_view name, Policy& policy,
                       std::vector<Diagnostic>& diagnostics);

// Reads the script that read_filter_store() gives, which may be larger than a file: up to 1 GiB.
// Returns what it decoded.
SourceText read_stored_script(std::string_view script, std::string_view name, Policy& policy,
                              std::vector<Diagnostic>& diagnostics);

// Reads a script that has been decoded and stands in the policy's files as number `file`. Returns
// how many commands were netsh's own, whatever came of them.
std::size_t read_netsh_script(const SourceText& source, std::uint32_t file, Policy& policy,
                              Reporter& reporter);

}  // namespace rpcaudit::policy
