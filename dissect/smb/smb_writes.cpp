#include "dissect/smb/smb_writes.h"

#include <algorithm>
#include <cstring>

namespace rpcaudit::dissect {

SmbWrites::Reference SmbWrites::begin(EntryReference<SmbPipe> pipe, SmbWriteList& list,
                                      const PipeCarrier& carrier,
                                      const FrameReference& frame) noexcept {
  const Slot<SmbWrite> slot = writes_.take();
  if (!slot) return {};
  SmbWrite& write = writes_[slot];
  const std::uint32_t generation = write.generation + 1;
  write = SmbWrite{};
  write.generation = generation;
  write.pipe = pipe;
  write.carrier = carrier;
  write.since = frame;
  write.in_progress = true;
  held_.set(slot.index, frame.sequence);
  list.push_newest(slot, writes_);
  return {slot, generation};
}

SmbWritePiece* SmbWrites::add_piece(Slot<SmbWrite> slot, const FrameReference& frame) noexcept {
  const Slot<SmbWritePiece> taken = pieces_.take();
  if (!taken) return nullptr;
  SmbWrite& write = writes_[slot];
  if (frame.sequence < write.since.sequence) {
    write.since = frame;
    held_.set(slot.index, frame.sequence);
  }
  SmbWritePiece& piece = pieces_[taken];
  piece.frame = frame;
  piece.next = {};
  piece.length = 0;
  piece.missing = 0;
  (write.first ? pieces_[write.last].next : write.first) = taken;
  write.last = taken;
  return &piece;
}

bool SmbWrites::add(Slot<SmbWrite> slot, Bytes bytes, const FrameReference& frame,
                    PduOrdinal& place) noexcept {
  constexpr std::uint32_t kSmallestPdu = 16;
  // All bytes are held or none: those that are not held would be told behind those that are.
  const std::size_t piece_bytes = sizeof(SmbWritePiece::bytes);
  const std::size_t wanted = (bytes.size() + piece_bytes - 1) / piece_bytes;
  if (pieces_.capacity() - pieces_.size() < wanted) return false;
  while (!bytes.empty()) {
    SmbWritePiece* const piece = add_piece(slot, frame);
    if (piece == nullptr) return false;
    const Bytes part = bytes.first(std::min(bytes.size(), piece_bytes));
    std::memcpy(piece->bytes.data(), part.data(), part.size());
    piece->length = static_cast<std::uint32_t>(part.size());
    piece->index = frame.sequence == place.frame ? place.index + 1 : 0;
    place = {frame.sequence, piece->index + piece->length / kSmallestPdu};
    bytes = bytes.subspan(part.size());
  }
  return true;
}

bool SmbWrites::add_gap(Slot<SmbWrite> slot, std::uint64_t missing, BlindnessKind kind,
                        const FrameReference& frame) noexcept {
  SmbWritePiece* piece = add_piece(slot, frame);
  if (piece == nullptr) return false;
  piece->missing = missing;
  piece->gap_kind = kind;
  return true;
}

void SmbWrites::pop_piece(Slot<SmbWrite> slot) noexcept {
  SmbWrite& write = writes_[slot];
  const Slot<SmbWritePiece> first = write.first;
  write.first = pieces_[first].next;
  pieces_.release(first);
}

void SmbWrites::decide(Slot<SmbWrite> slot, SmbWrite::State state, SmbWriteList& list) noexcept {
  while (writes_[slot].first) pop_piece(slot);
  held_.set(slot.index, 0);
  list.remove(slot, writes_);
  writes_[slot].state = state;
  if (!writes_[slot].in_progress) release(slot);
}

void SmbWrites::end(Slot<SmbWrite> slot) noexcept {
  writes_[slot].in_progress = false;
  if (writes_[slot].state != SmbWrite::State::held) release(slot);
}

void SmbWrites::release(Slot<SmbWrite> slot) noexcept {
  ++writes_[slot].generation;
  writes_.release(slot);
}

}  // namespace rpcaudit::dissect
