#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// From one sequence number to another, which may have wrapped (RFC 9293 3.4).
[[nodiscard]] constexpr std::int32_t sequence_distance(std::uint32_t from,
                                                       std::uint32_t to) noexcept {
  return static_cast<std::int32_t>(to - from);
}

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
  // Holds what no held piece has already of `shape`, whose captured bytes are `bytes`, at most
  // HeldPiece::kBytes. False when there was no room for all of it.
  [[nodiscard]] bool insert(const PieceShape& shape, Bytes bytes, const FrameReference& frame,
                            ReorderPool& pool) noexcept;

  [[nodiscard]] bool empty() const noexcept { return head_ == kNoSlot; }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  // The piece of the lowest sequence number. The queue must not be empty.
  [[nodiscard]] const HeldPiece& front(const ReorderPool& pool) const noexcept {
    return pool.pieces[head_];
  }
  void pop_front(ReorderPool& pool) noexcept;

  // The frame since which it has not been empty; sequence 0 when it is.
  [[nodiscard]] const FrameReference& since() const noexcept { return since_; }

 private:
  Slot<HeldPiece> head_;
  std::uint32_t size_ = 0;
  FrameReference since_;
};

}  // namespace rpcaudit::dissect
