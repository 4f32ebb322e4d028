#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "capture/frame_source.h"
#include "capture/odd_link.h"

namespace rpcaudit::app {

// What reading the captures gave, whoever dissects them.
struct ReadRun {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  std::uint64_t frames_of_odd_links = 0;  // that could not be peeled
  std::optional<Timestamp> first;
  std::optional<Timestamp> last;
  bool interrupted = false;
};

// What one look at the source gave.
struct ReadFrames {
  std::span<const Frame> frames;  // may be empty before the end
  bool ended = false;             // no more will come
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

// Reads a source to its end or to a stop signal: counts its frames, peels those of rare link types
// and tells a terminal how far it is.
class CaptureReader {
 public:
  // How many frames to read at a time.
  static constexpr std::size_t kBatchSize = 256;

  // Borrows the source.
  CaptureReader(capture::FrameSource& source, bool progress);

  // The next frames, in the front of `room`. None is of link type `other`: those that cannot be
  // peeled are counted and left out, so there may be none although more will come. Valid as long as
  // the source says: each call asks it once.
  [[nodiscard]] ReadFrames read(std::span<Frame> room);

  // What was read so far.
  [[nodiscard]] const ReadRun& run() const noexcept { return run_; }

 private:
  void note(const Frame& frame) noexcept;
  [[nodiscard]] bool peel(Frame& frame);

  capture::FrameSource& source_;
  capture::OddLink odd_link_;
  Progress progress_;
  ReadRun run_;
};

}  // namespace rpcaudit::app
