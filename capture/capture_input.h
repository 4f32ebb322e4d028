#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "capture/byte_window.h"
#include "capture/capture_format.h"
#include "capture/frame_source.h"
#include "capture/packet_filter.h"

namespace rpcaudit {

// One capture file being read: its window, its format, and the frames read ahead of the merge.
class CaptureInput {
 public:
  static constexpr std::size_t kBatch = 256;

  explicit CaptureInput(std::string name) : name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  // Opens the file and reads its first frames; or takes an open window instead.
  void open();
  void open(std::unique_ptr<ByteWindow> window);
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return window_ != nullptr; }

  // The next frame; nullptr when the batch read is used up.
  [[nodiscard]] const Frame* next() const noexcept {
    return begin_ < end_ ? &batch_[begin_] : nullptr;
  }
  void advance() noexcept { ++begin_; }

  // Reads on: void is what was delivered before. Nothing is next() after it at the end.
  void refill(PacketFilter* filter);
  // Reads straight into `frames`, past the batch, which must be used up.
  [[nodiscard]] std::size_t read(std::span<Frame> frames, PacketFilter* filter);

  // What was found wrong, and where; empty when nothing was.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] std::uint64_t problem_offset() const noexcept { return problem_offset_; }
  // The file could not be opened or is no capture: not one frame came of it.
  [[nodiscard]] bool is_unreadable() const noexcept { return unreadable_; }

  [[nodiscard]] std::uint64_t stored_read() const noexcept;
  [[nodiscard]] std::uint64_t stored_total() const noexcept;

  Timestamp start;          // of its first frame, when it was looked at before
  std::uint32_t index = 0;  // Frame::input
  bool from_folder = false;

 private:
  std::string name_;
  std::unique_ptr<ByteWindow> window_;
  std::unique_ptr<CaptureFormat> format_;
  std::unique_ptr<std::array<Frame, kBatch>> storage_;
  Frame* batch_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t stored_done_ = 0;  // of a closed file
  std::string problem_;
  std::uint64_t problem_offset_ = 0;
  bool unreadable_ = false;
};

}  // namespace rpcaudit
