#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace rpcaudit::audit {

// Where bytes go in the end.
class OutputTarget {
 public:
  OutputTarget() = default;
  OutputTarget(const OutputTarget&) = delete;
  OutputTarget& operator=(const OutputTarget&) = delete;
  virtual ~OutputTarget() = default;

  // Writes all of it, or returns false; error() then says why.
  [[nodiscard]] virtual bool write(std::string_view bytes) = 0;
  [[nodiscard]] virtual const std::string& error() const = 0;
};

// An open file descriptor, borrowed. Waits until all is written, also where the descriptor itself
// would not wait; but once a stop is asked for, not long for a reader that does not read.
class DescriptorTarget : public OutputTarget {
 public:
  // `stop_descriptor` becomes readable when the run is to end; -1: it never is.
  explicit DescriptorTarget(int descriptor, int stop_descriptor = -1);

  [[nodiscard]] bool write(std::string_view bytes) override;
  [[nodiscard]] const std::string& error() const override { return error_; }
  // Whether it failed because the other end of a pipe or socket was closed.
  [[nodiscard]] bool reader_is_gone() const noexcept { return reader_is_gone_; }

 private:
  [[nodiscard]] bool wait_until_writable();
  [[nodiscard]] bool fail(int error);

  int descriptor_;
  int stop_descriptor_;
  bool may_block_;  // not a regular file
  bool reader_is_gone_ = false;
  std::string error_;
};

// Collects records and hands them on in large pieces. After the first failure nothing more is
// written, so that the output ends where it was torn; what is lost is counted.
class OutputBuffer {
 public:
  static constexpr std::size_t kSize = std::size_t{1} << 18;

  // `target` is borrowed. With `by_record` each record is handed on at once, for a person who
  // watches.
  OutputBuffer(OutputTarget& target, bool by_record);

  void append(std::string_view text) {
    if (text.size() > room()) make_room(text.size());
    std::memcpy(buffer_.get() + used_, text.data(), text.size());
    used_ += text.size();
  }
  void append(char c) { append(std::string_view(&c, 1)); }

  // At least `size` bytes (at most kSize) to write at; commit() says where the writing ended.
  [[nodiscard]] char* reserve(std::size_t size) {
    if (size > room()) make_room(size);
    return buffer_.get() + used_;
  }
  void commit(const char* end) { used_ = static_cast<std::size_t>(end - buffer_.get()); }

  // A record is complete; after `flush()` what was complete has been handed on.
  void end_record() {
    ++records_held_;
    if (by_record_ || room() < kRecordRoom) flush();
  }
  void flush();

  [[nodiscard]] std::uint64_t records_written() const noexcept { return records_written_; }
  [[nodiscard]] std::uint64_t records_lost() const noexcept { return records_lost_; }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  static constexpr std::size_t kRecordRoom = 4096;  // most records fit: flushes fall between them

  [[nodiscard]] std::size_t room() const noexcept { return size_ - used_; }
  void make_room(std::size_t size);
  void hand_on();

  OutputTarget& target_;
  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = kSize;
  std::size_t used_ = 0;
  bool by_record_;
  bool failed_ = false;
  std::uint64_t records_held_ = 0;
  std::uint64_t records_written_ = 0;
  std::uint64_t records_lost_ = 0;
};

}  // namespace rpcaudit::audit
