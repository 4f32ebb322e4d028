#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "bench/frame_writer.h"
#include "capture/frame.h"

namespace rpcaudit::bench {

// Frames held in memory, so that a micro benchmark measures no input.
class LoadedCapture {
 public:
  // Holds what `write` writes.
  explicit LoadedCapture(const std::function<void(FrameWriter&)>& write) {
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() /
        ("rpcaudit-bench-" + std::to_string(reinterpret_cast<std::uintptr_t>(this)) + ".pcap");
    FrameWriter writer(path.string());
    write(writer);
    writer.close();
    std::ifstream file(path, std::ios::binary);
    content_.assign(std::istreambuf_iterator<char>(file), {});
    file.close();
    std::filesystem::remove(path);
    find_frames();
  }

  [[nodiscard]] const std::vector<Frame>& frames() const noexcept { return frames_; }

 private:
  static constexpr std::size_t kFileHeaderSize = 24;
  static constexpr std::size_t kRecordHeaderSize = 16;

  [[nodiscard]] std::uint32_t number_at(std::size_t at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, content_.data() + at, sizeof(value));
    return value;
  }

  void find_frames() {
    std::size_t at = kFileHeaderSize;
    while (at + kRecordHeaderSize <= content_.size()) {
      Frame frame;
      frame.original_length = number_at(at + 12);
      frame.timestamp.nanoseconds =
          number_at(at) * kNanosecondsPerSecond + number_at(at + 4) * std::int64_t{1000};
      at += kRecordHeaderSize;
      frame.bytes = std::as_bytes(std::span(content_)).subspan(at, frame.original_length);
      frame.number = frames_.size() + 1;
      frame.sequence = frame.number;
      frames_.push_back(frame);
      at += frame.original_length;
    }
  }

  std::vector<char> content_;
  std::vector<Frame> frames_;
};

}  // namespace rpcaudit::bench
