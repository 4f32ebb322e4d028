#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "dissect/rpc/pdus/pdu.h"
#include "dissect/rpc/pdus/rpc_header.h"
#include "dissect/rpc_observer.h"
#include "dissect/store/evicting_pool.h"
#include "dissect/stubs/stub_topics.h"

namespace rpcaudit::dissect {

// The index of the last PDU begun in this frame. Streams whose PDUs may begin in one frame hand it
// from one to the other.
struct PduOrdinal {
  std::uint64_t frame = 0;  // FrameReference::sequence
  std::uint32_t index = 0;
};

// How many bytes of a PDU its reader needs before it can be told. Those behind them (stubs, above
// all) are passed over without being looked at. `stub_prefix` is how much of a request's stub is
// read; kWholePdus asks for all of every PDU.
[[nodiscard]] std::size_t bytes_needed(const RpcHeader& header, std::size_t stub_prefix) noexcept;

// Room for PDUs that arrive in pieces, shared by all streams.
using PduBufferPool = EvictingPool<std::array<std::byte, 65536>>;

// Who is told what a PduStream finds. The stream calls it from within consume(), gap() and
// finish(), and may not be touched meanwhile.
class PduSink {
 public:
  virtual void on_pdu(const Pdu& pdu) noexcept = 0;
  // The stream lost step: no PDU begins where one should. Told once until it finds the next one.
  // `bytes` were at hand.
  virtual void on_undecodable(const FrameReference& frame, std::size_t bytes) noexcept = 0;
  virtual void on_resynchronised() noexcept = 0;
  // A PDU that began in `frame` is lost, because its front made room for that of another stream.
  virtual void on_evicted(const FrameReference& frame) noexcept = 0;

 protected:
  ~PduSink() = default;
};

// Finds the PDUs in one direction of one connection (or pipe), however its bytes arrive: a PDU
// whole inside one chunk is told in place, only a split one is copied. After a gap whose size is
// known to end inside a PDU it stays in step; otherwise it looks for the next plausible header.
class PduStream {
 public:
  // A gap that no PDU is long enough to hold.
  static constexpr std::uint64_t kUnknownGap = std::uint64_t{1} << 62;

  // Back to the start of a stream; gives the buffer back.
  void reset(PduBufferPool& pool) noexcept;

  // The next bytes of the stream. PDUs are told as soon as bytes_needed() of them are there.
  // Returns the bytes but for those before the first and behind the last that were not passed over.
  Bytes consume(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                std::size_t stub_prefix, PduSink& sink) noexcept;

  // `missing` bytes will never come. What was buffered is told as far as it goes.
  void gap(std::uint64_t missing, PduBufferPool& pool, PduSink& sink) noexcept;

  // The stream ends: a PDU that is not whole is told as far as it goes.
  void finish(PduBufferPool& pool, PduSink& sink) noexcept;

  // Passes over the next `count` bytes of the stream (a banner before the first PDU).
  void skip(std::size_t count) noexcept { skip_ += count; }

  [[nodiscard]] bool passes_over(std::size_t count) const noexcept { return skip_ >= count; }

  // The ordinal of the last PDU; that of the next one follows it.
  [[nodiscard]] const PduOrdinal& ordinal() const noexcept { return ordinal_; }
  void set_ordinal(const PduOrdinal& ordinal) noexcept { ordinal_ = ordinal; }

  // True while bytes are held of a PDU that has not been told.
  [[nodiscard]] bool is_open() const noexcept { return have_ != 0; }
  [[nodiscard]] const FrameReference& open_since() const noexcept { return start_; }

 private:
  // The part of a PDU needed to find where RPC starts again.
  static constexpr std::size_t kSearchWindow = 64;

  struct Input;

  // How many of the next `size` bytes are passed over.
  [[nodiscard]] std::size_t passed_over(std::size_t size) const noexcept {
    return static_cast<std::size_t>(std::min<std::uint64_t>(skip_, size));
  }
  void begin(const FrameReference& frame) noexcept;
  void drop_buffer(PduBufferPool& pool) noexcept;
  Bytes take(Bytes bytes, const FrameReference& frame, PduBufferPool& pool, std::size_t stub_prefix,
             PduSink& sink) noexcept;
  void resynchronise(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                     std::size_t stub_prefix, PduSink& sink) noexcept;
  Bytes consume_at_boundary(Bytes bytes, const FrameReference& frame, PduBufferPool& pool,
                            std::size_t stub_prefix, PduSink& sink) noexcept;
  Bytes consume_buffered(Bytes bytes, PduBufferPool& pool, std::size_t stub_prefix,
                         PduSink& sink) noexcept;
  void search(Input& input, PduBufferPool& pool, PduSink& sink) noexcept;
  void tell_buffered(PduBufferPool& pool, PduSink& sink) noexcept;
  void hold(Bytes bytes, PduBufferPool& pool) noexcept;
  // Has the stream go on behind a PDU whose front was evicted.
  void note_eviction(PduBufferPool& pool, PduSink& sink) noexcept;

  RpcHeader header_;
  FrameReference start_;
  std::uint64_t skip_ = 0;  // bytes to pass over before the next boundary
  PduBufferPool::Reference buffer_;
  std::uint32_t have_ = 0;      // bytes in the buffer
  std::uint32_t need_ = 0;      // bytes wanted in it; 0 until the header is known
  std::uint32_t clean_ = 0;     // bytes before the first hole
  std::uint32_t hole_end_ = 0;  // end of the last hole
  PduOrdinal ordinal_;
  std::uint32_t index_ = 0;  // of the PDU under way
  bool searching_ = false;
  bool has_hole_ = false;
};

}  // namespace rpcaudit::dissect
