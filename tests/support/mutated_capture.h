#pragma once

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "capture/pcap_file.h"

namespace rpcaudit::test {

// The frames of a capture, to be damaged as networks and attackers do.
class MutatedCapture {
 public:
  explicit MutatedCapture(const std::string& path) {
    const std::array<std::string, 1> paths{path};
    capture::OpenedCaptures opened = capture::open_captures(paths, "");
    std::array<Frame, 64> frames;
    for (capture::ReadResult result = opened.source->read(frames);
         result.status == capture::ReadStatus::frames; result = opened.source->read(frames)) {
      for (const Frame& frame : std::span(frames).first(result.count)) {
        kept_.push_back({frame, {frame.bytes.begin(), frame.bytes.end()}});
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return kept_.size(); }

  // One more damage: bits flipped, a frame cut, lost, repeated, or moved by a few places.
  void damage(std::mt19937_64& random) {
    if (kept_.empty()) return;
    const std::size_t at = random() % kept_.size();
    Kept& frame = kept_[at];
    const auto here = kept_.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random() % 6) {
      case 0:
      case 1:
        for (auto flips = 1 + random() % 8; flips != 0 && !frame.bytes.empty(); --flips) {
          frame.bytes[random() % frame.bytes.size()] ^= std::byte(1u << random() % 8);
        }
        break;
      case 2: frame.bytes.resize(random() % (frame.bytes.size() + 1)); break;
      case 3: kept_.erase(here); break;
      case 4: kept_.insert(here, Kept(frame)); break;
      default: {
        const std::size_t other = std::min(kept_.size() - 1, at + random() % 6);
        std::swap(frame, kept_[other]);
      }
    }
  }

  // As a reader would deliver them: numbered anew, and no earlier than the frame before.
  [[nodiscard]] std::vector<Frame> frames() const {
    std::vector<Frame> all;
    for (const Kept& kept : kept_) {
      Frame frame = kept.frame;
      frame.bytes = kept.bytes;
      frame.number = frame.sequence = all.size() + 1;
      if (!all.empty()) frame.timestamp = std::max(frame.timestamp, all.back().timestamp);
      all.push_back(frame);
    }
    return all;
  }

  // As a file in the pcap format with nanoseconds, Ethernet.
  void write(const std::string& path) const {
    std::ofstream file(path, std::ios::binary);
    const auto put = [&](std::uint32_t value) {
      file.write(reinterpret_cast<const char*>(&value), sizeof value);
    };
    for (const std::uint32_t value : {0xa1b23c4du, 0x0004'0002u, 0u, 0u, 262'144u, 1u}) put(value);
    for (const Frame& frame : frames()) {
      put(static_cast<std::uint32_t>(frame.timestamp.nanoseconds / kNanosecondsPerSecond));
      put(static_cast<std::uint32_t>(frame.timestamp.nanoseconds % kNanosecondsPerSecond));
      put(static_cast<std::uint32_t>(frame.bytes.size()));
      put(frame.original_length);
      file.write(reinterpret_cast<const char*>(frame.bytes.data()),
                 static_cast<std::streamsize>(frame.bytes.size()));
    }
  }

 private:
  struct Kept {
    Frame frame;
    std::vector<std::byte> bytes;
  };

  std::vector<Kept> kept_;
};

}  // namespace rpcaudit::test
