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

}  // namespace

SmbPipes::SmbPipes(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                   RpcSessions& sessions, std::uint64_t seed)
    : limits_(limits),
      observer_(observer),
      statistics_(statistics),
      sessions_(sessions),
      table_(limits.smb_pipes, seed),
      marks_(2 * limits.smb_pipes) {}

std::uint32_t SmbPipes::open(const TableKey& key, const PipeCarrier& opened_on,
                             const SmbCaller& caller, std::uint32_t& group,
                             const FrameReference& frame) noexcept {
  make_room(frame);
  const std::uint32_t slot = table_.add(key, group);
  SmbPipe& pipe = table_[slot];
  pipe.origin.caller = &caller;
  pipe.opened_on = opened_on;
  pipe.group = &group;
  return slot;
}

void SmbPipes::rekey(std::uint32_t slot, const TableKey& key, Timestamp now) noexcept {
  const std::uint32_t earlier = table_.find(key);
  if (earlier == slot) return;
  if (earlier != kNoSlot) close(earlier, now);
  table_.rekey(slot, key);
}

void SmbPipes::close(std::uint32_t slot, Timestamp now) noexcept {
  SmbPipe& pipe = table_[slot];
  if (pipe.rpc != kNoSlot) sessions_.close(pipe.rpc, now);
  marks_.set(2 * slot + kToServer, 0);
  marks_.set(2 * slot + kToClient, 0);
  table_.remove(slot, *pipe.group);
}

void SmbPipes::make_room(const FrameReference& frame) noexcept {
  const std::size_t wanted = std::min(kContextsKeptFree, limits_.contexts / 4);
  const bool contexts_scarce = sessions_.free_contexts() < wanted;
  if (table_.full() || (contexts_scarce && table_.oldest() != kNoSlot)) {
    evict(table_.oldest(), frame);
  }
}

void SmbPipes::evict(std::uint32_t slot, const FrameReference& frame) noexcept {
  const SmbPipe& pipe = table_[slot];
  ++statistics_.pipes_evicted;
  if (pipe.rpc != kNoSlot) {
    Blindness blindness = make_blindness(BlindnessKind::table_eviction, frame,
                                         {pipe.opened_on[kToServer], pipe.opened_on[kToClient]});
    blindness.messages = 1;
    observer_.on_blindness(blindness);
  }
  close(slot, frame.timestamp);
}

void SmbPipes::begin_message(std::uint32_t slot, unsigned direction) noexcept {
  table_.touch(slot);
  SmbPipe& pipe = table_[slot];
  if (pipe.tries < kTriesMax) pipe.probes[direction].decided = false;
}

void SmbPipes::consume(std::uint32_t slot, unsigned direction, Bytes bytes,
                       const FrameReference& frame, PipeSource& source) noexcept {
  SmbPipe& pipe = table_[slot];
  if (pipe.rpc != kNoSlot) {
    feed(pipe, direction, bytes, frame, source);
  } else if (!pipe.probes[direction].decided) {
    probe(slot, direction, bytes, frame, source);
  } else {
    return;
  }
  mark_open(slot, direction);
}

void SmbPipes::feed(SmbPipe& pipe, unsigned direction, Bytes bytes, const FrameReference& frame,
                    PipeSource& source) noexcept {
  sessions_.consume_from(source.carrier, source.place, pipe.rpc, static_cast<Direction>(direction),
                         bytes, frame);
}

void SmbPipes::probe(std::uint32_t slot, unsigned direction, Bytes bytes,
                     const FrameReference& frame, PipeSource& source) noexcept {
  SmbPipe& pipe = table_[slot];
  ProbeBuffer& front = pipe.probes[direction];
  // What does not stand in one piece is judged byte by byte, so that its cuts do not matter.
  Likeness likeness = front.size == 0 ? looks_like_rpc(bytes) : Likeness::not_yet;
  if (likeness == Likeness::not_yet && front.size == 0) front.start = frame;
  while (likeness == Likeness::not_yet && !bytes.empty() && front.size < front.bytes.size()) {
    front.bytes[front.size++] = bytes.front();
    bytes = bytes.subspan(1);
    likeness = looks_like_rpc(Bytes(front.bytes).first(front.size));
  }
  if (likeness == Likeness::not_yet && front.size < front.bytes.size()) return;
  if (likeness != Likeness::yes) {
    front.size = 0;
    front.decided = true;
    ++pipe.tries;
    return;
  }
  start_rpc(slot, source);
  if (pipe.rpc != kNoSlot) feed(pipe, direction, bytes, frame, source);
}

void SmbPipes::start_rpc(std::uint32_t slot, PipeSource& source) noexcept {
  SmbPipe& pipe = table_[slot];
  pipe.rpc = sessions_.open(ProtocolSequence::ncacn_np, pipe.opened_on, &pipe.origin);
  if (pipe.rpc == kNoSlot) return;
  ++statistics_.pipes_rpc;
  for (unsigned direction = 0; direction < 2; ++direction) {
    ProbeBuffer& front = pipe.probes[direction];
    if (front.size != 0) {
      feed(pipe, direction, Bytes(front.bytes).first(front.size), front.start, source);
    }
    front.size = 0;
  }
}

void SmbPipes::gap(std::uint32_t slot, unsigned direction, std::uint64_t missing,
                   BlindnessKind kind, const FrameReference& frame) noexcept {
  SmbPipe& pipe = table_[slot];
  if (pipe.rpc != kNoSlot) {
    sessions_.gap(pipe.rpc, static_cast<Direction>(direction), missing, kind, frame);
  } else {
    pipe.probes[direction].size = 0;
    pipe.probes[direction].decided = true;
  }
  mark_open(slot, direction);
}

FrameReference SmbPipes::open_since(std::uint32_t slot, unsigned direction) noexcept {
  const SmbPipe& pipe = table_[slot];
  if (pipe.rpc != kNoSlot) {
    return sessions_.open_since(pipe.rpc, static_cast<Direction>(direction));
  }
  const ProbeBuffer& front = pipe.probes[direction];
  return front.size != 0 ? front.start : FrameReference{};
}

void SmbPipes::mark_open(std::uint32_t slot, unsigned direction) noexcept {
  const std::uint64_t sequence = open_since(slot, direction).sequence;
  bool& is_marked = table_[slot].is_marked[direction];
  if (sequence == 0 && !is_marked) return;
  is_marked = sequence != 0;
  marks_.set(2 * slot + direction, sequence);
}

// The same as for connections: what is held back holds the output back.
void SmbPipes::give_up_stale(Timestamp now) noexcept {
  while (marks_.oldest() != kNoSlot) {
    const std::uint32_t slot = marks_.oldest() / 2;
    const unsigned direction = marks_.oldest() % 2;
    const std::int64_t age = nanoseconds_between(open_since(slot, direction).timestamp, now);
    if (age <= limits_.outcome_window.nanoseconds) return;
    SmbPipe& pipe = table_[slot];
    if (pipe.rpc != kNoSlot) sessions_.abandon(pipe.rpc, static_cast<Direction>(direction));
    pipe.probes[direction].size = 0;
    mark_open(slot, direction);
  }
}

}  // namespace rpcaudit::dissect
