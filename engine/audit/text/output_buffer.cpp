#include "engine/audit/text/output_buffer.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

namespace rpcaudit::audit {

DescriptorTarget::DescriptorTarget(int descriptor, int stop_descriptor)
    : descriptor_(descriptor), stop_descriptor_(stop_descriptor) {
  struct stat status {};
  may_block_ = ::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode);
}

bool DescriptorTarget::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (may_block_ && !wait_until_writable()) return false;
    // A descriptor that is writable takes so many bytes without waiting (POSIX, pipe(7)).
    const std::size_t size =
        may_block_ ? std::min<std::size_t>(bytes.size(), PIPE_BUF) : bytes.size();
    const ssize_t written = ::write(descriptor_, bytes.data(), size);
    if (written < 0) {
      if (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK) continue;
      return fail(errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool DescriptorTarget::wait_until_writable() {
  constexpr int kPatience = 2000;  // milliseconds, once a stop is asked for
  std::array<pollfd, 2> watched{{{descriptor_, POLLOUT, 0}, {stop_descriptor_, POLLIN, 0}}};
  int patience = -1;
  for (;;) {
    // Of the second entry nothing more is to be learned once it is readable.
    const nfds_t count = patience < 0 ? watched.size() : 1;
    const int ready = ::poll(watched.data(), count, patience);
    if (ready < 0 && errno != EINTR) return fail(errno);
    if (ready == 0) return fail(ETIMEDOUT);
    if (ready > 0 && watched[0].revents != 0) return true;  // an error is write()'s to tell
    if (ready > 0 && watched[1].revents != 0) patience = kPatience;
  }
}

bool DescriptorTarget::fail(int error) {
  reader_is_gone_ = error == EPIPE || error == ECONNRESET;
  error_ = error == ETIMEDOUT ? "nobody reads it" : std::generic_category().message(error);
  return false;
}

OutputBuffer::OutputBuffer(OutputTarget& target, bool by_record)
    : target_(target),
      buffer_(std::make_unique_for_overwrite<char[]>(kSize)),
      by_record_(by_record) {}

void OutputBuffer::hand_on() {
  if (!failed_ && used_ != 0 && !target_.write({buffer_.get(), used_})) failed_ = true;
  used_ = 0;
}

void OutputBuffer::flush() {
  hand_on();
  (failed_ ? records_lost_ : records_written_) += records_held_;
  records_held_ = 0;
}

void OutputBuffer::make_room(std::size_t size) {
  hand_on();
  if (size <= size_) return;
  buffer_ = std::make_unique_for_overwrite<char[]>(size);
  size_ = size;
}

}  // namespace rpcaudit::audit
