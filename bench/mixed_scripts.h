#pragma once

#include <cstdint>
#include <memory>

#include "bench/tcp_conversation.h"

namespace rpcaudit::bench {

// What most of a real link carries and an RPC audit has to get past. `number` varies the sizes.
[[nodiscard]] std::unique_ptr<Script> make_http_script(std::uint64_t number);
[[nodiscard]] std::unique_ptr<Script> make_tls_script(std::uint64_t number);

// A DNS query or its answer.
void write_dns(FrameWriter& writer, const Flow& flow, Side from, std::uint16_t id);
// A full datagram of an encrypted UDP transport.
void write_large_datagram(FrameWriter& writer, const Flow& flow, Side from, std::uint64_t number);
// A connectionless RPC request, or its response, of 100 bytes (C706 12.5.2).
void write_datagram_call(FrameWriter& writer, const Flow& flow, Side from, std::uint32_t sequence);

}  // namespace rpcaudit::bench
