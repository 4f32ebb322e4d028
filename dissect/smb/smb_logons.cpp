#include "dissect/smb/smb_logons.h"

namespace rpcaudit::dissect {
namespace {

// Whether an attempt shows a caller other than the known one. One that shows no names, as a first
// message of NTLM does, shows none.
bool is_other(const SecurityIdentity& attempt, const SecurityIdentity& known) noexcept {
  if (attempt.null_session != known.null_session) return true;
  if (!attempt.user.empty() || !known.user.empty()) {
    return !attempt.user.empty() && (attempt.user != known.user || attempt.domain != known.domain);
  }
  return attempt.mechanism != known.mechanism;
}

}  // namespace

Identity& SmbLogons::begin(SmbLogon& logon) noexcept {
  if (!logon.established) return logon.caller.identity;
  logon.attempted = true;
  if (!logon.attempt) {
    logon.attempt = attempts_.take();
    if (logon.attempt) attempts_[logon.attempt].clear();
  }
  unknown_.clear();
  return logon.attempt ? attempts_[logon.attempt] : unknown_;
}

void SmbLogons::attempted(SmbLogon& logon) noexcept {
  if (!logon.attempted) {
    logon.caller.setup_seen = true;
  } else {
    logon.caller.in_doubt =
        !logon.attempt || (logon.caller.setup_seen &&
                           is_other(attempts_[logon.attempt].view(), logon.caller.identity.view()));
  }
}

void SmbLogons::accept(SmbLogon& logon, bool guest, bool null_session) noexcept {
  SmbCaller& caller = logon.caller;
  if (logon.attempt) caller.identity = attempts_[logon.attempt];
  const bool is_lost = logon.attempted && !logon.attempt;
  if (is_lost) caller.identity.clear();
  caller.guest = logon.attempted ? guest : caller.guest || guest;
  if (null_session) caller.identity.null_session = true;
  caller.setup_seen = true;
  logon.established = true;
  drop_attempt(logon);
  caller.in_doubt = is_lost;
}

void SmbLogons::refuse(SmbLogon& logon) noexcept { drop_attempt(logon); }

void SmbLogons::drop_attempt(SmbLogon& logon) noexcept {
  if (logon.attempt) attempts_.release(logon.attempt);
  logon.attempt = {};
  if (logon.attempted) logon.caller.in_doubt = false;
  logon.attempted = false;
}

}  // namespace rpcaudit::dissect
