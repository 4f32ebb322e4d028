#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "capture/frame_source.h"
#include "capture/odd_link.h"
#include "engine/app/process/stop_signal.h"

namespace rpcaudit::app {

// What reading the captures gave, whoever dissects them.
struct ReadRun {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  std::uint64_t frames_of_odd_links = 0;  // that could not be peeled
  std::optional<Timestamp> first;
  std::optional<Timestamp> last;
  StopReason stopped = StopReason::none;
};

// Frames read together.
struct FrameRoom {
  static constexpr std::size_t kFramesMax = 256;

  std::array<Frame, kFramesMax> frames;
  std::size_t count = 0;
  // Clocks move on before the frames with these indexes, which are the same frames however they are
  // cut into batches.
  std::array<std::uint16_t, kFramesMax> ticks{};
  std::size_t tick_count = 0;
  // No frame is at hand, though more may come: what is held to be written in large pieces should
  // be written.
  bool idle = false;
  std::optional<capture::TimeTick> tick;  // when idle, of a source that captures
};

// A line on a terminal, rewritten as the input is consumed: how far it is, and how long it will
// take if it goes on like this.
class Progress {
 public:
  explicit Progress(bool shown) : shown_(shown) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void show(const capture::FrameSource& source);

 private:
  bool shown_;
  int last_percent_ = -1;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Reads a source to its end or until it is to stop: counts its frames, peels those of rare link
// types and tells a terminal how far it is.
class CaptureReader {
 public:
  // Borrows both. At most `batch_frames` are read at a time.
  CaptureReader(capture::FrameSource& source, const Stop& stop, bool progress,
                std::size_t batch_frames = FrameRoom::kFramesMax);

  // Puts the next frames into `room`; false when there are no more. None is of link type `other`:
  // those that cannot be peeled are counted and left out, so there may be none although more will
  // come. Valid as long as the source says: each call asks it at most once.
  [[nodiscard]] bool read(FrameRoom& room);

  // What was read so far.
  [[nodiscard]] const ReadRun& run() const noexcept { return run_; }

 private:
  void note(const Frame& frame) noexcept;
  [[nodiscard]] bool is_tick(const Frame& frame) noexcept;  // which note() has counted
  [[nodiscard]] bool peel(Frame& frame);

  capture::FrameSource& source_;
  const Stop& stop_;
  std::size_t batch_frames_;
  capture::OddLink odd_link_;
  Progress progress_;
  ReadRun run_;
  std::uint64_t last_tick_ = 0;  // in frames
  std::int64_t last_second_ = 0;
};

}  // namespace rpcaudit::app
