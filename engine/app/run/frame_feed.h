#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "capture/frame.h"
#include "engine/app/run/capture_reader.h"

namespace rpcaudit::app {

// What a worker is given at a time.
struct FrameBatch {
  enum class State : std::uint8_t {
    frames,  // to be given back; may be empty
    woken,   // none yet, but somebody asks for attention (FrameRing::wake_all)
    ended,   // no more will come
  };

  State state = State::ended;
  std::span<const Frame> frames;               // of all workers
  std::span<const Frame> mine;                 // those of this worker among them
  std::span<const std::uint16_t> ticks;        // FrameRoom::ticks: indexes into `frames`
  bool idle = false;                           // FrameRoom::idle
  std::optional<capture::TimeTick> tick = {};  // FrameRoom::tick
};

// Where a worker gets its frames from.
class FrameFeed {
 public:
  FrameFeed() = default;
  FrameFeed(const FrameFeed&) = delete;
  FrameFeed& operator=(const FrameFeed&) = delete;
  virtual ~FrameFeed() = default;

  // The next batch; valid until it is given back.
  [[nodiscard]] virtual FrameBatch take() = 0;
  virtual void give_back() = 0;
};

// Feeds an only worker, whose frames are all of them, straight from the reader.
class DirectFeed : public FrameFeed {
 public:
  // Borrows the reader.
  explicit DirectFeed(CaptureReader& reader) : reader_(reader) {}

  [[nodiscard]] FrameBatch take() override {
    if (!reader_.read(room_)) return {};
    const std::span<const Frame> frames = std::span(room_.frames).first(room_.count);
    return {FrameBatch::State::frames,
            frames,
            frames,
            std::span(room_.ticks).first(room_.tick_count),
            room_.idle,
            room_.tick};
  }
  void give_back() override {}

 private:
  CaptureReader& reader_;
  FrameRoom room_;
};

}  // namespace rpcaudit::app
