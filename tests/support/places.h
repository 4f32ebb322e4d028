#pragma once

#include <string>

namespace rpcaudit {

// The root of the sources, absolute and without a final slash.
[[nodiscard]] std::string source_folder();

// The program under test, as a shell can run it. Only the tests of `app`, `golden` and `property`
// may ask: the build of the others does not wait for the program.
[[nodiscard]] std::string program_path();

}  // namespace rpcaudit
