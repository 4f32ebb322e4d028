#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "capture/byte_window.h"
#include "capture/capture_format.h"
#include "capture/frame_source.h"
#include "capture/packet_filter.h"

namespace rpcaudit::capture {

// One capture file being read: its window, its format, and the frames read ahead of the merge.
// Whatever is wrong with it is added to `problems`, which must outlive it. Frames stay valid for
// `options.loans` further reads of it, whatever window_of_ended() gave kept as long.
class CaptureInput {
 public:
  struct Origin {
    std::string name;
    std::uint32_t index = 0;   // Frame::input
    bool from_folder = false;  // found there, not named: it need not be a capture
    ReadOptions options;
  };

  CaptureInput(Origin origin, std::vector<InputProblem>& problems)
      : origin_(std::move(origin)), problems_(problems) {}

  [[nodiscard]] const std::string& name() const noexcept { return origin_.name; }
  [[nodiscard]] std::uint32_t index() const noexcept { return origin_.index; }

  // Opens the input, or takes an open window instead; false when it is no capture.
  [[nodiscard]] bool open();
  [[nodiscard]] bool open(std::unique_ptr<ByteWindow> window);
  [[nodiscard]] bool is_open() const noexcept { return window_ != nullptr; }
  // Whether it is a pipe that has nothing to read for now; see ByteWindow.
  [[nodiscard]] bool is_idle() const {
    return window_ != nullptr && ran_dry_ && window_->is_idle();
  }

  // Learns when the input starts, and closes it again; one that cannot be opened a second time
  // stays open and starts before all others. False when it has no frames to give.
  [[nodiscard]] bool peek();
  [[nodiscard]] Timestamp start() const noexcept { return start_; }

  // The next frame; nullptr when the batch read is used up.
  [[nodiscard]] const Frame* next() const noexcept {
    return begin_ < end_ ? &(*batch_)[begin_] : nullptr;
  }
  void advance() noexcept { ++begin_; }

  // Reads on. False at the end, with the input closed.
  [[nodiscard]] bool refill(PacketFilter* filter);
  // Reads straight into `frames`, past the batch, which must be used up.
  [[nodiscard]] std::size_t read(std::span<Frame> frames, PacketFilter* filter);

  // The window that the last frames are borrowed from. To be taken once, after the end.
  [[nodiscard]] std::unique_ptr<ByteWindow> window_of_ended() noexcept { return std::move(ended_); }

  [[nodiscard]] std::uint64_t stored_read() const noexcept;
  [[nodiscard]] std::uint64_t stored_total() const noexcept { return stored_total_; }

 private:
  static constexpr std::size_t kBatch = 256;

  void close() noexcept;
  void report(std::uint64_t offset, std::string message, bool skipped);

  Origin origin_;
  std::vector<InputProblem>& problems_;
  std::unique_ptr<ByteWindow> window_;
  bool ran_dry_ = false;  // the last read found no more whole records in the window
  std::unique_ptr<ByteWindow> ended_;
  std::unique_ptr<CaptureFormat> format_;
  std::unique_ptr<std::array<Frame, kBatch>> batch_;  // only while inputs are merged
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t stored_total_ = 0;
  Timestamp start_{std::numeric_limits<std::int64_t>::min()};
  bool repeatable_ = false;
  bool at_end_ = false;
};

}  // namespace rpcaudit::capture
