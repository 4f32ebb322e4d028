#include "dissect/store/piece_list.h"

#include <algorithm>
#include <cstring>

namespace rpcaudit::dissect {
namespace {

// Whether any of the captured bytes that both have differ. The run begins within the piece.
[[nodiscard]] bool differs(const PlacedBytes& run, const Piece& piece, Bytes held) noexcept {
  const std::uint64_t skipped = run.begin - piece.begin;
  if (skipped >= held.size()) return false;
  held = held.subspan(static_cast<std::size_t>(skipped));
  const std::size_t size = std::min(held.size(), run.bytes.size());
  return size != 0 && std::memcmp(held.data(), run.bytes.data(), size) != 0;
}

}  // namespace

void PlacedBytes::trim_front(std::uint64_t position) noexcept {
  if (position <= begin) return;
  std::uint64_t count = std::min(position - begin, bytes.size() + missing);
  begin += count;
  const std::size_t present =
      static_cast<std::size_t>(std::min<std::uint64_t>(count, bytes.size()));
  bytes = bytes.subspan(present);
  count -= present;
  missing -= static_cast<std::uint32_t>(count);
}

HoldResult PieceList::insert(const PlacedBytes& run, const FrameReference& frame,
                             const PieceBounds& bounds, PiecePool& pool) noexcept {
  // Most often the run comes after everything that is held.
  const bool is_last = last_ && pool[last_].end() <= run.begin;
  Slot<Piece> previous = is_last ? last_ : Slot<Piece>{};
  Slot<Piece> following = is_last ? Slot<Piece>{} : first_;
  while (following && pool[following].end() <= run.begin) {
    previous = following;
    following = pool[following].next;
  }

  HoldResult result = HoldResult::held;
  PlacedBytes rest = run;
  while (!rest.empty()) {
    const std::uint64_t hole_end =
        following ? std::min(rest.end(), pool[following].begin) : rest.end();
    while (rest.begin < hole_end) {
      if (!insert_after(previous, rest, hole_end, frame, bounds, pool)) return HoldResult::no_room;
      rest.trim_front(pool[previous].end());
    }
    if (rest.empty()) break;
    if (result != HoldResult::conflicting) {
      result = differs(rest, pool[following], pool.bytes(following)) ? HoldResult::conflicting
                                                                     : HoldResult::overlapped;
    }
    rest.trim_front(pool[following].end());
    previous = following;
    following = pool[following].next;
  }
  return result;
}

bool PieceList::insert_after(Slot<Piece>& previous, const PlacedBytes& run, std::uint64_t end_max,
                             const FrameReference& frame, const PieceBounds& bounds,
                             PiecePool& pool) noexcept {
  const bool present = !run.bytes.empty();
  std::uint64_t length = std::min(end_max - run.begin, run.end() - run.begin);
  if (present) {
    length =
        std::min(length, static_cast<std::uint64_t>(std::min(run.bytes.size(), kPieceBytesMax)));
  }
  if (size_ >= bounds.pieces || bytes_ + length > bounds.bytes) return false;
  const Slot<Piece> slot = pool.take();
  if (!slot) return false;

  Piece& piece = pool[slot];
  piece.begin = run.begin;
  piece.length = static_cast<std::uint32_t>(length);
  piece.present = present;
  piece.frame = frame;
  if (present) std::memcpy(pool.data(slot), run.bytes.data(), piece.length);
  piece.next = previous ? pool[previous].next : first_;
  (previous ? pool[previous].next : first_) = slot;
  if (!piece.next) last_ = slot;
  ++size_;
  bytes_ += piece.length;
  previous = slot;
  return true;
}

void PieceList::pop_front(PiecePool& pool) noexcept {
  const Slot<Piece> slot = first_;
  first_ = pool[slot].next;
  if (!first_) last_ = {};
  --size_;
  bytes_ -= pool[slot].length;
  pool.release(slot);
}

void PieceList::clear(PiecePool& pool) noexcept {
  while (!empty()) pop_front(pool);
}

}  // namespace rpcaudit::dissect
