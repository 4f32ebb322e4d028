#include "capture/capture_input.h"

#include <utility>

namespace rpcaudit::capture {
namespace {

// Formats that are recognised by their name alone, and what makes a capture of them.
std::string no_capture(std::string_view name) {
  if (name.ends_with(".etl") || name.ends_with(".ETL")) {
    return "is an event trace of Windows: `pktmon etl2pcap` or etl2pcapng makes a capture of it";
  }
  if (name.ends_with(".erf")) return "is an ERF file: `editcap -F pcap` makes a capture of it";
  return "is not a capture file";
}

}  // namespace

void CaptureInput::report(std::uint64_t offset, std::string message, bool skipped) {
  if (window_ != nullptr && window_->stopped()) return;  // what was not read is not damaged
  problems_.push_back({origin_.index, offset, std::move(message), skipped});
}

bool CaptureInput::open() {
  OpenedInput opened = open_input(origin_.name, origin_.options);
  if (opened.window == nullptr) {
    report(0, std::move(opened.failure), false);
    return false;
  }
  repeatable_ = opened.repeatable;
  return open(std::move(opened.window));
}

bool CaptureInput::open(std::unique_ptr<ByteWindow> window) {
  window_ = std::move(window);
  stored_total_ = window_->stored_total();
  format_ = detect_format(*window_);
  if (format_ != nullptr) return true;
  if (!window_->failure().empty()) {
    report(window_->offset() + window_->bytes().size(), window_->failure(), false);
  } else {
    report(0, window_->bytes().empty() ? "is empty" : no_capture(origin_.name),
           origin_.from_folder);
  }
  at_end_ = true;
  close();
  return false;
}

void CaptureInput::close() noexcept {
  window_.reset();
  format_.reset();
  batch_.reset();
  begin_ = end_ = 0;
}

bool CaptureInput::peek() {
  if (!open()) return false;
  if (!repeatable_) return true;
  std::array<Frame, 1> first;
  if (read(first, nullptr) == 0) {
    ended_.reset();
    return false;
  }
  start_ = first[0].timestamp;
  frames_ = 0;
  close();
  return true;
}

bool CaptureInput::refill(PacketFilter* filter) {
  if (batch_ == nullptr) batch_ = std::make_unique<std::array<Frame, kBatch>>();
  begin_ = 0;
  end_ = read(*batch_, filter);
  return end_ != 0;
}

std::size_t CaptureInput::read(std::span<Frame> frames, PacketFilter* filter) {
  if (window_ != nullptr) window_->lend();
  while (window_ != nullptr) {
    std::size_t count = format_->read(*window_, frames);
    ran_dry_ = count < frames.size();
    if (count == 0) {
      if (!format_->problem().empty()) report(window_->offset(), format_->problem(), false);
      at_end_ = true;
      ended_ = std::move(window_);
      close();
      return 0;
    }
    for (Frame& frame : frames.first(count)) {
      frame.number = ++frames_;
      frame.input = origin_.index;
    }
    if (filter != nullptr) {
      count = filter->keep(frames.first(count));
      if (std::string refusal = filter->take_refusal(); !refusal.empty()) {
        report(0, std::move(refusal), false);
      }
    }
    if (count != 0) return count;
  }
  return 0;
}

std::uint64_t CaptureInput::stored_read() const noexcept {
  if (window_ != nullptr) return window_->stored_read();
  return at_end_ ? stored_total_ : 0;
}

}  // namespace rpcaudit::capture
