#pragma once

#include <cstdint>
#include <vector>

#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// The lines between two fences of a Markdown page, both ends included; 1-based.
struct FencedBlock {
  std::size_t first_line = 0;
  std::size_t last_line = 0;
};

// The blocks of code of a page, in order; empty for a file that is no Markdown page.
[[nodiscard]] std::vector<FencedBlock> code_fences(const SourceText& source);

}  // namespace rpcaudit::policy
