#pragma once

#include <array>
#include <cstdint>

#include "dissect/limits.h"
#include "dissect/rpc/pdu_stream.h"
#include "dissect/rpc/pipe_origin.h"
#include "dissect/rpc_observer.h"
#include "dissect/store/intrusive_list.h"
#include "dissect/store/keyed_table.h"
#include "dissect/store/slab.h"
#include "dissect/store/unfinished_streams.h"

namespace rpcaudit::dissect {

struct SmbPipe;

// A direction of a connection that brings bytes of pipes.
struct PipeSource {
  PipeCarrier carrier;
  PduOrdinal place;
};

// Bytes of a write that came in one frame, or the place of bytes that did not come.
struct SmbWritePiece {
  FrameReference frame;
  Slot<SmbWritePiece> next;
  std::uint32_t length = 0;
  std::uint32_t index = 0;  // of the first PDU that may begin in them, among those of the frame
  std::uint64_t missing = 0;
  BlindnessKind gap_kind = BlindnessKind::gap;
  std::array<std::byte, 2048> bytes{};
};

// What one request writes to a pipe, until the server's answer says whether it entered the pipe.
struct SmbWrite {
  enum class State : std::uint8_t { held, accepted, refused };

  EntryReference<SmbPipe> pipe;
  PipeCarrier carrier;
  FrameReference since;  // the earliest captured of its frames
  Slot<SmbWritePiece> first;
  Slot<SmbWritePiece> last;
  ListLinks<SmbWrite> of_pipe;
  std::uint32_t generation = 0;
  State state = State::held;
  bool in_progress = false;  // more of its bytes may come
};

using SmbWriteList = IntrusiveList<SmbWrite, &SmbWrite::of_pipe>;

// All writes that wait for their answers, and room for their bytes.
class SmbWrites {
 public:
  using Reference = EntryReference<SmbWrite>;

  explicit SmbWrites(const Limits& limits)
      : writes_(limits.smb_writes), pieces_(limits.smb_write_pieces), held_(limits.smb_writes) {}

  SmbWrite& operator[](Slot<SmbWrite> slot) noexcept { return writes_[slot]; }
  const SmbWrite& operator[](Slot<SmbWrite> slot) const noexcept { return writes_[slot]; }
  [[nodiscard]] bool holds(Reference reference) const noexcept {
    return reference.slot && writes_[reference.slot].generation == reference.generation;
  }
  // The held write with the earliest captured frame, if any.
  [[nodiscard]] Slot<SmbWrite> oldest() const noexcept { return Slot<SmbWrite>(held_.oldest()); }
  // The frame of oldest(), or UnfinishedStreams::kNothingOpen.
  [[nodiscard]] std::uint64_t earliest() const noexcept { return held_.earliest(); }
  // A write in progress, the newest of its pipe; none when all are in use.
  [[nodiscard]] Reference begin(EntryReference<SmbPipe> pipe, SmbWriteList& list,
                                const PipeCarrier& carrier, const FrameReference& frame) noexcept;
  // Keeps more of a held write; false when there is no room. `place` counts the PDUs of the frame:
  // as many as may begin in these bytes are set aside.
  [[nodiscard]] bool add(Slot<SmbWrite> slot, Bytes bytes, const FrameReference& frame,
                         PduOrdinal& place) noexcept;
  [[nodiscard]] bool add_gap(Slot<SmbWrite> slot, std::uint64_t missing, BlindnessKind kind,
                             const FrameReference& frame) noexcept;

  // The first piece that is left of a write, if any, and its removal.
  [[nodiscard]] const SmbWritePiece& piece(Slot<SmbWritePiece> slot) const noexcept {
    return pieces_[slot];
  }
  void pop_piece(Slot<SmbWrite> slot) noexcept;
  // The write is held no longer; what is left of it goes. Its slot is free again unless it is in
  // progress: then end() frees it.
  void decide(Slot<SmbWrite> slot, SmbWrite::State state, SmbWriteList& list) noexcept;
  // No more of the write comes.
  void end(Slot<SmbWrite> slot) noexcept;

 private:
  [[nodiscard]] SmbWritePiece* add_piece(Slot<SmbWrite> slot, const FrameReference& frame) noexcept;
  void release(Slot<SmbWrite> slot) noexcept;

  Slab<SmbWrite> writes_;
  Slab<SmbWritePiece> pieces_;
  UnfinishedStreams held_;  // by slot
};

}  // namespace rpcaudit::dissect
