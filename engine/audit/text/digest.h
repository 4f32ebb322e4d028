#pragma once

#include <string>
#include <string_view>

namespace rpcaudit::audit {

// The SHA-256 of the bytes in lower case hexadecimal. Empty when the library refuses to hash.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace rpcaudit::audit
