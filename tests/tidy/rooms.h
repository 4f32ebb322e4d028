#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit::test {

// The stage that a file belongs to, `dissect` or `engine/policy`; empty outside all stages.
[[nodiscard]] std::string_view stage_of(std::string_view path);

// The room that a file belongs to: its folder, or the part of a stage's own folder that its name
// says. Empty outside all stages.
[[nodiscard]] std::string_view room_of(std::string_view path);

// Whether the file `path` may include `included`, a path from the root or a library's header:
// by the rooms of the two, by what one stage may see of another, and by who uses which library.
[[nodiscard]] bool may_include(std::string_view path, std::string_view included);

// A way from a room over the rooms that it may include back to itself; empty when there is none.
[[nodiscard]] std::vector<std::string> find_circle();

}  // namespace rpcaudit::test
