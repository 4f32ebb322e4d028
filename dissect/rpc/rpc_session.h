#pragma once

#include <array>
#include <cstdint>

#include "dissect/direction.h"
#include "dissect/limits.h"
#include "dissect/rpc/identity.h"
#include "dissect/rpc/pdu_stream.h"
#include "dissect/rpc/pending_calls.h"
#include "dissect/rpc/pipe_origin.h"
#include "dissect/rpc/rpc_auth.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/store/slab.h"
#include "dissect/stubs/epm_stubs.h"

namespace rpcaudit::dissect {

// A presentation context as the session keeps it. The view it lends is `context`.
struct ContextRecord {
  RpcContext context;
  std::uint32_t next = kNoSlot;          // of the same session, newest first
  std::uint32_t next_in_bind = kNoSlot;  // in the order proposed
  std::uint32_t pending = 0;             // calls on it that wait for their outcome
  std::uint32_t generation = 0;
  bool superseded = false;        // its id was accepted anew: close when nothing is pending
  bool resolved = false;          // on_context_result was told
  bool reported_missing = false;  // blindness about its bind was told
};

// A security context: what its trailers said (C706 13.2.6.1), and who spoke.
struct SecurityContext {
  AuthNumbers numbers;
  std::uint32_t identity = kNoSlot;
};

inline constexpr std::size_t kSecurityContextsMax = 8;

// One association (C706 12.6.2; MS-RPCE calls it a connection): the two directions of a byte stream
// that carries PDUs, whatever brought the bytes.
struct RpcSession {
  PerDirection<PduStream> streams;  // by direction; what every PDU needs stands first
  PerDirection<bool> seen;          // PDUs were seen in this direction
  Direction client_direction = Direction::forward;  // the direction in which the client sends
  bool roles_known = false;
  bool is_of_mapper = false;      // an endpoint mapper was asked for: its messages are read whole
  bool is_of_management = false;  // likewise the server's management interface
  std::uint32_t contexts = kNoSlot;  // newest first
  std::uint32_t context_count = 0;
  std::uint32_t recent_context = kNoSlot;  // what recent_id was last found to mean
  std::uint16_t recent_id = 0;
  std::uint32_t pending = kNoSlot;  // newest first
  std::uint8_t security_count = 0;
  ProtocolSequence protocol = ProtocolSequence::ncacn_ip_tcp;
  std::array<SecurityContext, kSecurityContextsMax> security;
  PerDirection<Endpoint> endpoints;      // who sends in the direction
  const PipeOrigin* pipe = nullptr;      // of a session over a named pipe
  BoundedText<64> secondary_address;     // of the last bind_ack
  std::optional<Timestamp> association;  // of the bind
  Doubts doubts;                         // of all that is told from here on
};

// The state machine of the connection-oriented protocol for all sessions at once, and the tables
// they share. Tells the observer; knows nothing of TCP or SMB.
class RpcSessions {
 public:
  RpcSessions(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
              std::uint64_t seed);

  // A new session, or none when the table is full. `endpoints` are by direction: who sends in it.
  // Over a pipe the forward direction is the client's, and `pipe` outlives the session; elsewhere
  // it is nullptr.
  [[nodiscard]] Slot<RpcSession> open(ProtocolSequence protocol,
                                      const std::array<Endpoint, 2>& endpoints,
                                      const PipeOrigin* pipe);
  // Everything still open on the session is resolved and told; its slot is free again.
  void close(Slot<RpcSession> slot, Timestamp now) noexcept;

  void consume(Slot<RpcSession> slot, Direction direction, Bytes bytes,
               const FrameReference& frame) noexcept;
  // The same for a pipe, whose bytes may come over several connections, and each of these may carry
  // several pipes.
  void consume_from(const PipeCarrier& carrier, PduOrdinal& ordinal, Slot<RpcSession> slot,
                    Direction direction, Bytes bytes, const FrameReference& frame) noexcept;
  void gap(Slot<RpcSession> slot, Direction direction, std::uint64_t missing, BlindnessKind kind,
           const FrameReference& frame) noexcept;
  // The direction ends; what is held of its last PDU is told as far as it goes.
  void finish(Slot<RpcSession> slot, Direction direction) noexcept;

  // The rest of the PDU under way is not waited for any longer.
  void abandon(Slot<RpcSession> slot, Direction direction) noexcept;

  // Outcomes older than the window are given up.
  void expire(Timestamp now) noexcept;

  // What the session's peers take may differ from what is told, from `frame` on: all later calls
  // have these doubts, and the observer is told of calls that are open. Blindness is told once for
  // each session.
  void doubt(Slot<RpcSession> slot, Doubts doubts, const FrameReference& frame) noexcept;

  // The transport turned out to be this one, before any PDU.
  void set_protocol(Slot<RpcSession> slot, ProtocolSequence protocol) noexcept {
    sessions_[slot].protocol = protocol;
  }
  // Passes over the next `count` bytes of the direction, which are of no PDU.
  void skip(Slot<RpcSession> slot, Direction direction, std::size_t count) noexcept {
    sessions_[slot].streams[direction].skip(count);
  }
  // The frame in which a PDU of the direction began that has not been told; sequence 0 for none.
  [[nodiscard]] FrameReference open_since(Slot<RpcSession> slot,
                                          Direction direction) const noexcept {
    const PduStream& stream = sessions_[slot].streams[direction];
    return stream.is_open() ? stream.open_since() : FrameReference{};
  }
  // Something that the client said has no answer yet.
  [[nodiscard]] bool awaits_answer(Slot<RpcSession> slot) const noexcept {
    return sessions_[slot].pending != kNoSlot;
  }

  void prefetch(Slot<RpcSession> slot) const noexcept {
    constexpr std::size_t kCacheLine = 64;
    sessions_.prefetch(slot, sizeof(RpcSession::streams) + 2 * kCacheLine);
  }

  // Contexts that can still be added before sessions have to be closed to make room.
  [[nodiscard]] std::size_t free_contexts() const noexcept {
    return contexts_.capacity() - contexts_.size();
  }

 private:
  struct Sink;

  // rpc_session.cpp: the way of a PDU
  void on_pdu(Slot<RpcSession> slot, Direction direction, const Pdu& pdu) noexcept;
  void learn_roles(RpcSession& session, Direction direction, PduType type) noexcept;
  void on_request(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  void on_later_fragment(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  void on_answer(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  void on_cancel(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  void tell_call(Slot<RpcSession> slot, const Pdu& pdu, std::uint32_t context_slot,
                 RpcCall& call) noexcept;
  void resolve(std::uint32_t pending_slot, Outcome outcome, std::uint32_t status,
               const FrameReference& frame) noexcept;
  void give_up(std::uint32_t pending_slot) noexcept;
  [[nodiscard]] std::uint32_t add_pending(Slot<RpcSession> slot, const Pdu& pdu,
                                          bool is_bind) noexcept;
  [[nodiscard]] std::uint32_t find_pending(Slot<RpcSession> slot, const Pdu& pdu,
                                           bool is_bind) const noexcept {
    return pending_.find(slot, pdu.header.call_id, is_bind, sessions_[slot].pending);
  }
  void tell_blindness(const RpcSession& session, BlindnessKind kind, const FrameReference& frame,
                      std::uint64_t bytes, std::uint64_t messages) noexcept;

  // What a context has from its session, whatever the PDU says.
  void describe_session(const RpcSession& session, RpcContext& context) const noexcept;

  // rpc_contexts.cpp: proposals and their results
  void on_bind(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  void on_bind_answer(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  void apply_results(Slot<RpcSession> slot, std::uint32_t pending_slot, const Pdu& pdu) noexcept;
  void refuse_bind(Slot<RpcSession> slot, std::uint32_t pending_slot,
                   std::uint16_t reason) noexcept;
  void note_fault(std::uint32_t pending_slot, std::uint32_t status) noexcept;
  void end_bind(std::uint32_t pending_slot) noexcept;
  void tell_result(Slot<RpcSession> slot, ContextRecord& record) noexcept;
  void supersede(Slot<RpcSession> slot, const ContextRecord& accepted) noexcept;
  void close_context(Slot<RpcSession> slot, std::uint32_t context_slot) noexcept;
  [[nodiscard]] std::uint32_t add_context(Slot<RpcSession> slot) noexcept;
  [[nodiscard]] std::uint32_t find_context(RpcSession& session, std::uint16_t context_id) noexcept {
    if (session.recent_context == kNoSlot || session.recent_id != context_id) {
      session.recent_context = search_context(session, context_id);
      session.recent_id = context_id;
    }
    return session.recent_context;
  }
  [[nodiscard]] std::uint32_t search_context(const RpcSession& session,
                                             std::uint16_t context_id) noexcept;
  [[nodiscard]] std::uint32_t imply_context(Slot<RpcSession> slot, const Pdu& pdu,
                                            std::uint16_t context_id) noexcept;
  void release_call(Slot<RpcSession> slot, std::uint32_t context_slot) noexcept;

  // rpc_mapper.cpp: what endpoint mappers are asked and say
  [[nodiscard]] bool is_mapper(const ContextRecord& record) const noexcept;
  void note_question(std::uint32_t context_slot, const Pdu& pdu, RpcCall& call) noexcept;
  void read_mapper_request(Slot<RpcSession> slot, std::uint32_t context_slot, std::uint16_t opnum,
                           const Pdu& pdu) noexcept;
  void read_mapper_answer(Slot<RpcSession> slot, std::uint32_t pending_slot,
                          const Pdu& pdu) noexcept;
  void end_mapper_messages(Slot<RpcSession> slot) noexcept;
  void read_mapper_fragment(Slot<RpcSession> slot, bool is_answer, const Pdu& pdu) noexcept;
  // What a server says of the interfaces that it has itself.
  void read_interface_list(std::uint32_t pending_slot, const Pdu& pdu) noexcept;
  [[nodiscard]] std::size_t body_prefix(const RpcSession& session) const noexcept {
    const bool whole = session.is_of_mapper || session.is_of_management;
    return whole ? kWholePdus : limits_.body_prefix_bytes;
  }

  // rpc_security.cpp: trailers and tokens
  [[nodiscard]] bool read_trailer(const Pdu& pdu, SecurityTrailer& trailer) const noexcept;
  SecurityContext* note_security(Slot<RpcSession> slot, const Pdu& pdu,
                                 std::optional<AuthNumbers>& numbers) noexcept;
  [[nodiscard]] SecurityContext* find_security(RpcSession& session,
                                               std::uint32_t context_id) noexcept;
  [[nodiscard]] SecurityIdentity identity_of(const RpcSession& session,
                                             const SecurityContext* security) const noexcept;
  [[nodiscard]] SecurityIdentity session_identity(RpcSession& session,
                                                  const std::optional<AuthNumbers>& auth) noexcept;

  const Limits& limits_;
  RpcObserver& observer_;
  DissectStatistics& statistics_;
  Slab<RpcSession> sessions_;
  Slab<ContextRecord> contexts_;
  Slab<Identity> identities_;
  PduBufferPool buffers_;
  PendingCalls pending_;
  EpmStubs mapper_stubs_;
  Timestamp now_;  // of the frame being read: outcomes are given up against it
};

}  // namespace rpcaudit::dissect
