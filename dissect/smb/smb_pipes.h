#pragma once

#include <array>
#include <cstdint>

#include "dissect/limits.h"
#include "dissect/rpc/pipe_origin.h"
#include "dissect/rpc/rpc_session.h"
#include "dissect/statistics.h"
#include "dissect/store/keyed_table.h"
#include "dissect/store/probe_buffer.h"
#include "dissect/store/unfinished_streams.h"

namespace rpcaudit::dissect {

// The directions of a pipe, and of the RPC session on it.
inline constexpr unsigned kToServer = 0;
inline constexpr unsigned kToClient = 1;

// An open pipe, or a handle that may be one because its tree or its opening was not seen.
struct SmbPipe {
  PipeOrigin origin;
  PipeCarrier opened_on;
  std::uint32_t tree_id = 0;
  std::uint32_t* group = nullptr;     // the list of pipes of its SMB session
  std::uint32_t rpc = kNoSlot;        // its RPC session, once the content is known to be RPC
  std::uint8_t tries = 0;             // messages that did not look like RPC
  std::array<bool, 2> is_marked{};    // in the list of what holds bytes
  std::array<ProbeBuffer, 2> probes;  // `decided`: the rest of the message is not looked at
};

// A direction of a connection that brings bytes of pipes.
struct PipeSource {
  PipeCarrier carrier;
  PduPlace place;
};

// Open pipes: finds out which carry RPC, by their content alone, and feeds those to RPC sessions,
// one for each pipe. A pipe that carries something else costs a look-up per message. Bounded: the
// one used the longest ago makes room.
class SmbPipes {
 public:
  SmbPipes(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
           RpcSessions& sessions, std::uint64_t seed);

  [[nodiscard]] std::uint32_t find(const TableKey& key) const noexcept { return table_.find(key); }
  // A new pipe of the SMB session whose list is `group`; both stay in place until it is closed.
  std::uint32_t open(const TableKey& key, const PipeCarrier& opened_on, const SmbCaller& caller,
                     std::uint32_t& group, const FrameReference& frame) noexcept;
  // The pipe is known by this key from now on; another of that key was closed unseen.
  void rekey(std::uint32_t slot, const TableKey& key, Timestamp now) noexcept;
  void close(std::uint32_t slot, Timestamp now) noexcept;

  SmbPipe& operator[](std::uint32_t slot) noexcept { return table_[slot]; }
  [[nodiscard]] EntryReference reference(std::uint32_t slot) const noexcept {
    return table_.reference(slot);
  }
  [[nodiscard]] bool holds(EntryReference reference) const noexcept {
    return table_.holds(reference);
  }
  [[nodiscard]] std::uint32_t next_in_group(std::uint32_t slot) const noexcept {
    return table_.next_in_group(slot);
  }

  // What is written to or read from the pipe by one message begins.
  void begin_message(std::uint32_t slot, unsigned direction) noexcept;
  // More of it. `source` is the connection that it comes from.
  void consume(std::uint32_t slot, unsigned direction, Bytes bytes, const FrameReference& frame,
               PipeSource& source) noexcept;
  void gap(std::uint32_t slot, unsigned direction, std::uint64_t missing, BlindnessKind kind,
           const FrameReference& frame) noexcept;

  // The pipe carries RPC, and something that was said on it has no answer yet.
  [[nodiscard]] bool awaits_answer(std::uint32_t slot) noexcept {
    const std::uint32_t rpc = table_[slot].rpc;
    return rpc != kNoSlot && sessions_.awaits_answer(rpc);
  }

  // What is held longer than the window allows is given up.
  void give_up_stale(Timestamp now) noexcept;
  // Everything that began before this frame has been told.
  [[nodiscard]] std::uint64_t earliest_open() const noexcept { return marks_.earliest(); }

 private:
  void probe(std::uint32_t slot, unsigned direction, Bytes bytes, const FrameReference& frame,
             PipeSource& source) noexcept;
  void start_rpc(std::uint32_t slot, PipeSource& source) noexcept;
  void feed(SmbPipe& pipe, unsigned direction, Bytes bytes, const FrameReference& frame,
            PipeSource& source) noexcept;
  void make_room(const FrameReference& frame) noexcept;
  void evict(std::uint32_t slot, const FrameReference& frame) noexcept;
  [[nodiscard]] FrameReference open_since(std::uint32_t slot, unsigned direction) noexcept;
  void mark_open(std::uint32_t slot, unsigned direction) noexcept;

  const Limits& limits_;
  RpcObserver& observer_;
  DissectStatistics& statistics_;
  RpcSessions& sessions_;
  KeyedTable<SmbPipe> table_;
  UnfinishedStreams marks_;
};

}  // namespace rpcaudit::dissect
