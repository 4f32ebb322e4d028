#pragma once

#include <string>
#include <vector>

namespace rpcaudit::bench {

// `count` filters of which none matches a generated call, but many come close: the right
// interface with an opnum it does not have, or an address of another network.
[[nodiscard]] std::string many_filters(unsigned count);
[[nodiscard]] inline std::string thousand_filters() { return many_filters(1000); }

// One filter that blocks every call, decided call by call.
[[nodiscard]] std::string block_all();

// A filter for each of the interfaces that blocks every call to it.
[[nodiscard]] std::string block_interfaces(const std::vector<std::string>& interfaces);

}  // namespace rpcaudit::bench
