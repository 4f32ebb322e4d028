#pragma once

#include <cstddef>
#include <cstdint>

#include "capture/frame.h"
#include "dissect/rpc_observer.h"
#include "dissect/store/reserved_memory.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

inline constexpr std::size_t kPieceBytesMax = 2048;  // an Ethernet frame's payload fits

// Bytes that wait for those before them, and where they belong.
struct Piece {
  std::uint64_t begin = 0;
  std::uint32_t length = 0;
  Slot<Piece> next;
  bool present = true;  // false: their place is taken, but the capture does not hold them
  FrameReference frame;

  [[nodiscard]] std::uint64_t end() const noexcept { return begin + length; }
};

// Room for pieces, shared by many lists; all of it reserved at construction, touched on demand.
class PiecePool {
 public:
  explicit PiecePool(std::size_t bytes)
      : pieces_(bytes / kPieceBytesMax), memory_(pieces_.capacity() * kPieceBytesMax) {}

  // None when nothing is left.
  [[nodiscard]] Slot<Piece> take() noexcept { return pieces_.take(); }
  void release(Slot<Piece> slot) noexcept { pieces_.release(slot); }

  Piece& operator[](Slot<Piece> slot) noexcept { return pieces_[slot]; }
  const Piece& operator[](Slot<Piece> slot) const noexcept { return pieces_[slot]; }

  [[nodiscard]] std::byte* data(Slot<Piece> slot) const noexcept {
    return memory_.data() + std::size_t{slot.index} * kPieceBytesMax;
  }
  // What the piece holds; empty when it is not present.
  [[nodiscard]] Bytes bytes(Slot<Piece> slot) const noexcept {
    return {data(slot), pieces_[slot].present ? pieces_[slot].length : 0u};
  }
  [[nodiscard]] std::size_t size() const noexcept { return pieces_.size(); }

 private:
  Slab<Piece> pieces_;
  ReservedMemory memory_;
};

// A run of bytes at its place: `bytes` from `begin` on, then `missing` more that the snap length
// cut off.
struct PlacedBytes {
  std::uint64_t begin = 0;
  Bytes bytes;
  std::uint32_t missing = 0;

  [[nodiscard]] std::uint64_t end() const noexcept { return begin + bytes.size() + missing; }
  [[nodiscard]] bool empty() const noexcept { return bytes.empty() && missing == 0; }
  // Removes what lies before `position`.
  void trim_front(std::uint64_t position) noexcept;
};

struct PieceBounds {
  std::size_t pieces = 0;
  std::size_t bytes = 0;
};

enum class HoldResult : std::uint8_t { held, overlapped, conflicting, no_room };

// Pieces in the order of their places, none overlapping another: of bytes that come twice the
// first are kept. Does not own its pieces' memory: clear() it before it goes.
class PieceList {
 public:
  // Copies the bytes that are not held yet. `overlapped`: some were held already. `conflicting`:
  // and some of these differ. `no_room`: a bound was reached, or the pool was empty; what was
  // copied before that stays.
  [[nodiscard]] HoldResult insert(const PlacedBytes& run, const FrameReference& frame,
                                  const PieceBounds& bounds, PiecePool& pool) noexcept;

  [[nodiscard]] bool empty() const noexcept { return !first_; }
  [[nodiscard]] Slot<Piece> first() const noexcept { return first_; }
  [[nodiscard]] Slot<Piece> last() const noexcept { return last_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  void pop_front(PiecePool& pool) noexcept;
  void clear(PiecePool& pool) noexcept;

 private:
  // Keeps the front of the run, as much as one piece takes and not beyond `end_max`, behind
  // `previous`, which becomes the new piece.
  [[nodiscard]] bool insert_after(Slot<Piece>& previous, const PlacedBytes& run,
                                  std::uint64_t end_max, const FrameReference& frame,
                                  const PieceBounds& bounds, PiecePool& pool) noexcept;

  Slot<Piece> first_;
  Slot<Piece> last_;
  std::uint32_t size_ = 0;
  std::uint32_t bytes_ = 0;
};

}  // namespace rpcaudit::dissect
