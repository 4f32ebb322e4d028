// What does a frame cost to dissect, by kind: on a connection known to be no RPC, and as a call?

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bench/loaded_capture.h"
#include "bench/mixed_scripts.h"
#include "bench/rpc_script.h"
#include "bench/tcp_conversation.h"
#include "dissect/dissector.h"

namespace rpcaudit::bench {
namespace {

constexpr std::size_t kBatch = 64;

class CountingObserver final : public dissect::RpcObserver {
 public:
  void on_context(const dissect::RpcContext&) override {}
  void on_context_result(const dissect::RpcContext&) override {}
  void on_context_closed(dissect::ContextKey) override {}
  void on_call(const dissect::RpcContext&, const dissect::RpcCall&) override { ++calls; }
  void on_outcome(const dissect::RpcOutcome&) override {}
  void on_blindness(const dissect::Blindness&) override {}
  void on_watermark(std::uint64_t) override {}

  std::uint64_t calls = 0;
};

Flow flow_number(std::uint32_t number, std::uint16_t port) {
  return {0x0a000001 + number, 0xac100001, 50000, port, number * 7919, number * 104729};
}

// The first `prepared` frames are dissected once, the others over and over.
void dissect(benchmark::State& state, const LoadedCapture& capture, std::size_t prepared) {
  CountingObserver observer;
  dissect::Dissector dissector(dissect::Limits{}, observer, 1);
  dissector.process(std::span(capture.frames()).first(prepared));
  dissector.advance(std::span(capture.frames()).first(prepared));
  const std::span<const Frame> frames = std::span(capture.frames()).subspan(prepared);
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t at = 0; at < frames.size(); at += kBatch) {
      const auto batch = frames.subspan(at, std::min(kBatch, frames.size() - at));
      dissector.process(batch);
      dissector.advance(batch);
    }
  }
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["frames/s"] =
      benchmark::Counter(static_cast<double>(frames.size()) * rounds, benchmark::Counter::kIsRate);
  state.counters["calls/s"] =
      benchmark::Counter(static_cast<double>(observer.calls), benchmark::Counter::kIsRate);
}

// The range is the number of connections; beyond some tens of thousands their table no longer
// fits in the processor's caches.
void known_not_rpc(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  const LoadedCapture capture([count](FrameWriter& writer) {
    const std::vector<std::uint8_t> payload{'h', 'e', 'l', 'l', 'o', '\n'};
    std::vector<Flow> flows;
    for (std::uint32_t i = 0; i < count; ++i) flows.push_back(flow_number(i, 9000));
    for (Flow& flow : flows) writer.tcp(flow, Side::client, kSyn, {});
    for (Flow& flow : flows) writer.tcp(flow, Side::server, kSyn | kAck, {});
    for (Flow& flow : flows) writer.tcp(flow, Side::client, kAck | kPush, payload);
    for (Flow& flow : flows) writer.tcp(flow, Side::server, kAck, {});
  });
  dissect(state, capture, std::size_t{3} * count);
}
BENCHMARK(known_not_rpc)->Arg(1'000)->Arg(20'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

// Datagrams that are no RPC, small and large: what the first bytes cost to look at.
void datagram_noise(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  const LoadedCapture capture([count](FrameWriter& writer) {
    for (std::uint32_t i = 0; i < count; ++i) {
      write_dns(writer, flow_number(i, 53), Side::client, static_cast<std::uint16_t>(i));
      if (i % 2 == 0) write_large_datagram(writer, flow_number(i, 443), Side::server, i);
    }
  });
  dissect(state, capture, 0);
}
BENCHMARK(datagram_noise)->Arg(1'000)->Arg(20'000)->Unit(benchmark::kMillisecond);

void rpc_calls(benchmark::State& state) {
  const LoadedCapture capture([](FrameWriter& writer) {
    std::uint64_t requests = 0;
    for (std::uint32_t i = 0; i < 100; ++i) {
      TcpConversation conversation(flow_number(i, 49664), make_rpc_script(i, 100, requests));
      while (conversation.step(writer)) {
      }
    }
  });
  dissect(state, capture, 0);
}
BENCHMARK(rpc_calls)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rpcaudit::bench

BENCHMARK_MAIN();
