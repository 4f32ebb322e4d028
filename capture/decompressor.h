#pragma once

#include <memory>
#include <span>
#include <string>

#include "capture/frame.h"

namespace rpcaudit::capture {

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
};

// A decompressor for the format that `front` begins with; empty when the bytes are not compressed.
[[nodiscard]] std::unique_ptr<Decompressor> decompressor_for(Bytes front);

inline constexpr std::size_t kCompressionMagicSize = 6;

}  // namespace rpcaudit::capture
