#include "capture/capture_input.h"

#include <utility>

namespace rpcaudit {

void CaptureInput::open() {
  OpenedInput opened = open_input(name_);
  if (opened.window == nullptr) {
    problem_ = std::move(opened.failure);
    unreadable_ = true;
    return;
  }
  open(std::move(opened.window));
}

void CaptureInput::open(std::unique_ptr<ByteWindow> window) {
  window_ = std::move(window);
  format_ = detect_format(*window_);
  if (format_ != nullptr) return;
  if (!window_->failure().empty()) {
    problem_ = window_->failure();
  } else {
    problem_ = window_->bytes().empty() ? "is empty" : "is not a capture file";
  }
  unreadable_ = true;
  window_.reset();
}

void CaptureInput::close() noexcept {
  if (window_ != nullptr) stored_done_ = window_->stored_total();
  window_.reset();
  format_.reset();
  begin_ = end_ = 0;
  frames_ = 0;
}

void CaptureInput::refill(PacketFilter* filter) {
  if (storage_ == nullptr) {
    storage_ = std::make_unique<std::array<Frame, kBatch>>();
    batch_ = storage_->data();
  }
  begin_ = 0;
  end_ = read(*storage_, filter);
}

std::size_t CaptureInput::read(std::span<Frame> frames, PacketFilter* filter) {
  while (window_ != nullptr) {
    window_->forget_consumed();
    std::size_t count = format_->read(*window_, frames);
    if (count == 0) {
      if (!format_->problem().empty()) {
        problem_ = format_->problem();
        problem_offset_ = window_->offset();
      }
      const std::uint64_t frames_read = frames_;
      close();
      frames_ = frames_read;
      return 0;
    }
    for (Frame& frame : frames.first(count)) {
      frame.number = ++frames_;
      frame.input = index;
    }
    if (filter != nullptr) count = filter->keep(frames.first(count));
    if (count != 0) return count;
  }
  return 0;
}

std::uint64_t CaptureInput::stored_read() const noexcept {
  return window_ == nullptr ? stored_done_ : window_->stored_read();
}

std::uint64_t CaptureInput::stored_total() const noexcept {
  return window_ == nullptr ? stored_done_ : window_->stored_total();
}

}  // namespace rpcaudit
