#pragma once

#include <string>

#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Of a file in no form that is read: what it looks like, and what to give instead, as the hint of a
// diagnostic. Never empty.
[[nodiscard]] std::string resembled_form(const SourceText& source);

}  // namespace rpcaudit::policy
