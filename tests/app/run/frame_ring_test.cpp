// Whatever the speed of the workers, each of them sees every frame once and in order.

#include "engine/app/run/frame_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thread>
#include <vector>

namespace rpcaudit::app {
namespace {

// Numbers frames, of no content, in batches of changing sizes.
class NumberingSource : public capture::FrameSource {
 public:
  explicit NumberingSource(std::uint64_t frames) : frames_(frames) {}

  capture::ReadResult read(std::span<Frame> frames) override {
    const std::uint64_t wanted = 1 + last_ * 7 % frames.size();
    const auto count = static_cast<std::size_t>(std::min(wanted, frames_ - last_));
    for (Frame& frame : frames.first(count)) {
      frame = {};
      frame.sequence = ++last_;
    }
    return {count == 0 ? capture::ReadStatus::end : capture::ReadStatus::frames, count};
  }
  std::string_view input_name(std::uint32_t) const override { return {}; }
  std::span<const capture::InputProblem> problems() const override { return {}; }
  std::uint64_t bytes_read() const override { return 0; }
  std::uint64_t bytes_total() const override { return 0; }

 private:
  std::uint64_t frames_;
  std::uint64_t last_ = 0;
};

// Lends frames for as many reads as the ring asks for, and not for longer: the byte of a frame,
// which holds its number, is then overwritten. Long stretches hold frames of a link type that
// nobody decodes.
class LendingSource : public NumberingSource {
 public:
  explicit LendingSource(std::uint64_t frames) : NumberingSource(frames) {}

  capture::ReadResult read(std::span<Frame> frames) override {
    const capture::ReadResult result = NumberingSource::read(frames);
    auto& bytes = lent_[reads_++ % lent_.size()];
    for (std::size_t i = 0; i < result.count; ++i) {
      Frame& frame = frames[i];
      bytes[i] = static_cast<std::byte>(frame.sequence);
      frame.bytes = Bytes(bytes).subspan(i, 1);
      if (frame.sequence / 10'000 % 2 == 0) continue;
      frame.link = LinkType::other;
      frame.link_number = 0xffff;
    }
    return result;
  }

 private:
  std::array<std::array<std::byte, FrameRoom::kFramesMax>, FrameRing::kBatches> lent_{};
  std::size_t reads_ = 0;
};

class FrameRingTest : public testing::TestWithParam<std::uint32_t> {};

TEST_P(FrameRingTest, EveryWorkerSeesEveryFrameOnceAndInOrder) {
  constexpr std::uint64_t kFrames = 100'000;
  NumberingSource source(kFrames);
  const Stop stop;
  CaptureReader reader(source, stop, false);
  const dissect::Limits limits;
  const std::uint32_t workers = GetParam();
  FrameRing ring(reader, limits, workers);
  std::vector<std::uint64_t> seen(workers, 0);
  std::vector<std::thread> threads;
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      std::uint64_t last = 0;
      RingFeed feed(ring, worker);
      for (FrameBatch batch = feed.take(); batch.state != FrameBatch::State::ended;
           batch = feed.take()) {
        for (const Frame& frame : batch.frames) last = frame.sequence == last + 1 ? last + 1 : 0;
        if (last % 11 == worker) std::this_thread::yield();
        feed.give_back();
      }
      seen[worker] = last;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen, std::vector<std::uint64_t>(workers, kFrames));
  EXPECT_EQ(reader.run().frames, kFrames);
}

TEST_P(FrameRingTest, FramesStayUntilTheSlowestWorkerIsDoneWithThem) {
  constexpr std::uint64_t kFrames = 200'000;
  LendingSource source(kFrames);
  const Stop stop;
  CaptureReader reader(source, stop, false);
  const dissect::Limits limits;
  const std::uint32_t workers = GetParam();
  FrameRing ring(reader, limits, workers);
  std::vector<std::uint64_t> intact(workers, 0);
  std::vector<std::thread> threads;
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    threads.emplace_back([&, worker] {
      RingFeed feed(ring, worker);
      for (FrameBatch batch = feed.take(); batch.state != FrameBatch::State::ended;
           batch = feed.take()) {
        std::this_thread::yield();
        for (const Frame& frame : batch.frames) {
          if (frame.bytes[0] == static_cast<std::byte>(frame.sequence)) ++intact[worker];
        }
        feed.give_back();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::uint64_t dropped = reader.run().frames_of_odd_links;
  EXPECT_EQ(dropped, kFrames / 2);
  EXPECT_EQ(intact, std::vector<std::uint64_t>(workers, kFrames - dropped));
}

INSTANTIATE_TEST_SUITE_P(Numbers, FrameRingTest, testing::Values(1u, 2u, 3u, 8u));

}  // namespace
}  // namespace rpcaudit::app
