#pragma once

#include <cstdint>

#include "dissect/direction.h"
#include "dissect/limits.h"
#include "dissect/rpc/pipe_origin.h"
#include "dissect/rpc/rpc_session.h"
#include "dissect/smb/smb_writes.h"
#include "dissect/statistics.h"
#include "dissect/store/keyed_table.h"
#include "dissect/store/probe_buffer.h"
#include "dissect/store/unfinished_streams.h"

namespace rpcaudit::dissect {

struct SmbSession;

// The directions of a pipe, and of the RPC session on it.
inline constexpr Direction kToServer = Direction::forward;
inline constexpr Direction kToClient = Direction::reverse;

// An open pipe, or a handle that may be one because its tree or its opening was not seen.
struct SmbPipe {
  PipeOrigin origin;
  PipeCarrier opened_on;
  std::uint32_t tree_id = 0;
  Slot<RpcSession> rpc;              // once the content is known to be RPC
  std::uint8_t tries = 0;            // messages that did not look like RPC
  PerDirection<bool> is_marked;      // in the list of what holds bytes
  SmbWriteList writes;               // that wait for the server's answer, in their order
  SmbWrites::Reference last_write;   // the last write that data from the server may answer
  Doubts doubts;                     // of the connections that bring its bytes
  PerDirection<ProbeBuffer> probes;  // `decided`: the rest of the message is not looked at
};

// Open pipes, each of an SMB session: finds out which carry RPC, by their content alone, and feeds
// those to RPC sessions, one for each pipe. A pipe that carries something else costs a look-up per
// message. Bounded: the least recently used pipe is evicted.
//
// What a client writes is held until the server's answer to that request: what the server refuses
// never entered the pipe. Answers that are not seen are taken for good ones: when a later write of
// the pipe was accepted, when the pipe closes, after Limits::outcome_window, or when room is short.
class SmbPipes : private KeyedTable<SmbPipe, SmbSession> {
 public:
  SmbPipes(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
           RpcSessions& sessions, std::uint64_t seed);

  using KeyedTable::find;
  using KeyedTable::first_in_group;
  using KeyedTable::holds;
  using KeyedTable::next_in_group;
  using KeyedTable::prefetch;
  using KeyedTable::Reference;
  using KeyedTable::operator[];
  using KeyedTable::reference;

  // A new pipe of an SMB session. `caller` stays in place until the pipe is closed.
  Slot<SmbPipe> open(const TableKey& key, const PipeCarrier& opened_on, const SmbCaller& caller,
                     Slot<SmbSession> session, const FrameReference& frame) noexcept;
  // The pipe is known by this key from now on; another of that key was closed unseen.
  void rekey(Slot<SmbPipe> slot, const TableKey& key) noexcept;
  void close(Slot<SmbPipe> slot) noexcept;

  // What is written to or read from the pipe by one message begins.
  void begin_message(Slot<SmbPipe> slot, Direction direction) noexcept;
  // Takes more bytes of that message. `source` is the connection that brings them.
  void consume(Slot<SmbPipe> slot, Direction direction, Bytes bytes, const FrameReference& frame,
               PipeSource& source) noexcept;
  void gap(Slot<SmbPipe> slot, Direction direction, std::uint64_t missing, BlindnessKind kind,
           const FrameReference& frame) noexcept;

  // What the peers read from the pipe may differ from what is told, from `frame` on.
  void doubt(Slot<SmbPipe> slot, Doubts doubts, const FrameReference& frame) noexcept;

  // One request writes `length` bytes to the pipe. Nothing is held, and the reference is of none,
  // when they are too many, or the pipe does not carry RPC: they are given to consume(). What the
  // request `has_own_answer` for is not answered by data that others read.
  [[nodiscard]] SmbWrites::Reference begin_write(Slot<SmbPipe> slot, std::uint32_t length,
                                                 bool has_own_answer, const PipeCarrier& carrier,
                                                 const FrameReference& frame) noexcept;
  void consume_write(Slot<SmbPipe> slot, SmbWrites::Reference write, Bytes bytes,
                     const FrameReference& frame, PipeSource& source) noexcept;
  void gap_write(Slot<SmbPipe> slot, SmbWrites::Reference write, std::uint64_t missing,
                 BlindnessKind kind, const FrameReference& frame) noexcept;
  // More bytes of the request begin; no more of its bytes come.
  void resume_write(SmbWrites::Reference write) noexcept;
  void end_write(SmbWrites::Reference write) noexcept;
  // What the request wrote, and all that was written before it, entered the pipe.
  void accept(SmbWrites::Reference write) noexcept;
  // What the request wrote never entered the pipe. If it was told, the PDU it ended in is over.
  void refuse(Slot<SmbPipe> slot, SmbWrites::Reference write) noexcept;
  // All writes of the pipe were in vain: there was no such pipe.
  void refuse_all(Slot<SmbPipe> slot) noexcept;
  // Data was read: what it answers was accepted.
  void accept_answered(Slot<SmbPipe> slot) noexcept { accept((*this)[slot].last_write); }

  // The pipe carries RPC, and something that was said on it has no answer yet.
  [[nodiscard]] bool awaits_answer(Slot<SmbPipe> slot) noexcept {
    const SmbPipe& pipe = (*this)[slot];
    return pipe.writes.newest() || (pipe.rpc && sessions_.awaits_answer(pipe.rpc));
  }

  // What is held longer than the window allows is given up.
  void give_up_stale(Timestamp now) noexcept;
  // Everything that began before this frame has been told.
  [[nodiscard]] std::uint64_t earliest_open() const noexcept;

 private:
  void probe(Slot<SmbPipe> slot, Direction direction, Bytes bytes, const FrameReference& frame,
             PipeSource& source) noexcept;
  void start_rpc(Slot<SmbPipe> slot, const FrameReference& frame, PipeSource& source) noexcept;
  void feed(SmbPipe& pipe, Direction direction, Bytes bytes, const FrameReference& frame,
            PipeSource& source) noexcept;
  void deliver(Slot<SmbWrite> write) noexcept;
  void accept_oldest() noexcept;
  void make_room(const FrameReference& frame) noexcept;
  void evict(Slot<SmbPipe> slot, const FrameReference& frame) noexcept;
  [[nodiscard]] FrameReference open_since(Slot<SmbPipe> slot, Direction direction) noexcept;
  void mark_open(Slot<SmbPipe> slot, Direction direction) noexcept;

  const Limits& limits_;
  RpcObserver& observer_;
  DissectStatistics& statistics_;
  RpcSessions& sessions_;
  SmbWrites writes_;
  UnfinishedStreams marks_;
};

}  // namespace rpcaudit::dissect
