#pragma once

#include <cstdint>
#include <optional>

#include "dissect/limits.h"
#include "dissect/smb/smb_connection.h"
#include "dissect/statistics.h"
#include "dissect/store/keyed_table.h"

namespace rpcaudit::dissect {

// A request whose response will matter.
struct SmbRequest {
  SmbPipes::Reference pipe;
  SmbSessions::Reference session;
  bool owns_pipe = false;  // it is opening the pipe: without success there is none
  bool names_ipc = false;  // it asks for a tree of pipes
  bool writes = false;     // `write` is, or was, what it writes to the pipe
  SmbWrites::Reference write;
  // Of an SMB1 transaction, in bytes of data.
  std::uint32_t expected = 0;
  std::uint32_t received = 0;
  std::uint32_t answered = 0;
  bool is_call = false;  // the pipe is there for this transaction only
};

// What the readers of both versions do with sessions, pipes and requests, which it owns: they are
// shared by all connections.
class SmbHost {
 public:
  SmbHost(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
          RpcSessions& sessions, std::uint64_t seed);

  [[nodiscard]] DissectStatistics& statistics() noexcept { return statistics_; }
  [[nodiscard]] SmbPipes& pipes() noexcept { return pipes_; }
  [[nodiscard]] const SmbPipes& pipes() const noexcept { return pipes_; }
  [[nodiscard]] SmbSessions& sessions() noexcept { return sessions_; }

  // Brings a session and a pipe into the cache; either may be none.
  void prefetch(Slot<SmbSession> session, Slot<SmbPipe> pipe) const noexcept {
    if (session) sessions_.prefetch(session);
    if (pipe) pipes_.prefetch(pipe);
  }

  // Whether a parser succeeded; failures are counted.
  [[nodiscard]] bool decodes(ParseStatus status) noexcept {
    if (status != ParseStatus::ok) ++statistics_.smb_undecodable;
    return status == ParseStatus::ok;
  }

  // Whether a unit is a response. Who is the client is known from the ports or the handshake of the
  // connection, else from the flag of its first message; what a later flag says against that is
  // counted, and does not matter.
  [[nodiscard]] bool is_response(const SmbUnitContext& unit, bool flag) noexcept;

  // A key that nothing else of the connection has, for what the server has not named yet.
  [[nodiscard]] TableKey fresh_key(const SmbConnection& connection) noexcept;
  // A new session that the connection carries.
  [[nodiscard]] Slot<SmbSession> add_session(SmbConnection& connection, const TableKey& key,
                                             const FrameReference& frame) noexcept;
  // Notes that the connection carries the session.
  void carry(SmbConnection& connection, Slot<SmbSession> session,
             const FrameReference& frame) noexcept;

  // What the peers of the connection read may differ from what is told: so may the calls of every
  // session that it carries.
  void doubt(SmbConnection& connection, Doubts doubts, const FrameReference& frame) noexcept;

  // A new pipe or possible pipe.
  [[nodiscard]] SmbPipes::Reference open_pipe(const SmbUnitContext& unit, const TableKey& key,
                                              Slot<SmbSession> session,
                                              std::uint32_t tree_id) noexcept;
  // The unit carries bytes of a pipe, if it is one, which count whatever the server says.
  void hand_on(SmbUnitContext& unit, SmbPipes::Reference pipe, Direction direction,
               SmbExtent extent) noexcept;
  // The unit carries `extent` of the `length` bytes that the request writes to the pipe, if it is
  // one. Whether they entered it will be known by the response, or earlier by data that is read,
  // unless the response `is_answer` itself.
  void write(SmbUnitContext& unit, SmbRequest& request, SmbPipes::Reference pipe, SmbExtent extent,
             std::uint32_t length, bool is_answer) noexcept;
  // The server took what the request writes, or not.
  void accept_write(SmbRequest& request) noexcept;
  void refuse_write(SmbRequest& request) noexcept;
  // Nothing of the payload under way in `direction` follows.
  void end_payload(SmbConnection& connection, Direction direction) noexcept;

  // A request waits for its response. Under a key in use it ends the earlier one, whose response
  // did not come.
  SmbRequest& add_request(const SmbUnitContext& unit, const TableKey& key) noexcept;
  [[nodiscard]] Slot<SmbRequest> find_request(const TableKey& key) const noexcept {
    return requests_.find(key);
  }
  [[nodiscard]] SmbRequest& request(Slot<SmbRequest> slot) noexcept { return requests_[slot]; }
  // The request has its response, or will not have one: what it wrote and was not refused counts.
  void end_request(Slot<SmbRequest> slot) noexcept;

  // Ends the request of that key, if it waits for a response; gives what is known of it.
  std::optional<SmbRequest> answer_request(const TableKey& key) noexcept;
  // Closes the pipe of that key.
  void close_pipe(const TableKey& key) noexcept;

  // The connection is over: sessions that no other connection carries end with it.
  void end_connection(Slot<SmbConnection> slot, SmbConnection& connection,
                      const FrameReference& frame) noexcept;
  // Tells what would be told of its sessions if the connection were over.
  void tell_so_far(const SmbConnection& connection, const FrameReference& frame) noexcept;

 private:
  void doubt(Slot<SmbSession> session, Doubts doubts, const FrameReference& frame) noexcept;

  DissectStatistics& statistics_;
  SmbPipes pipes_;
  SmbSessions sessions_;
  KeyedTable<SmbRequest, SmbConnection> requests_;
  Slab<SmbChannel> channels_;
  std::uint64_t keys_made_ = 0;
};

}  // namespace rpcaudit::dissect
