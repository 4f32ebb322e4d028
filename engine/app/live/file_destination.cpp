#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "engine/app/live/destination.h"

namespace rpcaudit::app {
namespace {

constexpr mode_t kRecordFileMode = 0640;  // records name users and hosts

class FileDestination : public Destination {
 public:
  FileDestination(std::string path, const Rotation& rotation)
      : path_(std::move(path)), rotation_(rotation) {}
  ~FileDestination() override { close(); }

  [[nodiscard]] bool open() override;
  [[nodiscard]] bool write(std::string_view lines, std::size_t& written) override;
  void reopen() override { close(); }

 private:
  using Clock = std::chrono::steady_clock;

  void close() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  [[nodiscard]] bool is_due(std::size_t more) const;
  [[nodiscard]] bool write_to_pipe(std::string_view lines, std::size_t& written);
  [[nodiscard]] bool rotate();
  [[nodiscard]] bool remove_torn_line(off_t size);

  std::string path_;
  Rotation rotation_;
  int descriptor_ = -1;
  bool is_regular_ = false;
  std::uint64_t size_ = 0;
  Clock::time_point begun_;
};

bool FileDestination::open() {
  close();
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK,
                       kRecordFileMode);
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) return fail(errno);
  is_regular_ = S_ISREG(status.st_mode);
  if (is_regular_ && status.st_size != 0 && !remove_torn_line(status.st_size)) return false;
  size_ = is_regular_ && ::fstat(descriptor_, &status) == 0
              ? static_cast<std::uint64_t>(status.st_size)
              : 0;
  begun_ = Clock::now();
  return true;
}

bool FileDestination::remove_torn_line(off_t size) {
  const int reader = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (reader < 0) return true;  // it may be written and not read: then it stays as it is
  std::array<char, 4096> piece{};
  off_t end = size;
  while (end > 0) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(piece.size()));
    const auto wanted = static_cast<std::size_t>(end - begin);
    if (::pread(reader, piece.data(), wanted, begin) != static_cast<ssize_t>(wanted)) break;
    const std::string_view text(piece.data(), wanted);
    const std::size_t newline = text.rfind('\n');
    end = newline == std::string_view::npos ? begin : begin + static_cast<off_t>(newline) + 1;
    if (newline != std::string_view::npos) break;
  }
  ::close(reader);
  return end == size || ::ftruncate(descriptor_, end) == 0 || fail(errno);
}

bool FileDestination::is_due(std::size_t more) const {
  if (!is_regular_ || size_ == 0) return false;
  if (rotation_.bytes != 0 && size_ + more > rotation_.bytes) return true;
  return rotation_.age.count() != 0 && Clock::now() - begun_ >= rotation_.age;
}

// FILE becomes FILE.1, FILE.1 becomes FILE.2, and so on; the last one is replaced.
bool FileDestination::rotate() {
  close();
  const auto name = [this](std::uint64_t number) { return path_ + "." + std::to_string(number); };
  for (std::uint64_t number = rotation_.kept; number > 1; --number) {
    (void)::rename(name(number - 1).c_str(), name(number).c_str());  // there may be fewer
  }
  const bool moved = rotation_.kept == 0 ? ::unlink(path_.c_str()) == 0
                                         : ::rename(path_.c_str(), name(1).c_str()) == 0;
  return (moved || fail(errno)) && open();
}

bool FileDestination::write(std::string_view lines, std::size_t& written) {
  written = 0;
  if (descriptor_ < 0 && !open()) return false;
  if (is_due(lines.size()) && !rotate()) return false;
  if (!is_regular_) return write_to_pipe(lines, written);
  const ssize_t result = ::write(descriptor_, lines.data(), lines.size());
  const int error = result < 0 ? errno : ENOSPC;
  if (result < 0 && (error == EINTR || error == EAGAIN)) return true;
  const auto size = static_cast<std::size_t>(std::max<ssize_t>(result, 0));
  if (size == lines.size()) {
    size_ += size;
    written = size;
    return true;
  }
  // The disk is full. No half of a line is to stay.
  if (size != 0 && ::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) return fail(errno);
  return fail(error);
}

// A named pipe, or a device.
bool FileDestination::write_to_pipe(std::string_view lines, std::size_t& written) {
  const int error = write_some(descriptor_, lines, written);
  if (error == 0) return true;
  close();
  return fail(error);
}

}  // namespace

std::unique_ptr<Destination> make_file_destination(std::string path, const Rotation& rotation) {
  return std::make_unique<FileDestination>(std::move(path), rotation);
}

}  // namespace rpcaudit::app
