#include "engine/app/operate/live_status.h"

#include <algorithm>

namespace rpcaudit::app {

std::string_view to_string(ReloadResult result) noexcept {
  switch (result) {
    case ReloadResult::done: return "done";
    case ReloadResult::unchanged: return "unchanged";
    case ReloadResult::refused: return "refused";
  }
  return "";
}

std::uint64_t counter_of(const std::vector<audit::NamedCounter>& counters,
                         std::string_view name) noexcept {
  const auto found = std::find_if(counters.begin(), counters.end(),
                                  [name](const auto& counter) { return counter.name == name; });
  return found == counters.end() ? 0 : found->value;
}

}  // namespace rpcaudit::app
