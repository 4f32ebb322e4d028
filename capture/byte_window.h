#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "capture/decompressor.h"
#include "capture/frame.h"

namespace rpcaudit::capture {

// The unread bytes of an input, as far as its buffer holds them; it can be asked for more.
class ByteWindow {
 public:
  ByteWindow() = default;
  ByteWindow(const ByteWindow&) = delete;
  ByteWindow& operator=(const ByteWindow&) = delete;
  virtual ~ByteWindow() = default;

  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  // Offset of bytes() in the (decompressed) input.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

  void consume(std::size_t count) noexcept {
    bytes_ = bytes_.subspan(count);
    offset_ += count;
  }

  // Tries to have `count` unread bytes at hand; false when the input ends before that. Bytes shown
  // earlier may move: whatever was borrowed from them is void, but for what is lent.
  [[nodiscard]] virtual bool want(std::size_t count) = 0;

  // What was shown until now is lent: it stays where it is until as many further calls as the
  // window was opened for.
  virtual void lend() noexcept {}

  // Whether no byte beyond bytes() came within a moment, though more may come: a reader for whom
  // bytes() are too few may do something else before it asks again. Files never are idle.
  [[nodiscard]] virtual bool is_idle() { return false; }

  // Whether the input ended only because reading was to stop (ReadOptions::stop_descriptor).
  [[nodiscard]] virtual bool stopped() const noexcept { return false; }

  // Why the input ended early (a corrupt compressed stream, a read error); empty if it did not.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

  // Bytes of the input as stored, consumed so far and in all (0 when unknown).
  [[nodiscard]] virtual std::uint64_t stored_read() const noexcept { return offset_; }
  [[nodiscard]] virtual std::uint64_t stored_total() const noexcept { return 0; }

 protected:
  void show(Bytes bytes) noexcept { bytes_ = bytes; }
  void fail(std::string failure) { failure_ = std::move(failure); }

 private:
  Bytes bytes_;
  std::uint64_t offset_ = 0;
  std::string failure_;
};

// How inputs are to be read.
struct ReadOptions {
  std::size_t loans = 1;     // what is lent stays for so many calls of lend(); each costs a buffer
  int stop_descriptor = -1;  // when it becomes readable, waits for a pipe end; -1: never
  // What all inputs that have it may take to be decompressed; nullptr: each as much as it needs.
  std::shared_ptr<DecoderMemory> memory = nullptr;
};

struct OpenedInput {
  std::unique_ptr<ByteWindow> window;  // empty on failure
  std::string failure;
  bool repeatable = false;  // a regular file: opened again, it shows the same bytes
};

// Opens `path` (`-` is standard input). Compressed data is recognised by its first bytes, whatever
// the name says: gzip, Zstandard, LZ4 frames and xz.
[[nodiscard]] OpenedInput open_input(const std::string& path, const ReadOptions& options = {});

// Shows bytes that somebody else owns.
[[nodiscard]] std::unique_ptr<ByteWindow> window_over(Bytes bytes);

// `stored` itself, or what it decompresses to when it begins like compressed data.
[[nodiscard]] std::unique_ptr<ByteWindow> decompressed(std::unique_ptr<ByteWindow> stored,
                                                       const ReadOptions& options = {});

}  // namespace rpcaudit::capture
