#include "tests/support/places.h"

namespace rpcaudit {

std::string source_folder() { return RPCAUDIT_SOURCE_DIR; }

std::string program_path() { return RPCAUDIT_PROGRAM; }

}  // namespace rpcaudit
