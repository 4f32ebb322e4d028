#pragma once

#include "dissect/limits.h"
#include "dissect/rpc/pdus/identity.h"
#include "dissect/rpc/pipe_origin.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// The authentication of one SMB session.
struct SmbLogon {
  SmbCaller caller;          // as far as the server accepted it, or nothing else is known
  Slot<Identity> attempt;    // who wants to take over an established session
  bool attempted = false;    // a setup of the established session has no answer yet
  bool established = false;  // the server accepted the caller, or lets the session be used
};

// Says who the callers of SMB sessions are. The names of a first setup count at once, because calls
// of the session show that the server accepted it. Those of a later one count when the server says
// so ([MS-SMB2] 3.3.5.5.3): refused, it leaves the session to the caller that it had. While it has
// no answer and names another caller, whose calls these are is in doubt.
class SmbLogons {
 public:
  explicit SmbLogons(const Limits& limits) : attempts_(limits.smb_logons) {}

  // Where the names of a setup belong. Told by attempted() once they are there.
  [[nodiscard]] Identity& begin(SmbLogon& logon) noexcept;
  void attempted(SmbLogon& logon) noexcept;
  // The server accepted what was attempted, and said who it takes the caller for.
  void accept(SmbLogon& logon, bool guest, bool null_session) noexcept;
  void refuse(SmbLogon& logon) noexcept;

 private:
  void drop_attempt(SmbLogon& logon) noexcept;

  Slab<Identity> attempts_;
  Identity unknown_;  // of attempts beyond the limit: their names are lost
};

}  // namespace rpcaudit::dissect
