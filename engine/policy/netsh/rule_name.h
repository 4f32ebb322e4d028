#pragma once

#include <cstdint>
#include <string>

#include "engine/policy/policy.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Gives the filters of a script that have no name the first line of the comment that stands
// directly above their `add rule`.
void name_by_comments(const SourceText& source, std::uint32_t file, Policy& policy);

// What people and records call the filter: its name, otherwise `block-um-1c9f04d2`, whose digits
// follow from what the filter says, so that it stays when other rules are edited.
[[nodiscard]] std::string rule_name(const Filter& filter);

}  // namespace rpcaudit::policy
