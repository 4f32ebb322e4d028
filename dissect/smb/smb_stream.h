#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "dissect/rpc_observer.h"
#include "dissect/smb/nbss.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// The front of a unit: an SMB2 message of a compound, a command of an SMB1 chain, a transform
// header. Bytes from its start on, as far as they are there.
struct SmbUnit {
  Bytes head;
  std::uint32_t offset = 0;  // of the unit in its message
  std::uint32_t length = 0;  // from there to the end of the message
};

// How to go on behind a unit's head; offsets from the unit's start.
struct SmbStep {
  std::uint32_t payload_offset = 0;
  std::uint32_t payload_length = 0;  // bytes that are handed on; 0: none
  std::uint32_t next_offset = 0;     // where the next unit begins; 0: there is none
};

// Room for heads that arrive in pieces, shared by all streams. Longer heads are read as far as they
// fit: what may be this long is a security token, whose names stand near its front.
using SmbHeadBuffer = std::array<std::byte, 16384>;
using SmbHeadPool = Slab<SmbHeadBuffer>;

// Finds the SMB messages in one direction of a connection and what in them matters: heads are shown
// (in place where they arrive whole), payload of pipes is handed on as it comes, and all the rest,
// file data above all, is passed over by its length without being looked at. After a gap it stays
// in step where lengths tell how; otherwise it looks for the next message.
//
// The sink has
//   std::size_t bytes_needed(const SmbUnit&)  bytes of the unit to be shown at once, as far as the
//                                             head tells yet; 0 when nothing SMB begins here
//   SmbStep on_unit(const SmbUnit&, const FrameReference&)    its head is exactly those bytes
//   void on_payload(Bytes, const FrameReference&)
//   void on_payload_gap(std::uint64_t missing, const FrameReference&)
//   void on_lost(const FrameReference&)       heads that were not seen: the rest of a message, or
//                                             everything up to where it resynchronises
//   void on_undecodable(const FrameReference&)
class SmbStream {
 public:
  template <class Sink>
  void consume(Bytes bytes, const FrameReference& frame, SmbHeadPool& pool, Sink& sink) noexcept;

  // `missing` bytes will never come. `frame` is where that was seen.
  template <class Sink>
  void gap(std::uint64_t missing, const FrameReference& frame, SmbHeadPool& pool,
           Sink& sink) noexcept;

  // Gives the buffer back.
  void reset(SmbHeadPool& pool) noexcept;

  // True when the next `count` bytes are passed over whatever they are.
  [[nodiscard]] bool passes_over(std::size_t count) const noexcept {
    return in_message_ && at_ >= payload_end_ && at_ + count <= unit_;
  }

 private:
  static constexpr std::size_t kFront = kNbssHeaderSize + kSmbMagicSize;

  template <class Sink>
  Bytes consume_framing(Bytes bytes, const FrameReference& frame, Sink& sink) noexcept;
  template <class Sink>
  Bytes consume_payload(Bytes bytes, const FrameReference& frame, Sink& sink) noexcept;
  template <class Sink>
  Bytes consume_head(Bytes bytes, const FrameReference& frame, SmbHeadPool& pool,
                     Sink& sink) noexcept;
  template <class Sink>
  Bytes search(Bytes bytes, const FrameReference& frame, SmbHeadPool& pool, Sink& sink) noexcept;
  template <class Sink>
  void show(const SmbUnit& unit, const FrameReference& frame, Sink& sink) noexcept;
  [[nodiscard]] bool hold(Bytes bytes, SmbHeadPool& pool) noexcept;
  void drop_buffer(SmbHeadPool& pool) noexcept;
  void begin_message(std::uint32_t length) noexcept;
  void skip_message() noexcept;
  void start_search() noexcept;
  [[nodiscard]] std::size_t needed(std::size_t asked, const SmbUnit& unit) const noexcept;

  // Places in the message, from its first byte behind the framing.
  std::uint32_t at_ = 0;             // of the stream; while a head is held: where that begins
  std::uint32_t payload_begin_ = 0;  // the payload under way
  std::uint32_t payload_end_ = 0;
  std::uint32_t unit_ = 0;  // where the next unit begins, or the end of the message
  std::uint32_t length_ = 0;
  std::uint32_t buffer_ = kNoSlot;
  std::uint32_t have_ = 0;  // bytes of a head that are held
  bool in_message_ = false;
  bool searching_ = false;
  std::uint8_t front_size_ = 0;            // of front_
  std::array<std::byte, kFront> front_{};  // the framing in pieces; in a search the last bytes
};

// --- implementation of the templates ---

template <class Sink>
void SmbStream::consume(Bytes bytes, const FrameReference& frame, SmbHeadPool& pool,
                        Sink& sink) noexcept {
  while (!bytes.empty()) {
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
      bytes = consume_head(bytes, frame, pool, sink);
    }
    if (in_message_ && at_ == length_) in_message_ = false;
  }
}

template <class Sink>
Bytes SmbStream::consume_framing(Bytes bytes, const FrameReference& frame, Sink& sink) noexcept {
  const std::size_t taken = std::min(kNbssHeaderSize - front_size_, bytes.size());
  std::memcpy(front_.data() + front_size_, bytes.data(), taken);
  front_size_ = static_cast<std::uint8_t>(front_size_ + taken);
  bytes = bytes.subspan(taken);
  if (front_size_ < kNbssHeaderSize) return bytes;
  front_size_ = 0;
  NbssHeader header;
  if (parse_nbss_header(front_, header) != ParseStatus::ok) {
    sink.on_undecodable(frame);
    start_search();
    return bytes;
  }
  begin_message(header.length);
  if (header.type != NbssType::message) skip_message();
  return bytes;
}

template <class Sink>
Bytes SmbStream::consume_payload(Bytes bytes, const FrameReference& frame, Sink& sink) noexcept {
  const bool before = at_ < payload_begin_;
  const std::uint32_t end = before ? payload_begin_ : payload_end_;
  const Bytes part = bytes.first(std::min<std::size_t>(end - at_, bytes.size()));
  at_ += static_cast<std::uint32_t>(part.size());
  if (!before) sink.on_payload(part, frame);
  return bytes.subspan(part.size());
}

template <class Sink>
Bytes SmbStream::consume_head(Bytes bytes, const FrameReference& frame, SmbHeadPool& pool,
                              Sink& sink) noexcept {
  SmbUnit unit{bytes, at_, length_ - at_};
  if (have_ == 0) {
    unit.head = bytes.first(std::min<std::size_t>(bytes.size(), unit.length));
  } else {
    unit.head = Bytes(pool[buffer_]).first(have_);
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
    const std::size_t need = needed(asked, unit);
    if (need <= unit.head.size()) {
      const std::size_t fresh = have_ == 0 ? need : 0;
      unit.head = unit.head.first(need);
      have_ = 0;
      show(unit, frame, sink);
      drop_buffer(pool);
      return bytes.subspan(fresh);
    }
    if (bytes.empty()) return bytes;
    const Bytes part = bytes.first(std::min<std::size_t>(bytes.size(), need - have_));
    if (!hold(part, pool)) {
      sink.on_lost(frame);
      skip_message();
      return bytes;
    }
    bytes = bytes.subspan(part.size());
    unit.head = Bytes(pool[buffer_]).first(have_);
  }
}

// Shows a complete head and sets out what follows it.
template <class Sink>
void SmbStream::show(const SmbUnit& unit, const FrameReference& frame, Sink& sink) noexcept {
  const SmbStep step = sink.on_unit(unit, frame);
  const auto shown = static_cast<std::uint32_t>(unit.head.size());
  const std::uint32_t begin = std::min(step.payload_offset, unit.length);
  const std::uint32_t end = begin + std::min(step.payload_length, unit.length - begin);
  if (begin < shown && begin < end) {
    sink.on_payload(unit.head.subspan(begin, std::min(shown, end) - begin), frame);
  }
  at_ = unit.offset + shown;
  payload_begin_ = unit.offset + begin;
  payload_end_ = unit.offset + end;
  const std::uint32_t next = step.next_offset;
  const bool has_next = next >= std::max(shown, end) && next != 0 && next < unit.length;
  unit_ = has_next ? unit.offset + next : length_;
}

// Bytes are looked at until one of them begins a message; the last few are kept, because a message
// may begin in them.
template <class Sink>
Bytes SmbStream::search(Bytes bytes, const FrameReference& frame, SmbHeadPool& pool,
                        Sink& sink) noexcept {
  std::array<std::byte, 2 * kFront> seam;
  const std::size_t kept = front_size_;
  const std::size_t added = std::min(bytes.size(), kFront);
  std::memcpy(seam.data(), front_.data(), kept);
  std::memcpy(seam.data() + kept, bytes.data(), added);
  const Bytes whole = Bytes(seam).first(kept + added);
  const std::size_t in_seam = find_smb_message(whole);
  if (in_seam < whole.size()) {
    searching_ = false;
    front_size_ = 0;
    const std::size_t used = in_seam < kept ? 0 : in_seam - kept;
    if (in_seam < kept) consume(whole.subspan(in_seam, kept - in_seam), frame, pool, sink);
    return bytes.subspan(used);
  }
  const std::size_t found = find_smb_message(bytes);
  if (found < bytes.size()) {
    searching_ = false;
    front_size_ = 0;
    return bytes.subspan(found);
  }
  const Bytes last = bytes.size() >= kFront ? bytes : whole;
  const std::size_t keep = std::min(last.size(), kFront - 1);
  std::memmove(front_.data(), last.data() + (last.size() - keep), keep);
  front_size_ = static_cast<std::uint8_t>(keep);
  return {};
}

template <class Sink>
void SmbStream::gap(std::uint64_t missing, const FrameReference& frame, SmbHeadPool& pool,
                    Sink& sink) noexcept {
  while (missing != 0 && !searching_) {
    if (!in_message_) {
      sink.on_lost(frame);
      start_search();
      break;
    }
    if (at_ == unit_) {  // a head, or the rest of one
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
  if (searching_) front_size_ = 0;
}

inline bool SmbStream::hold(Bytes bytes, SmbHeadPool& pool) noexcept {
  if (buffer_ == kNoSlot) buffer_ = pool.take();
  if (buffer_ == kNoSlot) return false;
  std::memcpy(pool[buffer_].data() + have_, bytes.data(), bytes.size());
  have_ += static_cast<std::uint32_t>(bytes.size());
  return true;
}

inline void SmbStream::drop_buffer(SmbHeadPool& pool) noexcept {
  if (buffer_ != kNoSlot) pool.release(buffer_);
  buffer_ = kNoSlot;
  have_ = 0;
}

inline void SmbStream::reset(SmbHeadPool& pool) noexcept {
  drop_buffer(pool);
  *this = SmbStream{};
}

inline void SmbStream::begin_message(std::uint32_t length) noexcept {
  in_message_ = length != 0;
  length_ = length;
  at_ = payload_begin_ = payload_end_ = unit_ = 0;
}

inline void SmbStream::skip_message() noexcept {
  payload_begin_ = payload_end_ = 0;
  unit_ = length_;
}

inline void SmbStream::start_search() noexcept {
  searching_ = true;
  in_message_ = false;
  front_size_ = 0;
}

inline std::size_t SmbStream::needed(std::size_t asked, const SmbUnit& unit) const noexcept {
  return std::min({asked, std::size_t{unit.length}, std::tuple_size<SmbHeadBuffer>::value});
}

}  // namespace rpcaudit::dissect
