#include "dissect/smb/smb_sessions.h"

#include <utility>

namespace rpcaudit::dissect {

void SmbTrees::set(std::uint32_t id, ShareKind kind) noexcept {
  remove(id);
  std::uint8_t at = count_;
  if (count_ < trees_.size()) {
    ++count_;
  } else {
    at = next_;
    next_ = static_cast<std::uint8_t>((next_ + 1) % trees_.size());
  }
  trees_[at] = {id, kind};
  recent_ = at;
}

void SmbTrees::remove(std::uint32_t id) noexcept {
  for (std::uint8_t i = 0; i < count_; ++i) {
    if (trees_[i].id != id) continue;
    trees_[i] = trees_[--count_];
    recent_ = 0;
    return;
  }
}

ShareKind SmbTrees::search(std::uint32_t id) noexcept {
  for (std::uint8_t i = 0; i < count_; ++i) {
    if (trees_[i].id != id) continue;
    recent_ = i;
    return trees_[i].kind;
  }
  return ShareKind::unknown;
}

SmbSessions::SmbSessions(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                         SmbPipes& pipes, std::uint64_t seed)
    : KeyedTable(limits.smb_sessions, 0, seed),
      observer_(observer),
      statistics_(statistics),
      pipes_(pipes),
      logons_(limits) {}

Slot<SmbSession> SmbSessions::add(const TableKey& key, const std::array<Endpoint, 2>& endpoints,
                                  const FrameReference& frame) noexcept {
  if (full()) {
    ++statistics_.smb_sessions_evicted;
    close(oldest(), frame);
  }
  const Slot<SmbSession> slot = KeyedTable::add(key, {});
  (*this)[slot].endpoints = endpoints;
  return slot;
}

void SmbSessions::name(Slot<SmbSession> slot, const TableKey& key, std::uint64_t id,
                       const FrameReference& frame) noexcept {
  (*this)[slot].id = id;
  (*this)[slot].has_id = true;
  const Slot<SmbSession> earlier = find(key);
  if (earlier == slot) return;
  if (earlier) close(earlier, frame);
  rekey(slot, key);
}

void SmbSessions::refuse_logon(Slot<SmbSession> slot, const FrameReference& frame) noexcept {
  SmbLogon& logon = (*this)[slot].logon;
  logons_.refuse(logon);
  if (!logon.established) close(slot, frame);
}

void SmbSessions::close(Slot<SmbSession> slot, const FrameReference& frame) noexcept {
  SmbSession& session = (*this)[slot];
  for (Slot<SmbPipe> pipe; (pipe = pipes_.first_in_group(slot));) {
    pipes_.close(pipe);
  }
  logons_.refuse(session.logon);
  tell_so_far(slot, frame);
  remove(slot);
}

void SmbSessions::tell_so_far(Slot<SmbSession> slot, const FrameReference& frame) noexcept {
  SmbSession& session = (*this)[slot];
  tell_unseen(session, BlindnessKind::smb_encrypted, std::exchange(session.encrypted, {}), frame);
  tell_unseen(session, BlindnessKind::smb_compressed, std::exchange(session.compressed, {}), frame);
}

void SmbSessions::tell_unseen(const SmbSession& session, BlindnessKind kind,
                              const UnseenMessages& unseen, const FrameReference& frame) noexcept {
  if (unseen.messages == 0) return;
  Blindness blindness = make_blindness(kind, frame, session.endpoints);
  // Several sessions may end in one frame: they are told in the order in which they began.
  blindness.ordinal = behind_pdus((unseen.since.sequence & 0x1fff'ffff'ffff'ffff) << 1 |
                                  (kind == BlindnessKind::smb_compressed ? 1u : 0u));
  blindness.bytes = unseen.bytes;
  blindness.messages = unseen.messages;
  blindness.since = unseen.since;
  if (session.has_id) blindness.smb_session = session.id;
  observer_.on_blindness(blindness);
}

}  // namespace rpcaudit::dissect
