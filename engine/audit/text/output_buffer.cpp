#include "engine/audit/text/output_buffer.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace rpcaudit::audit {

bool DescriptorTarget::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      error_ = std::generic_category().message(errno);
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
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
