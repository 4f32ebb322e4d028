#pragma once

#include <string>
#include <vector>

namespace rpcaudit::app {

// The files of a group policy's computer part below a folder: the backup of one policy or of many,
// or a copy of SYSVOL. `Registry.pol` below `Machine`, `GptTmpl.inf`, and `Registry.xml` of
// preferences; where there is none of them, `gpreport.xml`. In order of their paths; empty when
// there is nothing of a policy or `path` is no folder.
[[nodiscard]] std::vector<std::string> gpo_files(const std::string& path);

}  // namespace rpcaudit::app
