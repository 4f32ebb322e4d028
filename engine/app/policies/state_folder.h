#pragma once

#include <string>

namespace rpcaudit::app {

// The folder for data that the program keeps between runs: $XDG_STATE_HOME/rpcaudit, otherwise
// ~/.local/state/rpcaudit. Empty when neither variable nor home folder is known.
[[nodiscard]] std::string state_folder();

// The filter store of `rpcaudit netsh` and `-p store:`, when none is named.
[[nodiscard]] std::string default_filter_store();

// Makes the folder of a file, with those above it; false when that fails.
[[nodiscard]] bool make_folder_of(const std::string& path);

}  // namespace rpcaudit::app
