#include "dissect/store/memory_share.h"

#include <algorithm>
#include <array>
#include <bit>

namespace rpcaudit::dissect {
namespace {

// A table, the bytes of one entry with its share of hash buckets and lists, and the fewest entries
// with which the table is of any use.
struct Table {
  std::size_t Limits::*entries;
  std::size_t entry_bytes;
  std::size_t least;
};

// What entries weigh was measured, and rounded up: a test holds it against what is reserved.
constexpr std::array<Table, 17> kTables{{
    {&Limits::rpc_connections, 2560, 64},
    {&Limits::smb_sessions, 1056, 64},
    {&Limits::smb_logons, 576, 16},
    {&Limits::smb_pipes, 1920, 64},
    {&Limits::smb_requests, 128, 64},
    {&Limits::smb_writes, 128, 64},
    {&Limits::smb_write_pieces, 2112, 64},
    {&Limits::smb_header_buffers, 16'448, 16},
    {&Limits::tcp_openings, 128, 64},
    {&Limits::contexts, 544, 512},
    {&Limits::pending_calls, 80, 256},
    {&Limits::pending_proposals, 64, 64},
    {&Limits::pdu_buffers, 65'552, 16},
    {&Limits::datagram_activities, 288, 64},
    {&Limits::datagram_contexts, 464, 64},
    {&Limits::datagram_calls, 80, 32},
    {&Limits::ip_fragment_chains, 96, 32},
}};
// Pools of bytes; what describes a piece of them is a sixteenth of it at most.
constexpr std::array<Table, 3> kPools{{
    {&Limits::reorder_bytes, 1, std::size_t{512} << 10},
    {&Limits::recent_bytes, 1, std::size_t{512} << 10},
    {&Limits::ip_fragment_bytes, 1, std::size_t{256} << 10},
}};
constexpr std::size_t kFixedBytes = std::size_t{2} << 20;
constexpr std::size_t kFlowBytes = 16;
constexpr std::size_t kLeastFlows = std::size_t{1} << 14;
// One part of so many is for the flow table, whatever the other tables get: an entry is small, and
// a connection without one cannot be told from others.
constexpr std::size_t kFlowPart = 8;
constexpr std::size_t kStubBytes = 526'000;
constexpr std::size_t kLeastStubs = 1;

// Scales are in units of 1 / 1024.
constexpr std::size_t kScaleOne = 1024;
constexpr std::size_t kScaleMax = 64 * kScaleOne;

[[nodiscard]] std::size_t scale(std::size_t entries, std::size_t by, std::size_t least) noexcept {
  return entries == 0 ? 0 : std::max(least, entries * by / kScaleOne);
}

[[nodiscard]] Limits scaled(const Limits& limits, std::size_t by, std::size_t flows) noexcept {
  Limits result = limits;
  result.flows = flows;
  for (const Table& table : kTables) {
    result.*table.entries = scale(limits.*table.entries, by, table.least);
  }
  for (const Table& pool : kPools) {
    result.*pool.entries = scale(limits.*pool.entries, by, pool.least);
  }
  // More of them are of no use.
  result.mapper_stubs = std::min(limits.mapper_stubs, scale(limits.mapper_stubs, by, kLeastStubs));
  result.reorder_bytes_per_stream =
      std::min(limits.reorder_bytes_per_stream, result.reorder_bytes / 2);
  return result;
}

}  // namespace

std::size_t memory_of(const Limits& limits, const SlotBytes& slots) noexcept {
  std::size_t bytes =
      kFixedBytes + std::bit_ceil(limits.flows) * kFlowBytes + limits.mapper_stubs * kStubBytes;
  for (const Table& table : kTables) bytes += limits.*table.entries * table.entry_bytes;
  for (const Table& pool : kPools) {
    bytes += limits.*pool.entries + limits.*pool.entries / 16;
  }
  return bytes + limits.context_slots() * slots.context + limits.call_slots() * slots.call +
         limits.tcp_openings * slots.opening;
}

std::optional<Limits> limits_within(std::size_t bytes, const SlotBytes& slots,
                                    const Limits& limits) noexcept {
  // Its size is a power of two.
  const std::size_t flows =
      std::clamp(std::bit_floor(bytes / kFlowPart / kFlowBytes), kLeastFlows,
                 std::max(kLeastFlows, std::bit_floor(limits.flows * (kScaleMax / kScaleOne))));
  if (memory_of(scaled(limits, 0, flows), slots) > bytes) return std::nullopt;
  std::size_t fits = 0;
  for (std::size_t step = kScaleMax; step != 0; step /= 2) {
    if (memory_of(scaled(limits, fits + step, flows), slots) <= bytes) fits += step;
  }
  return scaled(limits, fits, flows);
}

}  // namespace rpcaudit::dissect
