#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "dissect/store/slab.h"
#include "dissect/tcp/sequence_number.h"

namespace rpcaudit::dissect {

// What a piece of a segment is, apart from its bytes.
struct PieceShape {
  std::uint32_t sequence = 0;
  std::uint32_t size = 0;  // bytes of the stream; all of them missing when `missing`
  std::uint32_t acknowledgment = 0;
  bool has_ack = false;
  bool missing = false;  // cut off by the snap length
  bool fin = false;      // the stream ends behind this piece

  [[nodiscard]] constexpr std::uint32_t end() const noexcept { return sequence + size; }
};

// A piece of a segment that cannot be delivered yet. Longer segments take several pieces.
struct HeldPiece : PieceShape {
  static constexpr std::size_t kBytes = 2048;

  FrameReference frame;
  Slot<HeldPiece> next;
  std::array<std::byte, kBytes> bytes;

  [[nodiscard]] Bytes captured() const noexcept {
    return missing ? Bytes{} : Bytes(bytes).first(size);
  }
};

// Room for the held pieces of all conversations.
struct ReorderPool {
  explicit ReorderPool(const Limits& limits)
      : pieces(std::max<std::size_t>(1, limits.reorder_bytes / HeldPiece::kBytes)),
        pieces_per_stream(limits.reorder_segments_per_stream) {}

  Slab<HeldPiece> pieces;
  std::size_t pieces_per_stream;
};

// The out-of-order queue of one direction: pieces by sequence number, none of which overlap. Bytes
// held first win over others for the same sequence numbers.
class OutOfOrderQueue {
 public:
  struct Inserted {
    bool is_complete = true;    // there was room for all of it
    bool has_conflict = false;  // bytes differ from those held for the same sequence numbers
  };
  // Holds what no held piece has already of `shape`, whose captured bytes are `bytes`, at most
  // HeldPiece::kBytes.
  [[nodiscard]] Inserted insert(const PieceShape& shape, Bytes bytes, const FrameReference& frame,
                                ReorderPool& pool) noexcept;

  [[nodiscard]] bool empty() const noexcept { return !head_; }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  // The piece of the lowest sequence number. The queue must not be empty.
  [[nodiscard]] const HeldPiece& front(const ReorderPool& pool) const noexcept {
    return pool.pieces[head_];
  }
  void pop_front(ReorderPool& pool) noexcept;

  // The frame since which it has not been empty; sequence 0 when it is.
  [[nodiscard]] const FrameReference& since() const noexcept { return since_; }
  // Since when nothing has moved before the front.
  [[nodiscard]] Timestamp waiting_since() const noexcept { return waiting_since_; }
  void note_progress(Timestamp now) noexcept { waiting_since_ = now; }

 private:
  Slot<HeldPiece> head_;
  Slot<HeldPiece> tail_;
  std::uint32_t size_ = 0;
  FrameReference since_;
  Timestamp waiting_since_;
};

}  // namespace rpcaudit::dissect
