#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/tcp_conversation.h"

namespace rpcaudit::bench {

// A DCE/RPC association: a bind to one of ten interfaces (every other one offers the three
// contexts that Windows offers), then `calls` requests, each answered before the next. With
// Ethernet, IP and TCP headers, every request and response is a frame of 340 bytes. Every request
// is counted in `requests`, which must outlive the script.
[[nodiscard]] std::unique_ptr<Script> make_rpc_script(std::uint64_t number, std::uint32_t calls,
                                                      std::uint64_t& requests);

// The interfaces that such associations use, as text.
[[nodiscard]] std::vector<std::string> script_interfaces();

}  // namespace rpcaudit::bench
