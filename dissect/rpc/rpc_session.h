#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "dissect/direction.h"
#include "dissect/limits.h"
#include "dissect/rpc/association.h"
#include "dissect/rpc/endpoint_dialogue.h"
#include "dissect/rpc/open_proposals.h"
#include "dissect/rpc/pdu_stream.h"
#include "dissect/rpc/pending_calls.h"
#include "dissect/rpc/presentation_contexts.h"
#include "dissect/rpc/security_contexts.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/store/slab.h"
#include "dissect/stubs/stub_topics.h"

namespace rpcaudit::dissect {

// The state of one association: the two directions of a byte stream that carries PDUs, whatever
// brought the bytes.
struct RpcSession {
  PerDirection<PduStream> streams;  // what every PDU needs stands first
  PerDirection<bool> seen;          // PDUs were seen in the direction
  bool conflict_told = false;       // blindness about its doubts was told
  bool has_gaps = false;            // bytes of either direction are known to be missing
  StubTopics topics;
  RpcPendingCalls::List calls;  // calls that wait for their answer
  OpenProposals::List proposals;
  ContextList contexts;
  SecurityContextList security;
  Association association;
  std::optional<std::uint32_t> last_call_id;  // of the calls that were told

  // Whether the association was followed from its bind on, without a gap.
  [[nodiscard]] bool sees_all() const noexcept { return association.begun && !has_gaps; }
  // Whether a later fragment under this id, of no open call, is of a call whose first fragment was
  // not captured. Clients count their call ids up.
  [[nodiscard]] bool missed_first_fragment(std::uint32_t call_id) const noexcept {
    if (sees_all()) return false;
    return !last_call_id || static_cast<std::int32_t>(call_id - *last_call_id) > 0;
  }
};

// The state machine of the connection-oriented protocol for all associations at once. Tells the
// observer; knows nothing of TCP or SMB.
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
  // Resolves and tells everything still open on the session, and frees its slot.
  void close(Slot<RpcSession> slot) noexcept;

  // The next bytes of a direction. Returns those that were read.
  Bytes consume(Slot<RpcSession> slot, Direction direction, Bytes bytes,
                const FrameReference& frame) noexcept;
  // The next bytes of a direction of a pipe. They may come over several connections, and each of
  // these may carry several pipes: `carrier` is the one that brings them, `ordinal` its own.
  void consume_from(const PipeCarrier& carrier, PduOrdinal& ordinal, Slot<RpcSession> slot,
                    Direction direction, Bytes bytes, const FrameReference& frame) noexcept;
  // The next `missing` bytes of a direction will never come.
  void gap(Slot<RpcSession> slot, Direction direction, std::uint64_t missing, BlindnessKind kind,
           const FrameReference& frame) noexcept;
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
    sessions_[slot].association.protocol = protocol;
  }
  // The client sends in this direction, whatever types the PDUs have.
  void set_client(Slot<RpcSession> slot, Direction client) noexcept {
    sessions_[slot].association.client_direction = client;
    sessions_[slot].association.roles_known = true;
  }
  // Whether the next `count` bytes are passed over, whatever they are.
  [[nodiscard]] bool passes_over(Slot<RpcSession> slot, Direction direction,
                                 std::size_t count) const noexcept {
    return sessions_[slot].streams[direction].passes_over(count);
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
  // Whether open_since() names a frame for either direction.
  [[nodiscard]] bool is_open(Slot<RpcSession> slot) const noexcept {
    const PerDirection<PduStream>& streams = sessions_[slot].streams;
    return streams[Direction::forward].is_open() || streams[Direction::reverse].is_open();
  }
  // Something that the client said has no answer yet.
  [[nodiscard]] bool awaits_answer(Slot<RpcSession> slot) const noexcept {
    const RpcSession& session = sessions_[slot];
    return session.calls.newest() || session.proposals.oldest();
  }

  // Brings what the next PDU needs into the cache.
  void prefetch(Slot<RpcSession> slot) const noexcept {
    constexpr std::size_t kCacheLine = 64;
    sessions_.prefetch(slot, sizeof(RpcSession::streams) + 4 * kCacheLine);
  }

  // Brings the context used last into the cache, when the session is there.
  void prefetch_context(Slot<RpcSession> slot) const noexcept {
    contexts_.prefetch_recent(sessions_[slot].contexts);
  }

  // Contexts that can still be added before sessions have to be closed to make room.
  [[nodiscard]] std::size_t free_contexts() const noexcept { return contexts_.free(); }

 private:
  using Pending = Slot<RpcPendingCalls::Call>;

  class Sink;

  void on_pdu(Slot<RpcSession> slot, Direction direction, const Pdu& pdu) noexcept;

  void on_request(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  void read_stub(const StubTopics& topics, const RpcContext& context, const Pdu& pdu, Bytes stub,
                 RpcCall& call) noexcept;
  void on_later_fragment(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  void on_answer(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  // The server may answer all the same, so the call stays open.
  void on_cancel(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
    const Pending cancelled = find_call(slot, pdu);
    if (!cancelled) return;
    RpcPendingCalls::Call& call = pending_[cancelled];
    (pdu.header.type == PduType::orphaned ? call.orphaned : call.cancelled) = true;
  }
  void tell_call(Slot<RpcSession> slot, const Pdu& pdu, Slot<ContextRecord> context,
                 RpcCall& call) noexcept;
  void resolve(Pending pending, Outcome outcome, std::uint32_t status,
               const FrameReference& frame) noexcept;

  void on_bind(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  void on_bind_answer(Slot<RpcSession> slot, const Pdu& pdu) noexcept;
  void end_proposal(Slot<OpenProposal> slot, AuthAnswer answer) noexcept;
  [[nodiscard]] SecurityIdentity proposer(const RpcSession& session,
                                          Slot<ContextRecord> first) const noexcept;

  [[nodiscard]] Pending find_call(Slot<RpcSession> slot, const Pdu& pdu) const noexcept {
    return pending_.find(slot, pdu.header.call_id, sessions_[slot].calls);
  }
  [[nodiscard]] Slot<OpenProposal> find_proposal(Slot<RpcSession> slot,
                                                 const Pdu& pdu) const noexcept {
    return proposals_.find(pdu.header.call_id, sessions_[slot].proposals);
  }
  // The answer is not waited for any longer.
  void give_up(Pending call) noexcept {
    ++statistics_.outcomes_given_up;
    resolve(call, Outcome::unanswered, 0, {});
  }
  void give_up(Slot<OpenProposal> proposal) noexcept {
    ++statistics_.outcomes_given_up;
    end_proposal(proposal, AuthAnswer::unclear);
  }

  void tell_undecodable(const RpcSession& session, const Pdu& pdu, std::size_t bytes) noexcept {
    ++statistics_.pdus_undecodable;
    tell_blindness(session, BlindnessKind::undecodable, pdu.frame, bytes, 1);
  }
  void tell_conflict(RpcSession& session, const FrameReference& frame) noexcept {
    if (std::exchange(session.conflict_told, true)) return;
    tell_blindness(session, BlindnessKind::conflict, frame, 0, 1);
  }
  void doubt(Pending pending, const FrameReference& frame) noexcept;
  void finish(Slot<RpcSession> slot, Direction direction) noexcept;
  void tell_blindness(const RpcSession& session, BlindnessKind kind, const FrameReference& frame,
                      std::uint64_t bytes, std::uint64_t messages) noexcept {
    const Association& association = session.association;
    Blindness blindness = make_blindness(kind, frame, {association.client(), association.server()});
    blindness.bytes = bytes;
    blindness.messages = messages;
    observer_.on_blindness(blindness);
  }

  const Limits& limits_;
  RpcObserver& observer_;
  DissectStatistics& statistics_;
  Slab<RpcSession> sessions_;
  PresentationContexts contexts_;
  SecurityContexts security_;
  EndpointDialogue endpoints_;
  PduBufferPool buffers_;
  OpenProposals proposals_;
  RpcPendingCalls pending_;
};

}  // namespace rpcaudit::dissect
