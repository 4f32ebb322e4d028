#include "engine/app/process/cpu_list.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace rpcaudit::app {
namespace {

std::optional<unsigned> read_number(std::string_view text) {
  unsigned number = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  const bool is_one = !text.empty() && result.ec == std::errc() && result.ptr == end;
  return is_one && number < CPU_SETSIZE ? std::optional(number) : std::nullopt;
}

}  // namespace

bool parse_cpu_list(std::string_view text, std::vector<unsigned>& cpus, std::string& error) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool is_known = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  cpus.clear();
  for (bool is_last = false; !is_last;) {
    const std::size_t comma = text.find(',');
    is_last = comma == std::string_view::npos;
    const std::string_view part = text.substr(0, comma);
    text.remove_prefix(is_last ? text.size() : comma + 1);
    const std::size_t dash = part.find('-');
    const auto first = read_number(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : read_number(part.substr(dash + 1));
    if (!first || !last || *first > *last) {
      error = "`" + std::string(part) + "` is no processor; write numbers, such as 0-3,6";
      return false;
    }
    for (unsigned cpu = *first; cpu <= *last; ++cpu) {
      if (is_known && !CPU_ISSET(cpu, &allowed)) {
        error = "there is no processor " + std::to_string(cpu) + " for this process";
        return false;
      }
      cpus.push_back(cpu);
    }
  }
  return true;
}

bool pin_thread(unsigned cpu) noexcept {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  return ::sched_setaffinity(0, sizeof only, &only) == 0;
}

}  // namespace rpcaudit::app
