#include "capture/byte_window.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "capture/decompressor.h"

namespace rpcaudit::capture {
namespace {

// Standard input is not ours to close.
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
  explicit BorrowedWindow(Bytes bytes) : total_(bytes.size()) { show(bytes); }
  bool want(std::size_t count) override { return bytes().size() >= count; }
  std::uint64_t stored_total() const noexcept override { return total_; }

 private:
  std::uint64_t total_;
};

// Bytes that arrive one after another. The buffer grows with what really arrives, so neither a
// hostile length nor a look at a file's first frame costs much memory.
class BufferedWindow : public ByteWindow {
 public:
  explicit BufferedWindow(std::size_t loans) : buffers_(loans) {}

  bool want(std::size_t count) override {
    if (bytes().size() >= count) return true;
    if (lent_) current_ = (current_ + 1) % buffers_.size();
    lent_ = false;
    std::vector<std::byte>& buffer = buffers_[current_];
    std::size_t held = bytes().size();
    while (buffer.size() < std::max(held, size_)) grow(buffer);
    if (held > 0 && bytes().data() != buffer.data()) {
      std::memmove(buffer.data(), bytes().data(), held);
    }
    if (buffer.size() < kBufferMax) grow(buffer);
    size_ = std::min(buffer.size(), kBufferMax);
    while (held < count && !ended_) {
      if (held == buffer.size()) grow(buffer);
      const Filled filled = fill(std::span(buffer).subspan(held));
      held += filled.count;
      ended_ = filled.ended;
    }
    show(Bytes(buffer).first(held));
    return held >= count;
  }
  // A lent buffer is left alone until all others have been used.
  void lend() noexcept override { lent_ = true; }

 protected:
  struct Filled {
    std::size_t count = 0;
    bool ended = false;  // no more will come
  };
  // Puts bytes into the front of `room`.
  virtual Filled fill(std::span<std::byte> room) = 0;

 private:
  static constexpr std::size_t kBufferMin = 16u << 10;
  // Small enough to stay in the processor's cache, where the dissector then finds the frames:
  // copying a file through it costs less than the page faults of mapping it. More only for a record
  // that needs it.
  static constexpr std::size_t kBufferMax = 256u << 10;

  static void grow(std::vector<std::byte>& buffer) {
    buffer.resize(std::max(buffer.size() * 2, kBufferMin));
  }

  std::vector<std::vector<std::byte>> buffers_;
  std::size_t current_ = 0;
  std::size_t size_ =
      0;  // that buffers have grown to: batches are cut alike for any number of them
  bool lent_ = false;
  bool ended_ = false;
};

// Files and pipes.
class FileWindow final : public BufferedWindow {
 public:
  // `size` is 0 when it is not known.
  FileWindow(FileDescriptor descriptor, std::uint64_t size, const ReadOptions& options)
      : BufferedWindow(options.loans),
        descriptor_(std::move(descriptor)),
        size_(size),
        stop_descriptor_(options.stop_descriptor) {}

  std::uint64_t stored_total() const noexcept override { return size_; }
  bool stopped() const noexcept override { return stopped_; }
  bool is_idle() override {
    constexpr int kMoment = 100;  // milliseconds
    return size_ == 0 && poll_for(kMoment) == 0;
  }

 private:
  Filled fill(std::span<std::byte> room) override {
    ssize_t count = 0;
    do {
      if (size_ == 0 && poll_for(-1) == kToStop) {
        stopped_ = true;
        return {0, true};
      }
      count = read(descriptor_.number(), room.data(), room.size());
    } while (count < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK));
    if (count < 0) fail(std::string("cannot read: ") + std::strerror(errno));
    return count <= 0 ? Filled{0, true} : Filled{static_cast<std::size_t>(count), false};
  }

  static constexpr int kToRead = 1;
  static constexpr int kToStop = 2;

  // Waits until a pipe has bytes or has ended (kToRead) or reading is to stop (kToStop), so many
  // milliseconds at most, -1 for ever; 0 when nothing of it came about.
  [[nodiscard]] int poll_for(int milliseconds) const {
    std::array<pollfd, 2> watched{
        {{descriptor_.number(), POLLIN, 0}, {stop_descriptor_, POLLIN, 0}}};
    int ready = 0;
    while ((ready = poll(watched.data(), watched.size(), milliseconds)) < 0) {
      if (errno != EINTR) return kToRead;  // read() will say what is wrong
    }
    if (ready == 0) return 0;
    return watched[1].revents == 0 ? kToRead : kToStop;
  }

  FileDescriptor descriptor_;
  std::uint64_t size_;
  int stop_descriptor_;
  bool stopped_ = false;
};

class DecompressedWindow final : public BufferedWindow {
 public:
  DecompressedWindow(std::unique_ptr<ByteWindow> stored, std::unique_ptr<Decompressor> decompressor,
                     const ReadOptions& options)
      : BufferedWindow(options.loans),
        stored_(std::move(stored)),
        decompressor_(std::move(decompressor)),
        memory_(options.memory) {}
  ~DecompressedWindow() override { (void)account_for(0); }

  std::uint64_t stored_read() const noexcept override { return stored_->stored_read(); }
  std::uint64_t stored_total() const noexcept override { return stored_->stored_total(); }
  bool stopped() const noexcept override { return stored_->stopped(); }
  bool is_idle() override { return drained_ && stored_->bytes().empty() && stored_->is_idle(); }

 private:
  Filled fill(std::span<std::byte> room) override {
    const bool more = stored_->want(1);
    const Decompressor::Step step = decompressor_->run(stored_->bytes(), room);
    stored_->consume(step.taken);
    drained_ = step.produced < room.size();
    const bool stuck = step.taken == 0 && step.produced == 0;
    if (step.failure != nullptr) {
      fail(step.failure);
    } else if (!account_for(decompressor_->memory())) {
      fail("needs more memory to be decompressed than --memory leaves");
      return {step.produced, true};
    } else if (stuck && !stored_->failure().empty()) {
      fail(stored_->failure());
    } else if (stuck && (more || !step.at_boundary)) {
      fail(more ? "corrupt compressed data" : "compressed data ends in the middle");
    }
    return {step.produced, stuck || step.failure != nullptr};
  }

  // The decompressor has taken so much by now; false when that is too much.
  [[nodiscard]] bool account_for(std::size_t bytes) noexcept {
    if (memory_ == nullptr || bytes == accounted_) return true;
    if (!memory_->change(accounted_, bytes)) return false;
    accounted_ = bytes;
    return true;
  }

  std::unique_ptr<ByteWindow> stored_;
  std::unique_ptr<Decompressor> decompressor_;
  std::shared_ptr<DecoderMemory> memory_;
  std::size_t accounted_ = 0;
  bool drained_ = false;  // it holds back nothing of what it was given
};

OpenedInput failed_to_open() {
  return {nullptr, std::string("cannot open: ") + std::strerror(errno), false};
}

}  // namespace

OpenedInput open_input(const std::string& path, const ReadOptions& options) {
  const bool standard_input = path == "-";
  FileDescriptor descriptor(standard_input ? STDIN_FILENO
                                           : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (descriptor.number() < 0 || fstat(descriptor.number(), &status) != 0) return failed_to_open();
  if (S_ISDIR(status.st_mode)) return {nullptr, "is a folder", false};
  const bool repeatable = S_ISREG(status.st_mode) && !standard_input;
  const auto size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));

  OpenedInput opened;
  opened.repeatable = repeatable;
  opened.window = decompressed(
      std::make_unique<FileWindow>(std::move(descriptor), repeatable ? size : 0, options), options);
  return opened;
}

std::unique_ptr<ByteWindow> window_over(Bytes bytes) {
  return std::make_unique<BorrowedWindow>(bytes);
}

std::unique_ptr<ByteWindow> decompressed(std::unique_ptr<ByteWindow> stored,
                                         const ReadOptions& options) {
  (void)stored->want(kCompressionMagicSize);
  std::unique_ptr<Decompressor> decompressor =
      options.memory == nullptr ? decompressor_for(stored->bytes())
                                : decompressor_for(stored->bytes(), options.memory->left());
  if (decompressor == nullptr) return stored;
  return std::make_unique<DecompressedWindow>(std::move(stored), std::move(decompressor), options);
}

}  // namespace rpcaudit::capture
