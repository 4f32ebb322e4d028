#pragma once

#include <array>
#include <cstdint>

#include "dissect/limits.h"
#include "dissect/smb/smb_logons.h"
#include "dissect/smb/smb_pipes.h"
#include "dissect/statistics.h"
#include "dissect/store/keyed_table.h"

namespace rpcaudit::dissect {

enum class ShareKind : std::uint8_t { unknown, pipe, other };

// The trees of a session (SMB2) or connection (SMB1): which of them lead to pipes. Of more than
// fit, the longest known is forgotten; then content alone tells what it carries.
class SmbTrees {
 public:
  void set(std::uint32_t id, ShareKind kind) noexcept;
  void remove(std::uint32_t id) noexcept;
  [[nodiscard]] ShareKind kind(std::uint32_t id) noexcept {
    if (count_ != 0 && trees_[recent_].id == id) return trees_[recent_].kind;
    return search(id);
  }

 private:
  struct Tree {
    std::uint32_t id = 0;
    ShareKind kind = ShareKind::unknown;
  };

  [[nodiscard]] ShareKind search(std::uint32_t id) noexcept;

  std::array<Tree, 16> trees_{};
  std::uint8_t count_ = 0;
  std::uint8_t recent_ = 0;
  std::uint8_t next_ = 0;  // to be overwritten when all are in use
};

// Messages of one session that nobody could look into.
struct UnseenMessages {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  FrameReference since;
};

// An SMB session: a user at a server, over one connection or several.
struct SmbSession {
  SmbLogon logon;
  SmbTrees trees;
  std::array<Endpoint, 2> endpoints;  // client and server, of the connection it was first seen on
  std::uint64_t id = 0;               // on the wire
  bool has_id = false;                // the server has given it one
  std::uint32_t channels = 0;         // connections that carry it
  Doubts doubts;                      // of any of these connections
  UnseenMessages encrypted;
  UnseenMessages compressed;
};

// All SMB sessions. Bounded: the least recently used session is evicted.
class SmbSessions : private KeyedTable<SmbSession, SmbSession> {
 public:
  SmbSessions(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
              SmbPipes& pipes, std::uint64_t seed);

  using KeyedTable::find;
  using KeyedTable::holds;
  using KeyedTable::Reference;
  using KeyedTable::operator[];
  using KeyedTable::owner_key;
  using KeyedTable::prefetch;
  using KeyedTable::reference;
  using KeyedTable::touch;

  Slot<SmbSession> add(const TableKey& key, const std::array<Endpoint, 2>& endpoints,
                       const FrameReference& frame) noexcept;
  // The server gave the session this id on the wire, and it is known by this key from now on;
  // another of that key is over.
  void name(Slot<SmbSession> slot, const TableKey& key, std::uint64_t id,
            const FrameReference& frame) noexcept;
  // A setup of the session begins: the names that it shows belong there. Then it is attempted().
  [[nodiscard]] Identity& begin_logon(Slot<SmbSession> slot) noexcept {
    return logons_.begin((*this)[slot].logon);
  }
  void attempted(Slot<SmbSession> slot) noexcept { logons_.attempted((*this)[slot].logon); }
  void accept_logon(Slot<SmbSession> slot, bool guest, bool null_session) noexcept {
    logons_.accept((*this)[slot].logon, guest, null_session);
  }
  // The server refused a setup: a session that has never been established is over.
  void refuse_logon(Slot<SmbSession> slot, const FrameReference& frame) noexcept;
  // Closes the pipes of the session, and tells what of it could not be seen.
  void close(Slot<SmbSession> slot, const FrameReference& frame) noexcept;

  // Tells what could not be seen of it since this was told last.
  void tell_so_far(Slot<SmbSession> slot, const FrameReference& frame) noexcept;

 private:
  void tell_unseen(const SmbSession& session, BlindnessKind kind, const UnseenMessages& unseen,
                   const FrameReference& frame) noexcept;

  RpcObserver& observer_;
  DissectStatistics& statistics_;
  SmbPipes& pipes_;
  SmbLogons logons_;
};

}  // namespace rpcaudit::dissect
