#include "dissect/smb/smb_stream.h"

#include <algorithm>
#include <cstring>

namespace rpcaudit::dissect {

Bytes SmbStream::consume(Bytes bytes, const FrameReference& frame, SmbHeaderPool& pool,
                         SmbStreamSink& sink) noexcept {
  const Bytes all = bytes;
  std::size_t read_begin = all.size();
  std::size_t read_end = 0;
  while (!bytes.empty()) {
    const std::size_t begin = all.size() - bytes.size();
    const bool is_read = !passes_over(1);
    if (searching_) {
      bytes = search(bytes, frame, pool, sink);
    } else if (!in_message_) {
      bytes = consume_framing(bytes, frame, sink);
    } else if (at_ < payload_end_) {
      bytes = consume_payload(bytes, frame, sink);
    } else if (at_ < unit_) {
      const std::size_t passed = std::min<std::size_t>(unit_ - at_, bytes.size());
      at_ += static_cast<std::uint32_t>(passed);
      bytes = bytes.subspan(passed);
    } else if (at_ < length_) {
      bytes = consume_header(bytes, frame, pool, sink);
    }
    if (in_message_ && at_ == length_) in_message_ = false;
    if (!is_read) continue;
    read_begin = std::min(read_begin, begin);
    read_end = all.size() - bytes.size();
  }
  return read_begin < read_end ? all.subspan(read_begin, read_end - read_begin) : Bytes();
}

Bytes SmbStream::consume_framing(Bytes bytes, const FrameReference& frame,
                                 SmbStreamSink& sink) noexcept {
  const std::size_t taken = std::min(kNbssHeaderSize - prefix_size_, bytes.size());
  std::memcpy(prefix_.data() + prefix_size_, bytes.data(), taken);
  prefix_size_ = static_cast<std::uint8_t>(prefix_size_ + taken);
  bytes = bytes.subspan(taken);
  if (prefix_size_ < kNbssHeaderSize) return bytes;
  prefix_size_ = 0;
  NbssHeader header;
  if (parse_nbss_header(prefix_, header) != ParseStatus::ok) {
    sink.on_undecodable(frame);
    start_search();
    return bytes;
  }
  begin_message(header.length);
  if (header.type != NbssType::message) {
    skip_message();
  } else if (header.length == 0) {
    sink.on_empty_message();
  }
  return bytes;
}

Bytes SmbStream::consume_payload(Bytes bytes, const FrameReference& frame,
                                 SmbStreamSink& sink) noexcept {
  const bool before = at_ < payload_begin_;
  const std::uint32_t end = before ? payload_begin_ : payload_end_;
  const Bytes part = bytes.first(std::min<std::size_t>(end - at_, bytes.size()));
  at_ += static_cast<std::uint32_t>(part.size());
  if (!before) sink.on_payload(part, frame);
  return bytes.subspan(part.size());
}

Bytes SmbStream::consume_header(Bytes bytes, const FrameReference& frame, SmbHeaderPool& pool,
                                SmbStreamSink& sink) noexcept {
  if (has_lost_header(pool)) {
    at_ += have_;
    drop_buffer(pool);
    sink.on_header_evicted(frame);
    skip_message();
    return bytes;
  }
  SmbUnit unit{bytes, at_, length_ - at_};
  if (have_ == 0) {
    unit.header = bytes.first(std::min<std::size_t>(bytes.size(), unit.length));
  } else {
    unit.header = Bytes(pool[buffer_]).first(have_);
  }
  for (;;) {
    const std::size_t asked = sink.bytes_needed(unit);
    if (asked == 0) {
      drop_buffer(pool);
      sink.on_undecodable(frame);
      // Where a message begins the framing has lost its step; later on, only the message has.
      unit.offset == 0 ? start_search() : skip_message();
      return bytes;
    }
    // What is held has left the stream, even if less is asked for by now.
    const std::size_t need = std::max<std::size_t>(needed(asked, unit), have_);
    if (need <= unit.header.size()) {
      const std::size_t fresh = have_ == 0 ? need : 0;
      unit.header = unit.header.first(need);
      have_ = 0;
      present(unit, frame, sink);
      drop_buffer(pool);
      return bytes.subspan(fresh);
    }
    if (bytes.empty()) return bytes;
    const Bytes part = bytes.first(std::min<std::size_t>(bytes.size(), need - have_));
    hold(part, pool);
    bytes = bytes.subspan(part.size());
    unit.header = Bytes(pool[buffer_]).first(have_);
  }
}

// Presents a complete header and sets out what follows it.
void SmbStream::present(const SmbUnit& unit, const FrameReference& frame,
                        SmbStreamSink& sink) noexcept {
  const SmbStep step = sink.on_unit(unit, frame);
  const auto presented = static_cast<std::uint32_t>(unit.header.size());
  const std::uint32_t begin = std::min(step.payload_offset, unit.length);
  const std::uint32_t end = begin + std::min(step.payload_length, unit.length - begin);
  if (begin < presented && begin < end) {
    sink.on_payload(unit.header.subspan(begin, std::min(presented, end) - begin), frame);
  }
  at_ = unit.offset + presented;
  payload_begin_ = unit.offset + begin;
  payload_end_ = unit.offset + end;
  const std::uint32_t next = step.next_offset;
  const bool has_next = next >= std::max(presented, end) && next != 0 && next < unit.length;
  unit_ = has_next ? unit.offset + next : length_;
  // A unit that begins inside this one is not followed.
  if (!has_next && next != 0 && next < unit.length) sink.on_undecodable(frame);
}

// Bytes are looked at until one of them begins a message; the last few are kept, because a message
// may begin in them.
Bytes SmbStream::search(Bytes bytes, const FrameReference& frame, SmbHeaderPool& pool,
                        SmbStreamSink& sink) noexcept {
  std::array<std::byte, 2 * kPrefix> seam;
  const std::size_t kept = prefix_size_;
  const std::size_t added = std::min(bytes.size(), kPrefix);
  std::memcpy(seam.data(), prefix_.data(), kept);
  std::memcpy(seam.data() + kept, bytes.data(), added);
  const Bytes whole = Bytes(seam).first(kept + added);
  const std::size_t in_seam = find_smb_message(whole);
  if (in_seam < whole.size()) {
    searching_ = false;
    prefix_size_ = 0;
    const std::size_t used = in_seam < kept ? 0 : in_seam - kept;
    if (in_seam < kept) (void)consume(whole.subspan(in_seam, kept - in_seam), frame, pool, sink);
    return bytes.subspan(used);
  }
  const std::size_t found = find_smb_message(bytes);
  if (found < bytes.size()) {
    searching_ = false;
    prefix_size_ = 0;
    return bytes.subspan(found);
  }
  const Bytes last = bytes.size() >= kPrefix ? bytes : whole;
  const std::size_t keep = std::min(last.size(), kPrefix - 1);
  std::memmove(prefix_.data(), last.data() + (last.size() - keep), keep);
  prefix_size_ = static_cast<std::uint8_t>(keep);
  return {};
}

void SmbStream::gap(std::uint64_t missing, const FrameReference& frame, SmbHeaderPool& pool,
                    SmbStreamSink& sink) noexcept {
  while (missing != 0 && !searching_) {
    if (!in_message_) {
      sink.on_lost(frame);
      start_search();
      break;
    }
    if (at_ == unit_) {  // a header, or the rest of one
      sink.on_lost(frame);
      at_ += have_;
      drop_buffer(pool);
      skip_message();
    }
    const bool payload = at_ >= payload_begin_ && at_ < payload_end_;
    std::uint32_t end = unit_;
    if (at_ < payload_end_) end = payload ? payload_end_ : payload_begin_;
    const std::uint64_t inside = std::min<std::uint64_t>(missing, end - at_);
    if (payload) sink.on_payload_gap(inside, frame);
    at_ += static_cast<std::uint32_t>(inside);
    missing -= inside;
    if (at_ == length_) in_message_ = false;
  }
  if (searching_) prefix_size_ = 0;
}

void SmbStream::hold(Bytes bytes, SmbHeaderPool& pool) noexcept {
  pool.holds(buffer_) ? pool.touch(buffer_) : void(buffer_ = pool.take());
  std::memcpy(pool[buffer_].data() + have_, bytes.data(), bytes.size());
  have_ += static_cast<std::uint32_t>(bytes.size());
}

void SmbStream::drop_buffer(SmbHeaderPool& pool) noexcept {
  if (pool.holds(buffer_)) pool.release(buffer_);
  buffer_ = {};
  have_ = 0;
}

void SmbStream::reset(SmbHeaderPool& pool) noexcept {
  drop_buffer(pool);
  *this = SmbStream{};
}

void SmbStream::begin_message(std::uint32_t length) noexcept {
  in_message_ = length != 0;
  length_ = length;
  at_ = payload_begin_ = payload_end_ = unit_ = 0;
}

void SmbStream::skip_message() noexcept {
  payload_begin_ = payload_end_ = 0;
  unit_ = length_;
}

void SmbStream::start_search() noexcept {
  searching_ = true;
  in_message_ = false;
  prefix_size_ = 0;
}

std::size_t SmbStream::needed(std::size_t asked, const SmbUnit& unit) const noexcept {
  return std::min({asked, std::size_t{unit.length}, std::tuple_size<SmbHeaderPool::Buffer>::value});
}

}  // namespace rpcaudit::dissect
