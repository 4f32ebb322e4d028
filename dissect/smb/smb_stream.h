#pragma once

#include <array>
#include <cstdint>

#include "dissect/rpc_observer.h"
#include "dissect/smb/messages/nbss.h"
#include "dissect/store/evicting_pool.h"

namespace rpcaudit::dissect {

// A unit of a message: an SMB2 message of a compound, a command of an SMB1 chain, a transform.
struct SmbUnit {
  Bytes header;              // from the unit's first byte on, as far as it is there
  std::uint32_t offset = 0;  // of the unit in its message
  std::uint32_t length = 0;  // from there to the end of the message
};

// How to go on behind a unit's header; offsets from the unit's first byte.
struct SmbStep {
  std::uint32_t payload_offset = 0;
  std::uint32_t payload_length = 0;  // bytes that are handed on; 0: none
  std::uint32_t next_offset = 0;     // where the next unit begins; 0: there is none
};

// Buffers for headers that arrive in pieces, shared by all streams. Longer headers are read as far
// as they fit: only security tokens may be this long, and their names stand near their beginning.
using SmbHeaderPool = EvictingPool<std::array<std::byte, 16384>>;

// What a stream tells of one direction of a connection.
class SmbStreamSink {
 public:
  SmbStreamSink() = default;
  SmbStreamSink(const SmbStreamSink&) = delete;
  SmbStreamSink& operator=(const SmbStreamSink&) = delete;
  virtual ~SmbStreamSink() = default;

  // How many bytes of the unit are to be presented at once, as far as its header tells yet; 0 when
  // nothing of SMB begins here.
  [[nodiscard]] virtual std::size_t bytes_needed(const SmbUnit& unit) noexcept = 0;
  // The unit's header is exactly those bytes.
  virtual SmbStep on_unit(const SmbUnit& unit, const FrameReference& frame) noexcept = 0;
  virtual void on_payload(Bytes bytes, const FrameReference& frame) noexcept = 0;
  virtual void on_payload_gap(std::uint64_t missing, const FrameReference& frame) noexcept = 0;
  // Headers were not seen: the rest of a message, or everything up to the next one that is found.
  virtual void on_lost(const FrameReference& frame) noexcept = 0;
  // The front of a header was evicted: the rest of its message is not read.
  virtual void on_header_evicted(const FrameReference& frame) noexcept = 0;
  // A message of no bytes.
  virtual void on_empty_message() noexcept = 0;
  virtual void on_undecodable(const FrameReference& frame) noexcept = 0;
};

// Finds the SMB messages in one direction of a connection and what in them matters: headers are
// presented (in place where they arrive whole), payload of pipes is handed on as it comes, and all
// other bytes, file data above all, are passed over by their length without being looked at. After
// a gap the stream stays in step where lengths tell how; otherwise it looks for the next message.
class SmbStream {
 public:
  // Returns the bytes from the first to the last that is not passed over.
  [[nodiscard]] Bytes consume(Bytes bytes, const FrameReference& frame, SmbHeaderPool& pool,
                              SmbStreamSink& sink) noexcept;

  // `missing` bytes will never come. `frame` is where that was seen.
  void gap(std::uint64_t missing, const FrameReference& frame, SmbHeaderPool& pool,
           SmbStreamSink& sink) noexcept;

  // Gives the buffer back.
  void reset(SmbHeaderPool& pool) noexcept;

  // The front of a header was evicted, and that was not told yet.
  [[nodiscard]] bool has_lost_header(const SmbHeaderPool& pool) const noexcept {
    return have_ != 0 && !pool.holds(buffer_);
  }

  // True when the next `count` bytes are passed over whatever they are.
  [[nodiscard]] bool passes_over(std::size_t count) const noexcept {
    return in_message_ && at_ >= payload_end_ && at_ + count <= unit_;
  }

 private:
  static constexpr std::size_t kPrefix = kNbssHeaderSize + kSmbMagicSize;

  Bytes consume_framing(Bytes bytes, const FrameReference& frame, SmbStreamSink& sink) noexcept;
  Bytes consume_payload(Bytes bytes, const FrameReference& frame, SmbStreamSink& sink) noexcept;
  Bytes consume_header(Bytes bytes, const FrameReference& frame, SmbHeaderPool& pool,
                       SmbStreamSink& sink) noexcept;
  Bytes search(Bytes bytes, const FrameReference& frame, SmbHeaderPool& pool,
               SmbStreamSink& sink) noexcept;
  void present(const SmbUnit& unit, const FrameReference& frame, SmbStreamSink& sink) noexcept;
  void hold(Bytes bytes, SmbHeaderPool& pool) noexcept;
  void drop_buffer(SmbHeaderPool& pool) noexcept;
  void begin_message(std::uint32_t length) noexcept;
  void skip_message() noexcept;
  void start_search() noexcept;
  [[nodiscard]] std::size_t needed(std::size_t asked, const SmbUnit& unit) const noexcept;

  // Places in the message, from its first byte behind the framing.
  std::uint32_t at_ = 0;             // of the stream; while a header is held: its first byte
  std::uint32_t payload_begin_ = 0;  // the payload under way
  std::uint32_t payload_end_ = 0;
  std::uint32_t unit_ = 0;  // where the next unit begins, or the end of the message
  std::uint32_t length_ = 0;
  SmbHeaderPool::Reference buffer_;
  std::uint32_t have_ = 0;  // bytes of a header that are held
  bool in_message_ = false;
  bool searching_ = false;
  std::uint8_t prefix_size_ = 0;             // of prefix_
  std::array<std::byte, kPrefix> prefix_{};  // the framing in pieces; in a search the last bytes
};

}  // namespace rpcaudit::dissect
