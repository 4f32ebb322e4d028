#include "dissect/rpc/pdu_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dissect/rpc/pdus/rpc_call.h"

namespace rpcaudit::dissect {

std::size_t bytes_needed(const RpcHeader& header, std::size_t stub_prefix) noexcept {
  const std::size_t whole = header.fragment_length;
  if (stub_prefix >= kWholePdus) return whole;
  switch (header.type) {
    case PduType::request:
      if (!is_first_fragment(header)) return std::min(whole, kRequestSize + kObjectSize);
      // The trailer stands at the end; without one, only the prefix matters.
      if (header.auth_length != 0) return whole;
      return std::min(whole, kRequestSize + kObjectSize + stub_prefix);
    case PduType::response: return std::min(whole, kResponseSize);
    case PduType::fault: return std::min(whole, kFaultSize);
    case PduType::shutdown:
    case PduType::co_cancel:
    case PduType::orphaned:
    case PduType::rts: return kRpcHeaderSize;
    default: return whole;
  }
}

// What resynchronise() has left to read: the bytes that a search found a PDU in, if any, then the
// bytes that the stream was given.
struct PduStream::Input {
  std::array<std::byte, kSearchWindow> window;  // where bytes that are read again stand
  Bytes bytes;                                  // read next
  FrameReference frame;                         // of `bytes`
  Bytes later;                                  // read after them
  FrameReference later_frame;

  [[nodiscard]] bool next() noexcept {
    if (!bytes.empty()) return true;
    if (later.empty()) return false;
    bytes = std::exchange(later, {});
    frame = later_frame;
    return true;
  }
};

void PduStream::begin(const FrameReference& frame) noexcept {
  ordinal_.index = frame.sequence == ordinal_.frame ? ordinal_.index + 1 : 0;
  ordinal_.frame = frame.sequence;
  index_ = ordinal_.index;
  start_ = frame;
  need_ = 0;
  has_hole_ = false;
}

void PduStream::drop_buffer(PduBufferPool& pool) noexcept {
  if (pool.holds(buffer_)) pool.release(buffer_);
  buffer_ = {};
  have_ = 0;
  need_ = 0;
}

void PduStream::reset(PduBufferPool& pool) noexcept {
  drop_buffer(pool);
  *this = PduStream{};
}

// Appends to the buffer. Never asked for more than fits: a PDU is at most 65535 bytes.
void PduStream::hold(Bytes bytes, PduBufferPool& pool) noexcept {
  if (buffer_.slot) {
    pool.touch(buffer_);
  } else {
    buffer_ = pool.take();
  }
  std::memcpy(pool[buffer_].data() + have_, bytes.data(), bytes.size());
  have_ += static_cast<std::uint32_t>(bytes.size());
}

void PduStream::note_eviction(PduBufferPool& pool, PduSink& sink) noexcept {
  if (have_ == 0 || pool.holds(buffer_)) return;
  const bool is_header_known = need_ != 0;
  const std::uint32_t missed = have_;
  drop_buffer(pool);
  if (searching_) return;  // what was searched is no PDU
  sink.on_evicted(start_);
  if (is_header_known) {
    skip_ = header_.fragment_length - missed;
  } else {
    searching_ = true;
  }
}

void PduStream::tell_buffered(PduBufferPool& pool, PduSink& sink) noexcept {
  Pdu pdu;
  pdu.header = header_;
  pdu.bytes = Bytes(pool[buffer_]).first(have_);
  pdu.clean = has_hole_ ? clean_ : have_;
  pdu.hole_end = has_hole_ ? hole_end_ : 0;
  pdu.frame = start_;
  pdu.index = index_;
  sink.on_pdu(pdu);
}

Bytes PduStream::consume(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                         std::size_t stub_prefix, PduSink& sink) noexcept {
  note_eviction(pool, sink);
  const std::size_t passed_before = passed_over(bytes.size());
  if (passed_before == bytes.size()) {
    skip_ -= passed_before;
    return {};
  }
  std::size_t passed_behind = 0;
  Bytes rest = bytes;
  while (!rest.empty() && !searching_) {
    passed_behind = passed_over(rest.size());
    rest = take(rest, frame, pool, stub_prefix, sink);
  }
  if (!rest.empty()) {
    passed_behind = 0;
    resynchronise(rest, frame, pool, stub_prefix, sink);
  }
  return bytes.subspan(passed_before, bytes.size() - passed_before - passed_behind);
}

// Takes some of the bytes, in step; returns the others.
Bytes PduStream::take(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                      std::size_t stub_prefix, PduSink& sink) noexcept {
  if (const std::size_t passed = passed_over(bytes.size())) {
    skip_ -= passed;
    return bytes.subspan(passed);
  }
  if (have_ == 0) return consume_at_boundary(bytes, frame, pool, stub_prefix, sink);
  return consume_buffered(bytes, pool, stub_prefix, sink);
}

void PduStream::resynchronise(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                              std::size_t stub_prefix, PduSink& sink) noexcept {
  Input input;
  input.bytes = bytes;
  input.frame = frame;
  while (input.next()) {
    if (searching_) {
      search(input, pool, sink);
    } else {
      input.bytes = take(input.bytes, input.frame, pool, stub_prefix, sink);
    }
  }
}

Bytes PduStream::consume_at_boundary(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                                     std::size_t stub_prefix, PduSink& sink) noexcept {
  begin(frame);
  const ParseStatus status = parse_rpc_header(bytes, header_);
  if (status != ParseStatus::ok && status != ParseStatus::truncated) {
    sink.on_undecodable(frame, bytes.size());
    searching_ = true;
    return bytes.subspan(1);  // a PDU does not start here
  }
  const std::size_t size =
      status == ParseStatus::ok ? bytes_needed(header_, stub_prefix) : bytes.size() + 1;
  if (bytes.size() >= size) {
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
  if (status == ParseStatus::ok) need_ = static_cast<std::uint32_t>(size);
  hold(bytes, pool);
  return {};
}

Bytes PduStream::consume_buffered(Bytes bytes, PduBufferPool& pool, std::size_t stub_prefix,
                                  PduSink& sink) noexcept {
  const std::size_t wanted = need_ == 0 ? kRpcHeaderSize : need_;
  const std::size_t taken = std::min(bytes.size(), wanted - have_);
  hold(bytes.first(taken), pool);
  bytes = bytes.subspan(taken);
  if (have_ < wanted) return bytes;

  if (need_ == 0) {
    if (parse_rpc_header(Bytes(pool[buffer_]).first(have_), header_) != ParseStatus::ok) {
      sink.on_undecodable(start_, have_);
      drop_buffer(pool);
      searching_ = true;
      return bytes;
    }
    need_ = static_cast<std::uint32_t>(bytes_needed(header_, stub_prefix));
    if (have_ < need_) return bytes;
  }
  tell_buffered(pool, sink);
  skip_ = header_.fragment_length - have_;
  drop_buffer(pool);
  return bytes;
}

// Looks for the next plausible header in what is held and in the next bytes. Once one is found, the
// window from there on is read again as the start of a PDU.
void PduStream::search(Input& input, PduBufferPool& pool, PduSink& sink) noexcept {
  if (have_ == 0) begin(input.frame);
  const std::size_t taken = std::min(input.bytes.size(), kSearchWindow - have_);
  hold(input.bytes.first(taken), pool);
  input.bytes = input.bytes.subspan(taken);

  const std::size_t size = have_;
  std::memcpy(input.window.data(), pool[buffer_].data(), size);
  const Bytes window = Bytes(input.window).first(size);
  std::size_t at = 0;
  Likeness likeness = Likeness::no;
  for (; at < size; ++at) {
    likeness = looks_like_rpc(window.subspan(at));
    if (likeness != Likeness::no) break;
  }
  drop_buffer(pool);
  if (likeness == Likeness::no) return;
  const Bytes found = window.subspan(at);
  if (likeness == Likeness::not_yet) {
    if (at != 0) begin(input.frame);
    hold(found, pool);
    return;
  }
  searching_ = false;
  sink.on_resynchronised();
  // A window that is itself read again was taken whole, so nothing stands behind it yet.
  if (!input.bytes.empty()) {
    input.later = input.bytes;
    input.later_frame = input.frame;
  }
  input.bytes = found;
  if (at == 0) input.frame = start_;
}

void PduStream::gap(std::uint64_t missing, PduBufferPool& pool, PduSink& sink) noexcept {
  note_eviction(pool, sink);
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

void PduStream::finish(PduBufferPool& pool, PduSink& sink) noexcept {
  note_eviction(pool, sink);
  if (have_ != 0 && need_ != 0 && !searching_) tell_buffered(pool, sink);
  drop_buffer(pool);
  skip_ = 0;
}

}  // namespace rpcaudit::dissect
