#include "dissect/smb/smb_pipes.h"

#include <algorithm>

namespace rpcaudit::dissect {
namespace {

// RPC begins with a bind in the first message; but the first may not have been captured, and the
// next ones may continue what began in it.
constexpr std::uint8_t kTriesMax = 8;

// A bind proposes up to 255 contexts: so many are kept free that those of one pipe need not make
// room for themselves.
constexpr std::size_t kContextsKeptFree = 1024;

// The longest write that is held: a PDU fits.
constexpr std::uint32_t kHeldWriteMax = 65536;

// A direction of a pipe among UnfinishedStreams.
std::uint32_t mark_index(Slot<SmbPipe> slot, Direction direction) noexcept {
  return 2 * slot.index + static_cast<std::uint32_t>(direction);
}

}  // namespace

SmbPipes::SmbPipes(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                   RpcSessions& sessions, std::uint64_t seed)
    : KeyedTable(limits.smb_pipes, limits.smb_sessions, seed),
      limits_(limits),
      observer_(observer),
      statistics_(statistics),
      sessions_(sessions),
      writes_(limits),
      marks_(2 * limits.smb_pipes) {}

Slot<SmbPipe> SmbPipes::open(const TableKey& key, const PipeCarrier& opened_on,
                             const SmbCaller& caller, Slot<SmbSession> session,
                             const FrameReference& frame) noexcept {
  make_room(frame);
  const Slot<SmbPipe> slot = add(key, session);
  SmbPipe& pipe = (*this)[slot];
  pipe.origin.caller = &caller;
  pipe.opened_on = opened_on;
  return slot;
}

void SmbPipes::rekey(Slot<SmbPipe> slot, const TableKey& key) noexcept {
  const Slot<SmbPipe> earlier = find(key);
  if (earlier == slot) return;
  if (earlier) close(earlier);
  KeyedTable::rekey(slot, key);
}

void SmbPipes::close(Slot<SmbPipe> slot) noexcept {
  SmbPipe& pipe = (*this)[slot];
  while (const Slot<SmbWrite> write = pipe.writes.oldest()) {
    deliver(write);
    if (writes_[write].in_progress) writes_.end(write);
  }
  if (pipe.rpc) sessions_.close(pipe.rpc);
  for (const Direction direction : kDirections) marks_.set(mark_index(slot, direction), 0);
  remove(slot);
}

void SmbPipes::make_room(const FrameReference& frame) noexcept {
  const std::size_t wanted = std::min(kContextsKeptFree, limits_.contexts / 4);
  const bool contexts_scarce = sessions_.free_contexts() < wanted;
  if (full() || (contexts_scarce && oldest())) {
    evict(oldest(), frame);
  }
}

void SmbPipes::evict(Slot<SmbPipe> slot, const FrameReference& frame) noexcept {
  const SmbPipe& pipe = (*this)[slot];
  ++statistics_.pipes_evicted;
  if (pipe.rpc) {
    Blindness blindness = make_blindness(BlindnessKind::table_eviction, frame, pipe.opened_on);
    blindness.messages = 1;
    observer_.on_blindness(blindness);
  }
  close(slot);
}

void SmbPipes::begin_message(Slot<SmbPipe> slot, Direction direction) noexcept {
  touch(slot);
  SmbPipe& pipe = (*this)[slot];
  if (pipe.tries < kTriesMax) pipe.probes[direction].decided = false;
}

void SmbPipes::consume(Slot<SmbPipe> slot, Direction direction, Bytes bytes,
                       const FrameReference& frame, PipeSource& source) noexcept {
  SmbPipe& pipe = (*this)[slot];
  if (pipe.rpc) {
    feed(pipe, direction, bytes, frame, source);
  } else if (!pipe.probes[direction].decided) {
    probe(slot, direction, bytes, frame, source);
  } else {
    return;
  }
  mark_open(slot, direction);
}

void SmbPipes::feed(SmbPipe& pipe, Direction direction, Bytes bytes, const FrameReference& frame,
                    PipeSource& source) noexcept {
  sessions_.consume_from(source.carrier, source.place, pipe.rpc, direction, bytes, frame);
}

void SmbPipes::probe(Slot<SmbPipe> slot, Direction direction, Bytes bytes,
                     const FrameReference& frame, PipeSource& source) noexcept {
  SmbPipe& pipe = (*this)[slot];
  ProbeBuffer& prefix = pipe.probes[direction];
  // A prefix that comes in pieces is judged byte by byte, so that its cuts do not matter.
  Likeness likeness = prefix.size == 0 ? looks_like_rpc(bytes) : Likeness::not_yet;
  if (likeness == Likeness::not_yet && prefix.size == 0) prefix.start = frame;
  while (likeness == Likeness::not_yet && !bytes.empty() && prefix.size < prefix.bytes.size()) {
    prefix.bytes[prefix.size++] = bytes.front();
    bytes = bytes.subspan(1);
    likeness = looks_like_rpc(Bytes(prefix.bytes).first(prefix.size));
  }
  if (likeness == Likeness::not_yet && prefix.size < prefix.bytes.size()) return;
  if (likeness != Likeness::yes) {
    prefix.size = 0;
    prefix.decided = true;
    ++pipe.tries;
    return;
  }
  start_rpc(slot, frame, source);
  if (pipe.rpc) feed(pipe, direction, bytes, frame, source);
}

void SmbPipes::doubt(Slot<SmbPipe> slot, Doubts doubts, const FrameReference& frame) noexcept {
  SmbPipe& pipe = (*this)[slot];
  pipe.doubts.add(doubts);
  if (pipe.rpc) sessions_.doubt(pipe.rpc, doubts, frame);
}

void SmbPipes::start_rpc(Slot<SmbPipe> slot, const FrameReference& frame,
                         PipeSource& source) noexcept {
  SmbPipe& pipe = (*this)[slot];
  pipe.rpc = sessions_.open(ProtocolSequence::ncacn_np, pipe.opened_on, &pipe.origin);
  if (!pipe.rpc) return;
  ++statistics_.pipes_rpc;
  if (pipe.doubts.any()) sessions_.doubt(pipe.rpc, pipe.doubts, frame);
  for (const Direction direction : kDirections) {
    ProbeBuffer& prefix = pipe.probes[direction];
    if (prefix.size != 0) {
      feed(pipe, direction, Bytes(prefix.bytes).first(prefix.size), prefix.start, source);
    }
    prefix.size = 0;
  }
}

void SmbPipes::gap(Slot<SmbPipe> slot, Direction direction, std::uint64_t missing,
                   BlindnessKind kind, const FrameReference& frame) noexcept {
  SmbPipe& pipe = (*this)[slot];
  if (pipe.rpc) {
    sessions_.gap(pipe.rpc, direction, missing, kind, frame);
  } else {
    pipe.probes[direction].size = 0;
    pipe.probes[direction].decided = true;
  }
  mark_open(slot, direction);
}

SmbWrites::Reference SmbPipes::begin_write(Slot<SmbPipe> slot, std::uint32_t length,
                                           bool has_own_answer, const PipeCarrier& carrier,
                                           const FrameReference& frame) noexcept {
  touch(slot);
  SmbPipe& pipe = (*this)[slot];
  SmbWrites::Reference write;
  if (length <= kHeldWriteMax && (pipe.rpc || pipe.tries < kTriesMax)) {
    write = writes_.begin(reference(slot), pipe.writes, carrier, frame);
    if (!write.slot && writes_.oldest()) {
      accept_oldest();
      write = writes_.begin(reference(slot), pipe.writes, carrier, frame);
    }
  }
  if (!write.slot) {
    while (pipe.writes.oldest()) deliver(pipe.writes.oldest());
    begin_message(slot, kToServer);
  } else if (!has_own_answer) {
    pipe.last_write = write;
  }
  return write;
}

void SmbPipes::consume_write(Slot<SmbPipe> slot, SmbWrites::Reference write, Bytes bytes,
                             const FrameReference& frame, PipeSource& source) noexcept {
  if (!writes_.holds(write)) return consume(slot, kToServer, bytes, frame, source);
  const SmbWrite& state = writes_[write.slot];
  while (state.state == SmbWrite::State::held) {
    if (writes_.add(write.slot, bytes, frame, source.place)) return;
    accept_oldest();
  }
  if (state.state == SmbWrite::State::accepted) consume(slot, kToServer, bytes, frame, source);
}

void SmbPipes::gap_write(Slot<SmbPipe> slot, SmbWrites::Reference write, std::uint64_t missing,
                         BlindnessKind kind, const FrameReference& frame) noexcept {
  if (!writes_.holds(write)) return gap(slot, kToServer, missing, kind, frame);
  const SmbWrite& state = writes_[write.slot];
  while (state.state == SmbWrite::State::held) {
    if (writes_.add_gap(write.slot, missing, kind, frame)) return;
    accept_oldest();
  }
  if (state.state == SmbWrite::State::accepted) gap(slot, kToServer, missing, kind, frame);
}

void SmbPipes::resume_write(SmbWrites::Reference write) noexcept {
  if (writes_.holds(write)) writes_[write.slot].in_progress = true;
}

void SmbPipes::end_write(SmbWrites::Reference write) noexcept {
  if (writes_.holds(write)) writes_.end(write.slot);
}

void SmbPipes::accept(SmbWrites::Reference write) noexcept {
  if (!writes_.holds(write) || writes_[write.slot].state != SmbWrite::State::held) return;
  const SmbPipe& pipe = (*this)[writes_[write.slot].pipe.slot];
  for (Slot<SmbWrite> at; at != write.slot;) {
    at = pipe.writes.oldest();
    deliver(at);
  }
}

void SmbPipes::accept_oldest() noexcept {
  const Slot<SmbWrite> oldest = writes_.oldest();
  accept({oldest, writes_[oldest].generation});
}

void SmbPipes::refuse(Slot<SmbPipe> slot, SmbWrites::Reference write) noexcept {
  SmbPipe& pipe = (*this)[slot];
  if (writes_.holds(write) && writes_[write.slot].state == SmbWrite::State::held) {
    writes_.decide(write.slot, SmbWrite::State::refused, pipe.writes);
  } else if (pipe.rpc) {
    sessions_.abandon(pipe.rpc, kToServer);
    mark_open(slot, kToServer);
  }
}

void SmbPipes::refuse_all(Slot<SmbPipe> slot) noexcept {
  SmbPipe& pipe = (*this)[slot];
  while (const Slot<SmbWrite> write = pipe.writes.oldest()) {
    writes_.decide(write, SmbWrite::State::refused, pipe.writes);
  }
}

// Gives what was held to the pipe, with the frames and the places in them that it had.
void SmbPipes::deliver(Slot<SmbWrite> slot) noexcept {
  const SmbWrite& write = writes_[slot];
  const Slot<SmbPipe> pipe = write.pipe.slot;
  begin_message(pipe, kToServer);
  while (write.first) {
    const SmbWritePiece& piece = writes_.piece(write.first);
    if (piece.missing != 0) {
      gap(pipe, kToServer, piece.missing, piece.gap_kind, piece.frame);
    } else {
      PipeSource source{write.carrier, {}};
      if (piece.index != 0) source.place = {piece.frame.sequence, piece.index - 1};
      consume(pipe, kToServer, Bytes(piece.bytes).first(piece.length), piece.frame, source);
    }
    writes_.pop_piece(slot);
  }
  writes_.decide(slot, SmbWrite::State::accepted, (*this)[pipe].writes);
}

std::uint64_t SmbPipes::earliest_open() const noexcept {
  return std::min(writes_.earliest(), marks_.earliest());
}

FrameReference SmbPipes::open_since(Slot<SmbPipe> slot, Direction direction) noexcept {
  const SmbPipe& pipe = (*this)[slot];
  if (pipe.rpc) {
    return sessions_.open_since(pipe.rpc, direction);
  }
  const ProbeBuffer& prefix = pipe.probes[direction];
  return prefix.size != 0 ? prefix.start : FrameReference{};
}

void SmbPipes::mark_open(Slot<SmbPipe> slot, Direction direction) noexcept {
  const std::uint64_t sequence = open_since(slot, direction).sequence;
  bool& is_marked = (*this)[slot].is_marked[direction];
  if (sequence == 0 && !is_marked) return;
  is_marked = sequence != 0;
  marks_.set(mark_index(slot, direction), sequence);
}

// As for connections: what is held back here holds the output back.
void SmbPipes::give_up_stale(Timestamp now) noexcept {
  while (const Slot<SmbWrite> oldest = writes_.oldest()) {
    const std::int64_t age = nanoseconds_between(writes_[oldest].since.timestamp, now);
    if (age <= limits_.outcome_window.nanoseconds) break;
    accept_oldest();
  }
  while (marks_.oldest() != kNoSlot) {
    const Slot<SmbPipe> slot{marks_.oldest() / 2};
    const auto direction = static_cast<Direction>(marks_.oldest() % 2);
    const std::int64_t age = nanoseconds_between(open_since(slot, direction).timestamp, now);
    if (age <= limits_.outcome_window.nanoseconds) return;
    SmbPipe& pipe = (*this)[slot];
    if (pipe.rpc) sessions_.abandon(pipe.rpc, direction);
    pipe.probes[direction].size = 0;
    mark_open(slot, direction);
  }
}

}  // namespace rpcaudit::dissect
