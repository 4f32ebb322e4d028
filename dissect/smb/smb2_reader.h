#pragma once

#include <cstdint>

#include "dissect/direction.h"
#include "dissect/smb/messages/smb2_message.h"
#include "dissect/smb/smb_pipes.h"
#include "dissect/smb/smb_sessions.h"
#include "dissect/smb/smb_stream.h"
#include "dissect/store/keyed_table.h"

namespace rpcaudit::dissect {

class SmbHost;
struct SmbConnection;
struct SmbUnitContext;

// Follows SMB2 and SMB3 ([MS-SMB2], 2.0.2 to 3.1.1) on one connection. What a dialect adds stands
// in fields that pipes do not need.
class Smb2Reader {
 public:
  // A message begins; what operations of the one before left to related ones is over.
  void begin_message(Direction direction) noexcept { chains_[direction] = {}; }
  // How many bytes of the unit on_unit() needs; 0 when it is no SMB2 message.
  [[nodiscard]] std::size_t bytes_needed(SmbHost& host, const SmbConnection& connection,
                                         Direction direction, const SmbUnit& unit) noexcept;
  // One message of a compound.
  void on_unit(SmbUnitContext& unit) noexcept;
  // An encrypted or compressed message: counted for its session.
  void on_unreadable(SmbUnitContext& unit, SmbKind kind) noexcept;

 private:
  // What later messages of a compound have from earlier ones.
  struct Chain {
    std::uint64_t session_id = 0;
    std::uint32_t tree_id = 0;
    SmbPipes::Reference pipe;  // of the handle that the one before named or opened
    bool has_handle = false;
  };

  [[nodiscard]] bool matters(SmbHost& host, const SmbConnection& connection,
                             const Smb2Header& header) noexcept;
  // Parses the header of a unit: what the role of its sender and the chain say stands in it.
  [[nodiscard]] ParseStatus parse_header(const SmbConnection& connection, Direction direction,
                                         const SmbUnit& unit, Smb2Header& header) const noexcept;

  void on_request(SmbUnitContext& unit, const Smb2Header& header) noexcept;
  void on_response(SmbUnitContext& unit, const Smb2Header& header) noexcept;
  void on_setup_request(SmbUnitContext& unit, const Smb2Header& header) noexcept;
  void on_setup_response(SmbUnitContext& unit, const Smb2Header& header) noexcept;
  void on_tree_request(SmbUnitContext& unit, const Smb2Header& header) noexcept;
  void on_tree_response(SmbUnitContext& unit, const Smb2Header& header) noexcept;
  void on_create_request(SmbUnitContext& unit, const Smb2Header& header) noexcept;
  void on_create_response(SmbUnitContext& unit, const Smb2Header& header) noexcept;
  void on_write(SmbUnitContext& unit, const Smb2Header& header, Smb2Data data) noexcept;
  void on_write_answer(SmbUnitContext& unit, const Smb2Header& header) noexcept;
  void on_data_response(SmbUnitContext& unit, const Smb2Header& header) noexcept;
  void on_leave(SmbUnitContext& unit, const Smb2Header& header) noexcept;

  // The session of that id, if any.
  [[nodiscard]] Slot<SmbSession> find_session(SmbHost& host, const SmbConnection& connection,
                                              std::uint64_t id) noexcept;
  // The session of that id, which is new if there is none, and which the connection carries.
  [[nodiscard]] Slot<SmbSession> use_session(const SmbUnitContext& unit, std::uint64_t id) noexcept;
  // The pipe of an operation: in a related one that of the operation before, whatever handle it
  // names itself. Without `add` none is made.
  [[nodiscard]] SmbPipes::Reference find_pipe(SmbUnitContext& unit, const Smb2Header& header,
                                              bool add) noexcept;
  [[nodiscard]] SmbPipes::Reference only_waiting_pipe(SmbUnitContext& unit,
                                                      const Smb2Header& header) noexcept;

  PerDirection<Chain> chains_;
  std::uint64_t recent_id_ = 0;  // the session that was last looked up
  SmbSessions::Reference recent_session_;
};

}  // namespace rpcaudit::dissect
