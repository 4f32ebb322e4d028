#pragma once

#include <span>
#include <string>

namespace rpcaudit::app {

// Gives up for good to change any file outside `folders`, and what is below them: from now on this
// process and its threads may read files everywhere, and make, write, rename and remove them there
// alone. Files that are open stay as they are. Folders that do not exist are left out. False where
// the kernel has no Landlock (Linux 5.13) or does not use it. landlock(7). To be called before
// threads are started.
[[nodiscard]] bool enter_landlock(std::span<const std::string> folders) noexcept;

}  // namespace rpcaudit::app
