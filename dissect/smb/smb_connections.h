#pragma once

#include <array>
#include <cstdint>

#include "dissect/limits.h"
#include "dissect/smb/smb1_message.h"
#include "dissect/smb/smb2_message.h"
#include "dissect/smb/smb_pipes.h"
#include "dissect/smb/smb_sessions.h"
#include "dissect/smb/smb_stream.h"
#include "dissect/statistics.h"
#include "dissect/store/keyed_table.h"

namespace rpcaudit::dissect {

// Where the payload under way goes.
struct SmbPayload {
  EntryReference pipe;
  unsigned direction = kToServer;  // of the pipe
  bool ends_pipe = false;          // it is the last that this pipe carries
};

// What later units of a message have from earlier ones.
struct SmbChain {
  SmbKind kind{};
  std::uint64_t session_id = 0;  // SMB2: of the unit before
  std::uint32_t tree_id = 0;
  EntryReference pipe;
  Smb1Header header;  // SMB1
  Smb1Command command{};
};

// A TCP connection that carries SMB.
struct SmbConnection {
  std::array<SmbStream, 2> streams;  // by direction
  std::array<SmbPayload, 2> payloads;
  std::array<SmbChain, 2> chains;
  std::array<PipeSource, 2> sources;
  std::array<EntryReference, 2> raw;  // SMB1: the pipe whose data comes next, without a header
  std::array<Endpoint, 2> endpoints;  // by direction: who sends in it
  std::uint64_t key = 0;              // what is this connection's own is found by
  std::uint64_t hosts = 0;            // both addresses, the same for all connections between them
  std::uint64_t recent_id = 0;        // the SMB2 session that was last looked up
  EntryReference recent_session;
  EntryReference carried;            // the session last found among the channels
  std::uint32_t channels = kNoSlot;  // sessions it carries
  std::uint32_t channel_count = 0;
  std::uint32_t requests = kNoSlot;
  SmbTrees trees;  // SMB1
  std::uint32_t generation = 0;
  std::uint8_t client_direction = 0;
  bool roles_known = false;
};

// A connection carries a session.
struct SmbChannel {
  EntryReference session;
  std::uint32_t next = kNoSlot;  // of the same connection
};

// A request whose response will matter.
struct SmbRequest {
  EntryReference pipe;
  EntryReference session;
  bool owns_pipe = false;  // it is opening the pipe: without success there is none
  // SMB1 transactions, in bytes of data
  std::uint32_t expected = 0;
  std::uint32_t received = 0;
  std::uint32_t answered = 0;
  unsigned data_direction = kToServer;
  bool is_call = false;  // the pipe is there for this transaction only
  std::uint32_t* group = nullptr;
};

// SMB over TCP: finds the pipes in it and feeds what they carry to RPC sessions, and counts what is
// encrypted or compressed. SMB2 sessions are shared by all connections between two hosts.
class SmbConnections {
 public:
  SmbConnections(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                 RpcSessions& sessions, std::uint64_t seed);

  // A new connection, or kNoSlot when the table is full. `endpoints[d]` sends in direction d.
  [[nodiscard]] std::uint32_t open(const std::array<Endpoint, 2>& endpoints) noexcept;
  // Sessions that no other connection carries end with it.
  void close(std::uint32_t slot, const FrameReference& frame) noexcept;

  void consume(std::uint32_t slot, unsigned direction, Bytes bytes,
               const FrameReference& frame) noexcept;
  // Returns whether what is missing may have mattered.
  bool gap(std::uint32_t slot, unsigned direction, std::uint64_t missing, BlindnessKind kind,
           const FrameReference& frame) noexcept;

  // True when the next `count` bytes are passed over whatever they are.
  [[nodiscard]] bool passes_over(std::uint32_t slot, unsigned direction,
                                 std::size_t count) const noexcept {
    return connections_[slot].streams[direction].passes_over(count);
  }
  void prefetch(std::uint32_t slot) const noexcept {
    connections_.prefetch(slot, sizeof(SmbConnection::streams));
  }

  void give_up_stale(Timestamp now) noexcept { pipes_.give_up_stale(now); }
  [[nodiscard]] std::uint64_t earliest_open() const noexcept { return pipes_.earliest_open(); }

 private:
  struct Sink;
  // One unit on its way through its handler.
  struct Unit {
    std::uint32_t slot;  // of the connection
    unsigned direction;
    const SmbUnit& shown;
    const FrameReference& frame;
    SmbStep step;
  };

  // smb_connections.cpp: what both versions need
  [[nodiscard]] std::size_t bytes_needed(std::uint32_t slot, unsigned direction,
                                         const SmbUnit& unit) noexcept;
  SmbStep on_unit(std::uint32_t slot, unsigned direction, const SmbUnit& shown,
                  const FrameReference& frame) noexcept;
  void on_payload(std::uint32_t slot, unsigned direction, Bytes bytes,
                  const FrameReference& frame) noexcept;
  void end_payload(std::uint32_t slot, unsigned direction, Timestamp now) noexcept;
  void count_unseen(const Unit& unit, SmbKind kind) noexcept;
  [[nodiscard]] bool is_expected_from(std::uint32_t slot, unsigned direction,
                                      bool is_response) noexcept;
  [[nodiscard]] PipeCarrier client_and_server(const SmbConnection& connection) const noexcept;
  [[nodiscard]] std::uint32_t add_session(std::uint32_t slot, const TableKey& key,
                                          const FrameReference& frame) noexcept;
  void carry(std::uint32_t slot, std::uint32_t session, const FrameReference& frame) noexcept;
  [[nodiscard]] TableKey fresh_key(const SmbConnection& connection) noexcept;
  [[nodiscard]] EntryReference open_pipe(const Unit& unit, const TableKey& key,
                                         std::uint32_t session, std::uint32_t tree_id) noexcept;
  void hand_on(Unit& unit, EntryReference pipe, unsigned direction, SmbExtent extent) noexcept;
  SmbRequest& add_request(const Unit& unit, const TableKey& key) noexcept;
  void end_request(std::uint32_t request, Timestamp now) noexcept;

  // smb2_commands.cpp
  [[nodiscard]] std::size_t smb2_needed(std::uint32_t slot, unsigned direction,
                                        const SmbUnit& unit) noexcept;
  [[nodiscard]] bool smb2_matters(std::uint32_t slot, const Smb2Header& header) noexcept;
  void on_smb2(Unit& unit) noexcept;
  void smb2_request(Unit& unit, const Smb2Header& header) noexcept;
  void smb2_response(Unit& unit, const Smb2Header& header) noexcept;
  void smb2_setup_request(Unit& unit, const Smb2Header& header) noexcept;
  void smb2_setup_response(Unit& unit, const Smb2Header& header) noexcept;
  void smb2_create_request(Unit& unit, const Smb2Header& header) noexcept;
  void smb2_create_response(Unit& unit, const Smb2Header& header) noexcept;
  void smb2_data_response(Unit& unit, const Smb2Header& header) noexcept;
  void smb2_leave(Unit& unit, const Smb2Header& header) noexcept;
  [[nodiscard]] std::uint32_t smb2_session(std::uint32_t slot, std::uint64_t id) noexcept;
  [[nodiscard]] std::uint32_t smb2_session_added(const Unit& unit, std::uint64_t id) noexcept;
  [[nodiscard]] EntryReference smb2_pipe(Unit& unit, const Smb2Header& header, Smb2FileId file,
                                         bool add) noexcept;
  [[nodiscard]] EntryReference smb2_only_pipe(Unit& unit, const Smb2Header& header) noexcept;
  [[nodiscard]] TableKey smb2_request_key(const Unit& unit,
                                          const Smb2Header& header) const noexcept;

  // smb1_commands.cpp
  [[nodiscard]] std::size_t smb1_needed(std::uint32_t slot, unsigned direction,
                                        const SmbUnit& unit) noexcept;
  void on_smb1(Unit& unit) noexcept;
  void smb1_request(Unit& unit, const Smb1Block& block) noexcept;
  void smb1_response(Unit& unit, const Smb1Block& block) noexcept;
  void smb1_setup_request(Unit& unit, const Smb1Block& block) noexcept;
  void smb1_setup_response(Unit& unit, const Smb1Block& block) noexcept;
  void smb1_open_request(Unit& unit, const Smb1Block& block) noexcept;
  void smb1_open_response(Unit& unit, const Smb1Block& block) noexcept;
  void smb1_write_request(Unit& unit, const Smb1Block& block) noexcept;
  void smb1_read_response(Unit& unit, const Smb1Block& block) noexcept;
  void smb1_transaction_request(Unit& unit, const Smb1Block& block) noexcept;
  void smb1_transaction_response(Unit& unit, const Smb1Block& block) noexcept;
  void smb1_part(Unit& unit, SmbRequest& request, unsigned direction,
                 const Smb1Transaction& transaction, std::uint32_t& seen) noexcept;
  void smb1_leave(Unit& unit, const Smb1Block& block) noexcept;
  [[nodiscard]] const Smb1Header& smb1_header(const Unit& unit) const noexcept {
    return connections_[unit.slot].chains[unit.direction].header;
  }
  [[nodiscard]] std::uint32_t smb1_session(const Unit& unit) noexcept;
  [[nodiscard]] EntryReference smb1_pipe(Unit& unit, std::uint16_t file_id) noexcept;
  [[nodiscard]] TableKey smb1_request_key(const Unit& unit, Smb1Command command) const noexcept;
  [[nodiscard]] TableKey smb1_pipe_key(const Unit& unit, std::uint16_t file_id) const noexcept;
  [[nodiscard]] TableKey smb1_session_key(const Unit& unit) const noexcept;

  RpcObserver& observer_;
  DissectStatistics& statistics_;
  SmbPipes pipes_;
  SmbSessions sessions_;
  KeyedTable<SmbRequest> requests_;
  Slab<SmbConnection> connections_;
  Slab<SmbChannel> channels_;
  SmbHeadPool heads_;
  std::array<std::uint64_t, 2> host_secrets_{};
  std::uint64_t keys_made_ = 0;
};

}  // namespace rpcaudit::dissect
