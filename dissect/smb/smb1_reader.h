#pragma once

#include <cstdint>

#include "dissect/direction.h"
#include "dissect/smb/messages/smb1_message.h"
#include "dissect/smb/smb_pipes.h"
#include "dissect/smb/smb_sessions.h"
#include "dissect/smb/smb_stream.h"
#include "dissect/store/keyed_table.h"

namespace rpcaudit::dissect {

class SmbHost;
struct SmbConnection;
struct SmbUnitContext;

// Follows SMB1 ([MS-CIFS]) on one connection, whose trees, users and files are its own.
class Smb1Reader {
 public:
  // A message begins; what commands of the one before left to their chain is over.
  void begin_message(Direction direction) noexcept;
  // How many bytes of the unit on_unit() needs.
  [[nodiscard]] std::size_t bytes_needed(const SmbConnection& connection, Direction direction,
                                         const SmbUnit& unit) const noexcept;
  // One command of a message.
  void on_unit(SmbUnitContext& unit) noexcept;

  // A message of data alone may come next in this direction (WRITE_RAW, READ_RAW).
  [[nodiscard]] bool awaits_raw(const SmbHost& host, Direction direction) const noexcept;
  void on_raw(SmbUnitContext& unit) noexcept;

 private:
  // What later commands of a message have from earlier ones.
  struct Chain {
    Smb1Header header;
    Smb1Command command{};
    SmbPipes::Reference pipe;
  };

  void on_request(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_response(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_setup_request(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_setup_response(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_tree_request(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_tree_response(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_open_request(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_open_response(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_file_request(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_write_request(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_write_response(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_read_response(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_transaction_request(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_transaction_response(SmbUnitContext& unit, const Smb1Block& block) noexcept;
  void on_leave(SmbUnitContext& unit, const Smb1Block& block) noexcept;

  [[nodiscard]] const Smb1Header& header_of(const SmbUnitContext& unit) const noexcept;
  [[nodiscard]] Slot<SmbSession> use_session(const SmbUnitContext& unit) noexcept;
  [[nodiscard]] SmbPipes::Reference find_pipe(SmbUnitContext& unit, std::uint16_t file_id) noexcept;
  [[nodiscard]] TableKey request_key(const SmbUnitContext& unit,
                                     Smb1Command command) const noexcept;
  [[nodiscard]] TableKey session_key(const SmbUnitContext& unit) const noexcept;

  PerDirection<Chain> chains_;
  PerDirection<SmbPipes::Reference> raw_;  // the pipe whose data comes next, without a header
  SmbTrees trees_;
};

}  // namespace rpcaudit::dissect
