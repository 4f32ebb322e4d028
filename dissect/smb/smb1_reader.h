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

struct Smb1CommandContext;

// What later commands of a message have from earlier ones.
struct Smb1Chain {
  Smb1Header header;
  Smb1Command command{};
  SmbPipes::Reference pipe;  // the pipe that one of them opened
};

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

  // A message of data alone may come next in this direction (READ_RAW, or WRITE_RAW before the
  // server's answer), or does (WRITE_RAW behind it).
  [[nodiscard]] bool awaits_raw(const SmbHost& host, Direction direction) const noexcept;
  [[nodiscard]] bool is_raw_next(Direction direction) const noexcept {
    return raw_[direction].is_granted;
  }
  void on_raw(SmbUnitContext& unit) noexcept;
  // The data of a raw message was empty, or was not seen.
  void end_raw(Direction direction) noexcept { raw_[direction] = {}; }

 private:
  // Data that comes next without a header, and whose it is.
  struct Raw {
    SmbPipes::Reference pipe;
    TableKey request;         // that writes it
    bool is_granted = false;  // the server waits for it: nothing else can come
  };

  void on_request(const Smb1CommandContext& context) noexcept;
  void on_response(const Smb1CommandContext& context) noexcept;
  void on_setup_request(const Smb1CommandContext& context) noexcept;
  void on_setup_response(const Smb1CommandContext& context) noexcept;
  void on_tree_request(const Smb1CommandContext& context) noexcept;
  void on_tree_response(const Smb1CommandContext& context) noexcept;
  void on_open_request(const Smb1CommandContext& context) noexcept;
  void on_open_response(const Smb1CommandContext& context) noexcept;
  void on_file_request(const Smb1CommandContext& context) noexcept;
  void on_write_request(const Smb1CommandContext& context) noexcept;
  void on_write_response(const Smb1CommandContext& context, const TableKey& key) noexcept;
  void on_raw_answer(const Smb1CommandContext& context) noexcept;
  void on_read_response(const Smb1CommandContext& context) noexcept;
  void on_leave(const Smb1CommandContext& context) noexcept;

  PerDirection<Smb1Chain> chains_;
  PerDirection<Raw> raw_;
  SmbTrees trees_;
};

}  // namespace rpcaudit::dissect
