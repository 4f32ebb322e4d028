#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dissect/limits.h"
#include "dissect/rpc/rpc_header.h"
#include "dissect/rpc_observer.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// A PDU as far as its stream showed it.
struct Pdu {
  RpcHeader header;
  Bytes bytes;               // from the common header on; at most fragment_length
  std::size_t clean = 0;     // bytes from the front that are all real; the first hole begins here
  std::size_t hole_end = 0;  // bytes from here to the end of `bytes` are real again
  FrameReference frame;      // in which the PDU began
  std::uint32_t index = 0;   // among the PDUs of its direction that began in that frame

  [[nodiscard]] bool whole() const noexcept {
    return clean == bytes.size() && bytes.size() == header.fragment_length;
  }
};

// Where among the PDUs of one frame the last one stood: several streams share the count when their
// PDUs may begin in the same frame.
struct PduPlace {
  std::uint64_t frame = 0;  // FrameReference::sequence
  std::uint32_t index = 0;
};

// How many bytes of a PDU its reader needs before it can be told: what follows them (stubs, above
// all) is passed over without being looked at.
//
// A body prefix of kWholePdus asks for all of every PDU.
inline constexpr std::size_t kWholePdus = 65536;
[[nodiscard]] std::size_t bytes_needed(const RpcHeader& header, std::size_t body_prefix) noexcept;

// Room for PDUs that arrive in pieces, shared by all streams.
using PduBuffer = std::array<std::byte, 65536>;
using PduBufferPool = Slab<PduBuffer>;

// Finds the PDUs in one direction of one connection (or pipe), however its bytes arrive: a PDU
// whole inside one chunk is told in place, only a split one is copied. After a gap whose size is
// known to end inside a PDU it stays in step; otherwise it looks for the next plausible header.
//
// The sink has: on_pdu(const Pdu&), on_undecodable(const FrameReference&, std::size_t bytes) once
// per loss of step, on_resynchronised(), on_buffers_exhausted(const FrameReference&). It is called
// from within consume(), gap() and finish(), and may not touch the stream.
class PduStream {
 public:
  // A gap that no PDU is long enough to hold.
  static constexpr std::uint64_t kUnknownGap = std::uint64_t{1} << 62;

  // Back to the start of a stream; gives the buffer back.
  void reset(PduBufferPool& pool) noexcept;

  template <class Sink>
  void consume(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
               std::size_t body_prefix, Sink& sink) noexcept;

  // `missing` bytes will never come. What was buffered is told as far as it goes.
  template <class Sink>
  void gap(std::uint64_t missing, PduBufferPool& pool, Sink& sink) noexcept;

  // The stream ends: a PDU that is not whole is told as far as it goes.
  template <class Sink>
  void finish(PduBufferPool& pool, Sink& sink) noexcept;

  // Passes over the next `count` bytes of the stream (a banner before the first PDU).
  void skip(std::size_t count) noexcept { skip_ += count; }

  // The place of the last PDU; the next one counts on from it.
  [[nodiscard]] const PduPlace& place() const noexcept { return place_; }
  void set_place(const PduPlace& place) noexcept { place_ = place; }

  // True while bytes are held of a PDU that has not been told.
  [[nodiscard]] bool is_open() const noexcept { return have_ != 0; }
  [[nodiscard]] const FrameReference& open_since() const noexcept { return start_; }

 private:
  // The part of a PDU needed to find where RPC starts again.
  static constexpr std::size_t kSearchWindow = 64;

  void begin(const FrameReference& frame) noexcept;
  void drop_buffer(PduBufferPool& pool) noexcept;
  template <class Sink>
  Bytes consume_at_boundary(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                            std::size_t body_prefix, Sink& sink) noexcept;
  template <class Sink>
  Bytes consume_buffered(Bytes bytes, PduBufferPool& pool, std::size_t body_prefix,
                         Sink& sink) noexcept;
  template <class Sink>
  Bytes search(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
               std::size_t body_prefix, Sink& sink) noexcept;
  template <class Sink>
  Bytes lose_step(Bytes bytes, const FrameReference& frame, Sink& sink) noexcept;
  template <class Sink>
  void tell_buffered(PduBufferPool& pool, Sink& sink) noexcept;
  [[nodiscard]] bool hold(Bytes bytes, PduBufferPool& pool) noexcept;

  RpcHeader header_;
  FrameReference start_;
  std::uint64_t skip_ = 0;  // bytes to pass over before the next boundary
  std::uint32_t buffer_ = kNoSlot;
  std::uint32_t have_ = 0;      // bytes in the buffer
  std::uint32_t need_ = 0;      // bytes wanted in it; 0 until the header is known
  std::uint32_t clean_ = 0;     // before the first hole
  std::uint32_t hole_end_ = 0;  // behind the last
  PduPlace place_;
  std::uint32_t index_ = 0;  // of the PDU under way
  bool searching_ = false;
  bool has_hole_ = false;
};

// --- implementation of the templates ---

inline void PduStream::begin(const FrameReference& frame) noexcept {
  place_.index = frame.sequence == place_.frame ? place_.index + 1 : 0;
  place_.frame = frame.sequence;
  index_ = place_.index;
  start_ = frame;
  need_ = 0;
  has_hole_ = false;
}

inline void PduStream::drop_buffer(PduBufferPool& pool) noexcept {
  if (buffer_ != kNoSlot) pool.release(buffer_);
  buffer_ = kNoSlot;
  have_ = 0;
  need_ = 0;
}

inline void PduStream::reset(PduBufferPool& pool) noexcept {
  drop_buffer(pool);
  *this = PduStream{};
}

// Appends to the buffer; false when no buffer is to be had. Never asked for more than fits: a PDU
// is at most 65535 bytes.
inline bool PduStream::hold(Bytes bytes, PduBufferPool& pool) noexcept {
  if (buffer_ == kNoSlot) buffer_ = pool.take();
  if (buffer_ == kNoSlot) return false;
  std::memcpy(pool[buffer_].data() + have_, bytes.data(), bytes.size());
  have_ += static_cast<std::uint32_t>(bytes.size());
  return true;
}

template <class Sink>
void PduStream::tell_buffered(PduBufferPool& pool, Sink& sink) noexcept {
  Pdu pdu;
  pdu.header = header_;
  pdu.bytes = Bytes(pool[buffer_]).first(have_);
  pdu.clean = has_hole_ ? clean_ : have_;
  pdu.hole_end = has_hole_ ? hole_end_ : 0;
  pdu.frame = start_;
  pdu.index = index_;
  sink.on_pdu(pdu);
}

template <class Sink>
void PduStream::consume(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                        std::size_t body_prefix, Sink& sink) noexcept {
  while (!bytes.empty()) {
    if (skip_ != 0) {
      const auto passed = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
      skip_ -= passed;
      bytes = bytes.subspan(passed);
    } else if (searching_) {
      bytes = search(bytes, frame, pool, body_prefix, sink);
    } else if (have_ == 0) {
      bytes = consume_at_boundary(bytes, frame, pool, body_prefix, sink);
    } else {
      bytes = consume_buffered(bytes, pool, body_prefix, sink);
    }
  }
}

template <class Sink>
Bytes PduStream::lose_step(Bytes bytes, const FrameReference& frame, Sink& sink) noexcept {
  sink.on_undecodable(frame, bytes.size());
  searching_ = true;
  return bytes.subspan(1);  // a PDU does not start here
}

template <class Sink>
Bytes PduStream::consume_at_boundary(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                                     std::size_t body_prefix, Sink& sink) noexcept {
  begin(frame);
  const ParseStatus status = parse_rpc_header(bytes, header_);
  if (status != ParseStatus::ok && status != ParseStatus::truncated) {
    return lose_step(bytes, frame, sink);
  }
  if (status == ParseStatus::ok && bytes.size() >= bytes_needed(header_, body_prefix)) {
    const std::size_t size = std::min<std::size_t>(bytes.size(), header_.fragment_length);
    Pdu pdu;
    pdu.header = header_;
    pdu.bytes = bytes.first(size);
    pdu.clean = size;
    pdu.frame = start_;
    pdu.index = index_;
    sink.on_pdu(pdu);
    skip_ = header_.fragment_length - size;
    return bytes.subspan(size);
  }
  if (status == ParseStatus::ok) {
    need_ = static_cast<std::uint32_t>(bytes_needed(header_, body_prefix));
  }
  if (hold(bytes, pool)) return {};
  sink.on_buffers_exhausted(frame);
  have_ = 0;
  if (status == ParseStatus::ok) {
    skip_ = header_.fragment_length - bytes.size();
  } else {
    searching_ = true;
  }
  return {};
}

template <class Sink>
Bytes PduStream::consume_buffered(Bytes bytes, PduBufferPool& pool, std::size_t body_prefix,
                                  Sink& sink) noexcept {
  const std::size_t wanted = need_ == 0 ? kRpcHeaderSize : need_;
  const std::size_t taken = std::min(bytes.size(), wanted - have_);
  (void)hold(bytes.first(taken), pool);  // the buffer is there since the PDU's first byte
  bytes = bytes.subspan(taken);
  if (have_ < wanted) return bytes;

  if (need_ == 0) {
    if (parse_rpc_header(Bytes(pool[buffer_]).first(have_), header_) != ParseStatus::ok) {
      sink.on_undecodable(start_, have_);
      drop_buffer(pool);
      searching_ = true;
      return bytes;
    }
    need_ = static_cast<std::uint32_t>(bytes_needed(header_, body_prefix));
    if (have_ < need_) return bytes;
  }
  tell_buffered(pool, sink);
  skip_ = header_.fragment_length - have_;
  drop_buffer(pool);
  return bytes;
}

template <class Sink>
Bytes PduStream::search(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                        std::size_t body_prefix, Sink& sink) noexcept {
  if (have_ == 0) begin(frame);
  const std::size_t taken = std::min(bytes.size(), kSearchWindow - have_);
  if (!hold(bytes.first(taken), pool)) return bytes.subspan(taken);
  bytes = bytes.subspan(taken);

  std::array<std::byte, kSearchWindow> window;
  const std::size_t size = have_;
  std::memcpy(window.data(), pool[buffer_].data(), size);
  std::size_t at = 0;
  Likeness likeness = Likeness::no;
  for (; at < size && likeness == Likeness::no; ++at) {
    likeness = looks_like_rpc(Bytes(window).subspan(at, size - at));
  }
  drop_buffer(pool);
  if (likeness == Likeness::no) return bytes;
  --at;
  const FrameReference found_in = at == 0 ? start_ : frame;
  const Bytes found = Bytes(window).subspan(at, size - at);
  if (likeness == Likeness::not_yet) {
    if (at != 0) begin(frame);
    (void)hold(found, pool);
    return bytes;
  }
  // The window is read again as the start of a PDU. Should that fail after all, the search goes on
  // behind its first byte, so this nests less deep than the window is long.
  searching_ = false;
  sink.on_resynchronised();
  consume(found, found_in, pool, body_prefix, sink);
  return bytes;
}

template <class Sink>
void PduStream::gap(std::uint64_t missing, PduBufferPool& pool, Sink& sink) noexcept {
  if (have_ == 0) {
    // In the part of a PDU that is passed over anyway, or in a search, a hole changes nothing.
    if (skip_ >= missing) {
      skip_ -= missing;
      return;
    }
    skip_ = 0;
    searching_ = true;
    return;
  }
  const bool header_known = need_ != 0;
  if (header_known && missing <= header_.fragment_length - have_) {
    if (!has_hole_) clean_ = have_;
    has_hole_ = true;
    const auto inside = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(missing, need_ - std::min(need_, have_)));
    std::memset(pool[buffer_].data() + have_, 0, inside);
    have_ += inside;
    hole_end_ = have_;
    if (have_ < need_) return;
    tell_buffered(pool, sink);
    skip_ = header_.fragment_length - have_ - (missing - inside);
    drop_buffer(pool);
    return;
  }
  finish(pool, sink);
  searching_ = true;
}

template <class Sink>
void PduStream::finish(PduBufferPool& pool, Sink& sink) noexcept {
  if (have_ != 0 && need_ != 0 && !searching_) tell_buffered(pool, sink);
  drop_buffer(pool);
  skip_ = 0;
}

}  // namespace rpcaudit::dissect
