#include "dissect/tcp/out_of_order_queue.h"

#include <cstring>

namespace rpcaudit::dissect {
namespace {

// Whether `bytes`, which begin at `sequence`, differ from what the piece holds in their place.
[[nodiscard]] bool differs(const HeldPiece& piece, std::uint32_t sequence, Bytes bytes) noexcept {
  const std::int32_t offset = sequence_distance(piece.sequence, sequence);
  Bytes held = piece.captured();
  if (offset > 0) {
    held = held.subspan(std::min<std::size_t>(static_cast<std::uint32_t>(offset), held.size()));
  } else {
    bytes = bytes.subspan(std::min<std::size_t>(static_cast<std::uint32_t>(-offset), bytes.size()));
  }
  const std::size_t common = std::min(held.size(), bytes.size());
  return common != 0 && std::memcmp(held.data(), bytes.data(), common) != 0;
}

}  // namespace

OutOfOrderQueue::Inserted OutOfOrderQueue::insert(const PieceShape& shape, Bytes bytes,
                                                  const FrameReference& frame,
                                                  ReorderPool& pool) noexcept {
  Inserted inserted;
  std::uint32_t begin = shape.sequence;
  const std::uint32_t end = shape.end();
  Slot<HeldPiece>* link = &head_;
  // Most often the piece comes after everything that is held.
  if (tail_ && sequence_distance(pool.pieces[tail_].end(), begin) >= 0) {
    link = &pool.pieces[tail_].next;
  }
  for (;;) {
    const bool last = !*link;
    const std::uint32_t next_begin = last ? end : pool.pieces[*link].sequence;
    const std::uint32_t piece_end = sequence_distance(next_begin, end) > 0 ? next_begin : end;
    const std::int32_t size = sequence_distance(begin, piece_end);
    const bool fin_here = shape.fin && piece_end == end;
    if (size > 0 || (last && fin_here)) {
      Slot<HeldPiece> slot;
      if (size_ < pool.pieces_per_stream) slot = pool.pieces.take();
      if (!slot) {
        inserted.is_complete = false;
        return inserted;
      }
      HeldPiece& piece = pool.pieces[slot];
      static_cast<PieceShape&>(piece) = shape;
      piece.sequence = begin;
      piece.size = static_cast<std::uint32_t>(std::max(size, 0));
      piece.fin = fin_here;
      piece.frame = frame;
      if (!shape.missing && size > 0) {
        std::memcpy(piece.bytes.data(), bytes.data() + (begin - shape.sequence), piece.size);
      }
      piece.next = *link;
      *link = slot;
      if (!piece.next) tail_ = slot;
      ++size_;
      if (since_.sequence == 0) {
        since_ = frame;
        waiting_since_ = frame.timestamp;
      }
      link = &piece.next;
    }
    if (last || sequence_distance(piece_end, end) <= 0) return inserted;
    const HeldPiece& existing = pool.pieces[*link];
    inserted.has_conflict = inserted.has_conflict || differs(existing, shape.sequence, bytes);
    if (sequence_distance(begin, existing.end()) > 0) begin = existing.end();
    if (sequence_distance(begin, end) < 0) begin = end;
    link = &pool.pieces[*link].next;
  }
}

void OutOfOrderQueue::pop_front(ReorderPool& pool) noexcept {
  const Slot<HeldPiece> slot = head_;
  head_ = pool.pieces[slot].next;
  pool.pieces.release(slot);
  --size_;
  if (!head_) {
    tail_ = {};
    since_ = {};
  }
}

}  // namespace rpcaudit::dissect
