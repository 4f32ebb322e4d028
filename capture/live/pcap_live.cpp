#include "capture/live/pcap_live.h"

#include <poll.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "capture/live/pcap_ring.h"
#include "capture/packet_filter.h"

namespace rpcaudit::capture {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

// How long read() waits for frames before it says that there are none.
constexpr int kWaitMilliseconds = 100;
// A frame may stay so long in a block of the ring that is not full, and on its way from there.
constexpr std::int64_t kLag = 150 * kMillisecond;
// Between two looks at the stop, and at the counters and the state of interfaces.
constexpr std::int64_t kStopInterval = 10 * kMillisecond;
constexpr std::int64_t kUpdateInterval = 1000 * kMillisecond;
// Times of frames that differ as much from the clock's are those of a clock that was set.
constexpr std::int64_t kJump = 10'000 * kMillisecond;
// How many waits without a frame show that the rings are empty, once a stop is asked for.
constexpr unsigned kLastWaits = 2;

std::int64_t read_clock(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * kNanosecondsPerSecond + now.tv_nsec;
}

// The rings of one worker.
class PcapLive : public FrameSource {
 public:
  PcapLive(const LiveOptions& options, Timestamp begin,
           const std::vector<std::unique_ptr<LiveInterface>>& interfaces)
      : interfaces_(interfaces),
        bytes_(options.snap_length),
        stop_descriptor_(options.stop_descriptor),
        monotonic_offset_(begin.nanoseconds - read_clock(CLOCK_MONOTONIC)) {}

  // In the order of the interfaces.
  void add(std::unique_ptr<PcapRing> ring) {
    rings_.push_back(std::move(ring));
    watched_.push_back({rings_.back()->descriptor(), POLLIN, 0});
  }
  [[nodiscard]] PcapRing& last_ring() { return *rings_.back(); }
  void begin_at(Timestamp time) {
    for (const auto& ring : rings_) ring->begin_at(time);
  }

  [[nodiscard]] ReadResult read(std::span<Frame> frames) override;
  [[nodiscard]] bool ends_with_stop() const override { return true; }
  [[nodiscard]] std::uint32_t input_count() const override {
    return static_cast<std::uint32_t>(interfaces_.size());
  }
  [[nodiscard]] std::string_view input_name(std::uint32_t index) const override {
    return index < interfaces_.size() ? std::string_view(interfaces_[index]->name)
                                      : std::string_view();
  }
  [[nodiscard]] std::span<const InputProblem> problems() const override { return {}; }
  [[nodiscard]] std::uint64_t bytes_read() const override { return 0; }
  [[nodiscard]] std::uint64_t bytes_total() const override { return 0; }

 private:
  [[nodiscard]] std::size_t take(std::span<Frame> frames);
  void number(std::span<Frame> frames) noexcept;
  void wait();
  void look_after(std::int64_t now);
  [[nodiscard]] bool is_stop_readable() const;
  [[nodiscard]] ReadResult end();
  // The time of the wall clock at the start, gone on without jumps.
  [[nodiscard]] std::int64_t steady_now() const noexcept {
    return read_clock(CLOCK_MONOTONIC) + monotonic_offset_;
  }

  const std::vector<std::unique_ptr<LiveInterface>>& interfaces_;
  std::vector<std::unique_ptr<PcapRing>> rings_;
  std::vector<pollfd> watched_;
  FrameBytes bytes_;
  int stop_descriptor_;
  std::int64_t monotonic_offset_;
  std::size_t next_ring_ = 0;  // where the next batch begins
  std::uint64_t last_sequence_ = 0;
  std::int64_t stop_looked_at_ = 0;
  std::int64_t updated_at_ = 0;
  std::optional<std::int64_t> stopped_at_;  // by the wall clock
  unsigned waits_since_stop_ = 0;
  bool ended_ = false;
};

ReadResult PcapLive::read(std::span<Frame> frames) {
  if (ended_) return end();
  bytes_.clear();
  std::size_t count = take(frames);
  if (count == 0) {
    wait();
    count = take(frames);
    if (count == 0 && stopped_at_ && ++waits_since_stop_ >= kLastWaits) return end();
  }
  look_after(steady_now());
  if (count != 0) {
    number(frames.first(count));
    // What is captured after the stop is not waited for.
    if (stopped_at_ && frames[count - 1].timestamp.nanoseconds > *stopped_at_) ended_ = true;
    return {ReadStatus::frames, count};
  }
  const std::int64_t behind = steady_now() - kLag;
  last_sequence_ = std::max(last_sequence_, static_cast<std::uint64_t>(behind));
  const TimeTick tick{Timestamp{read_clock(CLOCK_REALTIME) - kLag}, last_sequence_};
  return {ReadStatus::idle, 0, tick};
}

ReadResult PcapLive::end() {
  for (const auto& ring : rings_) ring->update();
  ended_ = true;
  return {};
}

// Every batch begins with another ring, so that a busy one does not hold up the rest.
std::size_t PcapLive::take(std::span<Frame> frames) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < rings_.size() && count < frames.size(); ++i) {
    const std::size_t index = (next_ring_ + i) % rings_.size();
    const std::span<Frame> rest = frames.subspan(count);
    const std::size_t taken = rings_[index]->read(rest, bytes_);
    for (Frame& frame : rest.first(taken)) frame.input = static_cast<std::uint32_t>(index);
    count += taken;
  }
  next_ring_ = (next_ring_ + 1) % rings_.size();
  return count;
}

void PcapLive::number(std::span<Frame> frames) noexcept {
  const std::int64_t now = steady_now();
  for (Frame& frame : frames) {
    std::int64_t arrived = frame.timestamp.nanoseconds;
    if (arrived > now || arrived < now - kJump) arrived = now - kLag;
    last_sequence_ = std::max(last_sequence_ + 1, static_cast<std::uint64_t>(arrived));
    frame.sequence = last_sequence_;
  }
}

void PcapLive::wait() {
  (void)::poll(watched_.data(), watched_.size(), kWaitMilliseconds);
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    if ((watched_[i].revents & POLLERR) != 0) rings_[i]->clear_error();
  }
}

void PcapLive::look_after(std::int64_t now) {
  if (!stopped_at_ && now - stop_looked_at_ >= kStopInterval) {
    stop_looked_at_ = now;
    if (is_stop_readable()) stopped_at_ = read_clock(CLOCK_REALTIME);
  }
  if (now - updated_at_ >= kUpdateInterval) {
    updated_at_ = now;
    for (const auto& ring : rings_) ring->update();
  }
}

bool PcapLive::is_stop_readable() const {
  pollfd stop{stop_descriptor_, POLLIN, 0};
  return stop_descriptor_ >= 0 && ::poll(&stop, 1, 0) > 0;
}

// A filter is checked before anything is opened: what is wrong with it does not depend on that.
bool check_filter(const LiveOptions& options, LiveCapture& capture) {
  if (options.filter.empty()) return true;
  const PacketFilter filter(options.filter);
  if (filter.error().empty()) return true;
  capture.error = "--filter: " + filter.error();
  capture.is_usage_error = true;
  return false;
}

}  // namespace

LiveCapture open_live(const LiveOptions& options) {
  LiveCapture capture;
  if (!check_filter(options, capture)) return capture;
  for (const std::string& name : options.interfaces) {
    capture.interfaces.push_back(std::make_unique<LiveInterface>(name));
  }
  const Timestamp opened{read_clock(CLOCK_REALTIME)};
  std::vector<std::unique_ptr<PcapLive>> sources;
  for (unsigned worker = 0; worker < options.workers; ++worker) {
    sources.push_back(std::make_unique<PcapLive>(options, opened, capture.interfaces));
  }
  RingOptions ring_options{options.filter, options.snap_length,
                           options.buffer_bytes / options.workers, options.promiscuous, false};
  for (const auto& interface : capture.interfaces) {
    std::optional<std::uint16_t> group;
    for (const auto& source : sources) {
      ring_options.is_watching = source == sources.front();
      std::unique_ptr<PcapRing> ring = PcapRing::open(ring_options, *interface, capture.error);
      if (!ring) return capture;
      source->add(std::move(ring));
      if (options.workers > 1 && !source->last_ring().join(group, capture.error)) return capture;
    }
  }
  const Timestamp begin{read_clock(CLOCK_REALTIME)};
  for (auto& source : sources) {
    source->begin_at(begin);
    capture.sources.push_back(std::move(source));
  }
  return capture;
}

}  // namespace rpcaudit::capture
