#include "engine/policy/text/code_fences.h"

#include <algorithm>
#include <string_view>

namespace rpcaudit::policy {
namespace {

bool is_fence(std::string_view line) noexcept {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return line.starts_with("```") || line.starts_with("~~~");
}

}  // namespace

std::vector<FencedBlock> code_fences(const SourceText& source) {
  std::vector<FencedBlock> blocks;
  std::size_t opened = 0;  // the line of the fence that is open; 0: none
  for (std::size_t number = 1; number <= source.line_count(); ++number) {
    if (!is_fence(source.line(number))) continue;
    if (opened == 0) {
      opened = number;
      continue;
    }
    if (number > opened + 1) blocks.push_back({opened + 1, number - 1});
    opened = 0;
  }
  return blocks;
}

}  // namespace rpcaudit::policy
