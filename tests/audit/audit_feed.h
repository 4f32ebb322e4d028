#pragma once

#include <cstdint>

#include "engine/audit/auditor.h"
#include "engine/audit/sink/json_sink.h"
#include "tests/audit/string_target.h"

namespace rpcaudit::test {

inline constexpr Uuid kDrsuapi = uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2");
inline constexpr Uuid kUnknown = uuid("00112233-4455-6677-8899-aabbccddeeff");
inline constexpr Uuid kNdr = uuid("8a885d04-1ceb-11c9-9fe8-08002b104860");

// 2026-11-20T14:03:12Z and some nanoseconds.
inline constexpr std::int64_t kNoon = 1'795'183'392'000'000'000;

constexpr dissect::FrameReference frame_at(std::uint64_t number,
                                           std::int64_t nanoseconds) noexcept {
  return {number, number, 0, 0, Timestamp{kNoon + nanoseconds}};
}

// A context as a bind proposes it; tests change what they are about.
inline dissect::RpcContext drsuapi_context() {
  dissect::RpcContext context;
  context.key = {0, 1};
  context.frame = frame_at(10, 0);
  context.client = {IpAddress::v4(0x0a4d'0015), 50'000};
  context.server = {IpAddress::v4(0x0a4d'0001), 49'153};
  context.call_id = 1;
  context.abstract_syntax = dissect::SyntaxId{kDrsuapi, 4, 0};
  context.transfer_syntax = dissect::SyntaxId{kNdr, 2, 0};
  return context;
}

inline dissect::RpcCall call_in(std::uint64_t frame, std::uint16_t opnum, std::uint32_t call_slot) {
  dissect::RpcCall call;
  call.key = {call_slot, 1};
  call.frame = frame_at(frame, static_cast<std::int64_t>(frame) * 1000);
  call.call_id = call_slot + 2;
  call.opnum = opnum;
  return call;
}

inline dissect::RpcOutcome outcome_of(const dissect::RpcCall& call, dissect::Outcome what,
                                      std::uint32_t status) {
  return {
      call.key, what, status,
      frame_at(call.frame.number + 1, static_cast<std::int64_t>(call.frame.number) * 1000 + 500)};
}

inline constexpr std::uint64_t kEnd = ~std::uint64_t{0};

}  // namespace rpcaudit::test
