#pragma once

#include <string>

namespace rpcaudit::bench {

// A thousand filters of which none matches a generated call, but many come close: the right
// interface with an opnum it does not have, or an address of another network.
[[nodiscard]] std::string thousand_filters();

// One filter that blocks every call, decided call by call.
[[nodiscard]] std::string block_all();

}  // namespace rpcaudit::bench
