#include "capture/byte_window.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "capture/decompressor.h"

namespace rpcaudit {
namespace {

const std::string kNoFailure;

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) noexcept : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  ~FileDescriptor() {
    if (number_ > STDERR_FILENO) close(number_);
  }
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

class BorrowedWindow final : public ByteWindow {
 public:
  explicit BorrowedWindow(Bytes bytes) : total_(bytes.size()) { bytes_ = bytes; }
  bool want(std::size_t count) override { return bytes_.size() >= count; }
  const std::string& failure() const noexcept override { return kNoFailure; }
  std::uint64_t stored_read() const noexcept override { return offset_; }
  std::uint64_t stored_total() const noexcept override { return total_; }

 private:
  std::uint64_t total_;
};

// A regular file, mapped whole. Pages behind the reader are given back as it goes, so that memory
// stays flat however long the file.
class MappedWindow final : public ByteWindow {
 public:
  MappedWindow(void* memory, std::size_t size) : memory_(static_cast<std::byte*>(memory)) {
    size_ = size;
    bytes_ = {memory_, size};
    madvise(memory, size, MADV_SEQUENTIAL);
  }
  ~MappedWindow() override { munmap(memory_, size_); }

  bool want(std::size_t count) override { return bytes_.size() >= count; }
  void forget_consumed() override {
    constexpr std::uint64_t kStep = 32u << 20;
    const std::uint64_t done = offset_ / kStep * kStep;
    if (done <= released_) return;
    madvise(memory_ + released_, done - released_, MADV_DONTNEED);
    released_ = done;
  }
  const std::string& failure() const noexcept override { return kNoFailure; }
  std::uint64_t stored_read() const noexcept override { return offset_; }
  std::uint64_t stored_total() const noexcept override { return size_; }

 private:
  std::byte* memory_;
  std::size_t size_;
  std::uint64_t released_ = 0;
};

// Bytes that arrive one after another: pipes, and whatever has to be decompressed.
class StreamWindow final : public ByteWindow {
 public:
  StreamWindow(FileDescriptor descriptor, std::vector<std::byte> front, std::uint64_t total)
      : descriptor_(std::move(descriptor)),
        stored_(std::move(front)),
        stored_end_(stored_.size()),
        decompressor_(decompressor_for(stored_)),
        stored_read_(stored_.size()),
        total_(total) {
    stored_.resize(kStoredSize);
    buffer_.resize(kBufferSize);
  }

  bool want(std::size_t count) override {
    if (bytes_.size() >= count) return true;
    if (bytes_.size() > 0) std::memmove(buffer_.data(), bytes_.data(), bytes_.size());
    std::size_t held = bytes_.size();
    if (count > buffer_.size()) buffer_.resize(std::max(count, buffer_.size() * 2));
    while (held < count && !ended_) held += fill(std::span(buffer_).subspan(held));
    bytes_ = Bytes(buffer_).first(held);
    return held >= count;
  }
  const std::string& failure() const noexcept override { return failure_; }
  std::uint64_t stored_read() const noexcept override { return stored_read_; }
  std::uint64_t stored_total() const noexcept override { return total_; }

 private:
  static constexpr std::size_t kStoredSize = 256u << 10;
  static constexpr std::size_t kBufferSize = 4u << 20;

  std::size_t fill(std::span<std::byte> room) {
    if (stored_begin_ == stored_end_ && !stored_ended_) read_stored();
    const Bytes stored = Bytes(stored_).subspan(stored_begin_, stored_end_ - stored_begin_);
    if (decompressor_ == nullptr) {
      const std::size_t count = std::min(stored.size(), room.size());
      if (count != 0) std::memcpy(room.data(), stored.data(), count);
      stored_begin_ += count;
      ended_ = count == 0 && stored_ended_;
      return count;
    }
    const Decompressor::Step step = decompressor_->run(stored, room);
    stored_begin_ += step.taken;
    if (step.failed) {
      failure_ = "corrupt compressed data";
      ended_ = true;
    } else if (step.taken == 0 && step.produced == 0 && stored_ended_) {
      if (!step.at_boundary) failure_ = "compressed data ends in the middle";
      ended_ = true;
    }
    return step.produced;
  }

  void read_stored() {
    ssize_t count = 0;
    do {
      count = read(descriptor_.number(), stored_.data(), stored_.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) failure_ = std::string("cannot read: ") + std::strerror(errno);
    stored_begin_ = 0;
    stored_end_ = count > 0 ? static_cast<std::size_t>(count) : 0;
    stored_read_ += stored_end_;
    stored_ended_ = count <= 0;
  }

  FileDescriptor descriptor_;
  std::vector<std::byte> stored_;
  std::size_t stored_begin_ = 0;
  std::size_t stored_end_ = 0;
  std::unique_ptr<Decompressor> decompressor_;
  std::vector<std::byte> buffer_;
  std::string failure_;
  std::uint64_t stored_read_ = 0;
  std::uint64_t total_ = 0;
  bool stored_ended_ = false;
  bool ended_ = false;
};

// Reads until `front` has its size or the input ends.
std::vector<std::byte> read_front(int descriptor, std::size_t size) {
  std::vector<std::byte> front(size);
  std::size_t held = 0;
  while (held < size) {
    const ssize_t count = read(descriptor, front.data() + held, size - held);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    held += static_cast<std::size_t>(count);
  }
  front.resize(held);
  return front;
}

}  // namespace

OpenedInput open_input(const std::string& path) {
  FileDescriptor descriptor(path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.number() < 0)
    return {nullptr, std::string("cannot open: ") + std::strerror(errno)};
  struct stat status {};
  if (fstat(descriptor.number(), &status) != 0) {
    return {nullptr, std::string("cannot open: ") + std::strerror(errno)};
  }
  if (S_ISDIR(status.st_mode)) return {nullptr, "is a folder"};
  const bool regular = S_ISREG(status.st_mode) && path != "-";
  const auto size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
  std::vector<std::byte> front = read_front(descriptor.number(), kCompressionMagicSize);
  if (regular && size != 0 && decompressor_for(front) == nullptr) {
    void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.number(), 0);
    if (memory != MAP_FAILED) return {std::make_unique<MappedWindow>(memory, size), {}};
  }
  return {
      std::make_unique<StreamWindow>(std::move(descriptor), std::move(front), regular ? size : 0),
      {}};
}

std::unique_ptr<ByteWindow> window_over(Bytes bytes) {
  return std::make_unique<BorrowedWindow>(bytes);
}

}  // namespace rpcaudit
