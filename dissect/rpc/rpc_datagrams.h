#pragma once

#include <cstdint>

#include "dissect/limits.h"
#include "dissect/net/packet.h"
#include "dissect/rpc/pending_calls.h"
#include "dissect/rpc/rpc_connectionless.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/store/keyed_slab.h"
#include "dissect/stubs/epm_stubs.h"

namespace rpcaudit::dissect {

// The state machine of the connectionless protocol (C706 10, 12.5): calls are known by activity and
// sequence number, not by ports, so an answer finds its call from whatever port or address it
// comes, and a fragment or retransmission finds it too, in whatever order they arrive.
//
// The slots of its contexts and calls begin where those of the connection-oriented protocol end
// (Limits::contexts, Limits::pending_calls), so that the observer sees one range of each.
class RpcDatagrams {
 public:
  RpcDatagrams(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
               std::uint64_t seed);

  // A UDP datagram that may_be_connectionless(). What turns out to be something else is passed
  // over.
  void add(const Packet& packet, const FrameReference& frame) noexcept;

  // Outcomes older than the window are given up.
  void expire(Timestamp now) noexcept;
  // Everything still open is resolved and told.
  void close_all() noexcept;

 private:
  // What one client host says under one activity UUID to one server host.
  struct Activity {
    Uuid uuid;
    IpAddress client;
    IpAddress server;
    std::uint32_t highest = 0;  // sequence number told
    std::uint64_t told = 0;     // bit n: the call numbered highest - n was told
    std::uint32_t pending = kNoSlot;
    std::uint32_t nocall_sequence = 0;
    FrameReference nocall;  // in which the server said that it knows no such call
  };
  struct Context {
    RpcContext context;
    std::uint32_t pending = 0;  // calls on it that wait for their outcome
    std::uint32_t generation = 0;
  };
  // A PDU and where it came from.
  struct Received {
    DatagramHeader header;
    const Packet& packet;
    const FrameReference& frame;
  };

  void on_request(const Received& pdu) noexcept;
  void on_answer(const Received& pdu) noexcept;
  void on_client_note(const Received& pdu) noexcept;
  void tell_call(const Received& pdu, std::uint32_t activity) noexcept;
  // Messages of endpoint mappers; `context` of their first fragment, nullptr for later ones.
  void read_mapper(const Received& pdu, const Context* context, std::uint16_t opnum) noexcept;
  [[nodiscard]] static std::uint8_t protection_level(const Received& pdu) noexcept;
  void read_security(const Received& pdu, RpcCall& call) const noexcept;
  void resolve(std::uint32_t pending, Outcome outcome, std::uint32_t status,
               const FrameReference& frame) noexcept;
  void give_up(std::uint32_t pending) noexcept;
  void tell_blindness(const Received& pdu, BlindnessKind kind, std::uint64_t bytes) noexcept;

  [[nodiscard]] std::uint64_t hash_of(const Uuid& activity, const IpAddress& client) const noexcept;
  [[nodiscard]] std::uint32_t find_activity(const Uuid& uuid, const IpAddress& client,
                                            const IpAddress& server) noexcept;
  // The one that has the call open, of this server or else of another of the same name.
  [[nodiscard]] std::uint32_t find_open(const Uuid& uuid, const IpAddress& client,
                                        const IpAddress& server, std::uint32_t sequence) noexcept;
  [[nodiscard]] std::uint32_t add_activity(const Received& pdu) noexcept;
  void forget_activity(std::uint32_t slot) noexcept;
  [[nodiscard]] static bool was_told(const Activity& activity, std::uint32_t sequence) noexcept;
  static void note_told(Activity& activity, std::uint32_t sequence) noexcept;
  [[nodiscard]] std::uint32_t find_pending(std::uint32_t activity,
                                           std::uint32_t sequence) const noexcept;

  [[nodiscard]] std::uint32_t use_context(const Received& pdu) noexcept;
  void make_room_for_context() noexcept;
  void close_context(std::uint32_t slot) noexcept;

  const Limits& limits_;
  RpcObserver& observer_;
  DissectStatistics& statistics_;
  KeyedSlab<Activity> activities_;
  KeyedSlab<Context> contexts_;
  PendingCalls pending_;
  EpmStubs mapper_stubs_;
  std::uint64_t secrets_[4];
};

}  // namespace rpcaudit::dissect
