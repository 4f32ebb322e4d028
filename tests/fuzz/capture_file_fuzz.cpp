// Capture files of every format, plain and compressed, and the slow lane for what is in them. Read
// twice, with all bytes at hand and with no more than are asked for, which has to give the same.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "capture/byte_window.h"
#include "capture/capture_format.h"
#include "capture/odd_link.h"
#include "capture/pcap_file.h"

namespace rpcaudit {
namespace {

// Shows no byte before it is wanted, each time at a new place.
class DripWindow final : public capture::ByteWindow {
 public:
  explicit DripWindow(Bytes input) : input_(input) {}

  bool want(std::size_t count) override {
    if (bytes().size() >= count) return true;
    const Bytes left = input_.subspan(offset());
    const Bytes shown = left.first(std::min(count, left.size()));
    held_ = std::make_unique<std::vector<std::byte>>(shown.begin(), shown.end());
    show(*held_);
    return held_->size() == count;
  }

 private:
  Bytes input_;
  std::unique_ptr<std::vector<std::byte>> held_;
};

// What was read, as one number: every byte lent is read.
class Digest {
 public:
  void add(std::uint64_t value) noexcept { sum_ = (sum_ ^ value) * 0x100000001b3; }
  void add(const Frame& frame) noexcept {
    for (const std::byte byte : frame.bytes) add(std::to_integer<std::uint64_t>(byte));
    add(frame.original_length);
    add(frame.link_number);
    add(static_cast<std::uint64_t>(frame.timestamp.nanoseconds));
  }
  void add(std::uint64_t offset, const std::string& problem) noexcept {
    add(offset);
    for (const char letter : problem) add(static_cast<unsigned char>(letter));
  }
  [[nodiscard]] bool operator==(const Digest&) const = default;

 private:
  std::uint64_t sum_ = 0;
};

Digest read_whole(Bytes input) {
  const std::unique_ptr<capture::FrameSource> source = capture::open_capture_in_memory(input);
  capture::OddLink odd;
  Digest digest;
  std::array<Frame, 16> frames;
  for (capture::ReadResult result = source->read(frames);
       result.status == capture::ReadStatus::frames; result = source->read(frames)) {
    for (Frame& frame : std::span(frames).first(result.count)) {
      digest.add(frame);
      if (frame.original_length < frame.bytes.size()) std::abort();
      Digest inside;
      if (frame.link == LinkType::other && odd.peel(frame)) inside.add(frame);
    }
  }
  for (const capture::InputProblem& problem : source->problems()) {
    digest.add(problem.offset, problem.message);
  }
  return digest;
}

Digest read_dripping(capture::CaptureFormat& format, capture::ByteWindow& window) {
  Digest digest;
  std::array<Frame, 3> frames;
  while (const std::size_t count = format.read(window, frames)) {
    for (const Frame& frame : std::span(frames).first(count)) digest.add(frame);
  }
  if (!format.problem().empty()) digest.add(window.offset(), format.problem());
  return digest;
}

}  // namespace
}  // namespace rpcaudit

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  const Bytes input = std::as_bytes(std::span(data, size));
  const Digest whole = read_whole(input);
  const std::unique_ptr<capture::ByteWindow> window =
      capture::decompressed(std::make_unique<DripWindow>(input));
  const std::unique_ptr<capture::CaptureFormat> format = capture::detect_format(*window);
  if (format == nullptr) return 0;
  const Digest dripping = read_dripping(*format, *window);
  // How far behind a fault liblzma goes on depends on how much it was given at once.
  if (window->failure().empty() && !(dripping == whole)) std::abort();
  return 0;
}
