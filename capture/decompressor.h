#pragma once

#include <limits>
#include <memory>
#include <span>
#include <string>

#include "capture/frame.h"

namespace rpcaudit::capture {

// What all decompressors of a run may take together. Not thread-safe: inputs are read by one thread
// at a time.
class DecoderMemory {
 public:
  explicit DecoderMemory(std::size_t bytes) noexcept : left_(bytes) {}

  [[nodiscard]] std::size_t left() const noexcept { return left_; }
  // One of them has `now` bytes instead of `before`; false when that is too much.
  [[nodiscard]] bool change(std::size_t before, std::size_t now) noexcept {
    if (now > before && now - before > left_) return false;
    left_ = left_ + before - now;
    return true;
  }

 private:
  std::size_t left_;
};

// Turns stored bytes into the bytes they stand for, piece by piece.
class Decompressor {
 public:
  Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  virtual ~Decompressor() = default;

  struct Step {
    std::size_t taken = 0;          // of the input
    std::size_t produced = 0;       // into the output
    bool at_boundary = true;        // nothing is missing if the input ends here
    const char* failure = nullptr;  // what is wrong with the stored bytes, if anything
  };

  // Takes from `input` and fills the front of `output`; either may be used up only in part. An
  // empty `input` is the end. Whatever precedes corrupt bytes has been produced when they fail.
  [[nodiscard]] virtual Step run(Bytes input, std::span<std::byte> output) = 0;
  // The bytes that it has taken by now, about.
  [[nodiscard]] virtual std::size_t memory() const noexcept = 0;
};

// A decompressor for the format that `front` begins with; empty when the bytes are not compressed.
// Data that needs more than `memory_max` bytes to be decompressed fails.
[[nodiscard]] std::unique_ptr<Decompressor> decompressor_for(
    Bytes front, std::size_t memory_max = std::numeric_limits<std::size_t>::max());

inline constexpr std::size_t kCompressionMagicSize = 6;

}  // namespace rpcaudit::capture
