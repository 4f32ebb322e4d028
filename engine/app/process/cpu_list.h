#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit::app {

// Reads numbers of processors, `0-3,6`, in their order. False, and `error`, for a text that is
// none, or names a processor that this process may not run on.
[[nodiscard]] bool parse_cpu_list(std::string_view text, std::vector<unsigned>& cpus,
                                  std::string& error);

// Has the calling thread run on this processor alone; false where the system does not let it.
[[nodiscard]] bool pin_thread(unsigned cpu) noexcept;

}  // namespace rpcaudit::app
