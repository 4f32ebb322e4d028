// What a frame costs that is not RPC: decoding, and finding its flow in a table of as many flows as
// the argument says. Frames are 60 bytes, of random flows in either direction, in batches whose
// look-ups are prefetched as the dissector does.

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "dissect/net/packet.h"
#include "dissect/tcp/flow_table.h"

namespace rpcaudit {
namespace {

constexpr std::size_t kFrameBytes = 64;
constexpr std::size_t kFrames = 1 << 18;
constexpr std::size_t kBatch = 32;

enum class Shape : std::uint8_t { ipv4, tagged, ipv6 };

void store_u16(std::byte* at, std::uint32_t value) {
  at[0] = static_cast<std::byte>(value >> 8);
  at[1] = static_cast<std::byte>(value);
}

void store_u32(std::byte* at, std::uint32_t value) {
  store_u16(at, value >> 16);
  store_u16(at + 2, value);
}

// An acknowledgment of flow number `flow`.
void write_frame(std::byte* out, Shape shape, std::uint32_t flow, bool forward) {
  std::uint32_t source = 0x0a00'0000 + flow;
  std::uint32_t destination = 0x0b00'0000 + flow % 251;
  std::uint32_t source_port = 1024 + flow % 60'000;
  std::uint32_t destination_port = 443;
  if (!forward) {
    std::swap(source, destination);
    std::swap(source_port, destination_port);
  }
  std::byte* ip = out + 14;
  store_u16(out + 12, shape == Shape::ipv6 ? 0x86dd : 0x0800);
  if (shape == Shape::tagged) {
    store_u32(out + 12, 0x8100'0005);
    store_u16(out + 16, 0x0800);
    ip = out + 18;
  }
  std::byte* tcp = ip + 20;
  if (shape == Shape::ipv6) {
    tcp = ip + 40;
    store_u32(ip, 0x6000'0000);
    store_u32(ip + 4, 20u << 16 | 6u << 8 | 64);
    store_u32(ip + 8, 0x2001'0db8);
    store_u32(ip + 20, source);
    store_u32(ip + 24, 0x2001'0db8);
    store_u32(ip + 36, destination);
  } else {
    store_u32(ip, 0x4500'0028);
    store_u32(ip + 8, 0x4006'0000);
    store_u32(ip + 12, source);
    store_u32(ip + 16, destination);
  }
  store_u16(tcp, source_port);
  store_u16(tcp + 2, destination_port);
  store_u32(tcp + 12, 0x5010'ffff);
}

class Traffic {
 public:
  Traffic(Shape shape, std::size_t flows) : bytes_(kFrames * kStride), frames_(kFrames) {
    std::mt19937 random(1);
    for (std::size_t i = 0; i < kFrames; ++i) {
      std::byte* const at = bytes_.data() + i * kStride;
      write_frame(at, shape, static_cast<std::uint32_t>(random() % flows), random() % 2 == 0);
      frames_[i].bytes = {at, shape == Shape::ipv6 ? 74 : kFrameBytes};
      frames_[i].original_length = static_cast<std::uint32_t>(frames_[i].bytes.size());
      frames_[i].timestamp.nanoseconds = 1'700'000'000 * kNanosecondsPerSecond;
    }
  }

  [[nodiscard]] std::span<const Frame> batch(std::size_t number) const {
    return std::span(frames_).subspan(number * kBatch % kFrames, kBatch);
  }

 private:
  static constexpr std::size_t kStride = 80;
  std::vector<std::byte> bytes_;
  std::vector<Frame> frames_;
};

void count_frames(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}

void BM_Decode(benchmark::State& state) {
  const Traffic traffic(static_cast<Shape>(state.range(0)), 20'000);
  const dissect::Limits limits;
  dissect::Packet packet;
  std::size_t number = 0;
  for (auto _ : state) {
    for (const Frame& frame : traffic.batch(number++)) {
      benchmark::DoNotOptimize(dissect::decode_packet(frame, limits, packet));
      benchmark::DoNotOptimize(packet);
    }
  }
  count_frames(state);
}
BENCHMARK(BM_Decode)->ArgName("shape")->DenseRange(0, 2);

void BM_DecodeAndFind(benchmark::State& state) {
  const auto flows = static_cast<std::size_t>(state.range(0));
  const Traffic traffic(Shape::ipv4, flows);
  const dissect::Limits limits;
  dissect::FlowTable table(limits, 1);
  std::array<std::byte, kFrameBytes> bytes{};
  Frame any;
  any.bytes = bytes;
  any.original_length = static_cast<std::uint32_t>(kFrameBytes);
  dissect::Packet packet;
  for (std::uint32_t flow = 0; flow < flows; ++flow) {
    write_frame(bytes.data(), Shape::ipv4, flow, true);
    if (dissect::decode_packet(any, limits, packet) != dissect::DecodeStatus::ok)
      state.SkipWithError("not decoded");
    benchmark::DoNotOptimize(table.find_or_insert(table.key(packet).tag, {}));
  }
  std::array<dissect::Packet, kBatch> packets;
  std::array<dissect::FlowKey, kBatch> keys;
  std::size_t number = 0;
  for (auto _ : state) {
    const std::span<const Frame> frames = traffic.batch(number++);
    for (std::size_t i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(dissect::decode_packet(frames[i], limits, packets[i]));
      keys[i] = table.key(packets[i]);
      table.prefetch(keys[i].tag);
    }
    for (std::size_t i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(table.find_or_insert(keys[i].tag, frames[i].timestamp).entry);
    }
  }
  count_frames(state);
  state.counters["evicted"] = static_cast<double>(table.counters().evicted);
}
BENCHMARK(BM_DecodeAndFind)->ArgName("flows")->Arg(20'000)->Arg(1'000'000);

}  // namespace
}  // namespace rpcaudit

BENCHMARK_MAIN();
