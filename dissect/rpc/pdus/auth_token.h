#pragma once

#include "dissect/byte_cursor.h"
#include "dissect/rpc/pdus/identity.h"

namespace rpcaudit::dissect {

// Takes from a security token what it shows in clear, and adds it to `identity`:
//   NTLMSSP AUTHENTICATE (MS-NLMP 2.2.1.3)     user, domain, workstation, service, null session
//   SPNEGO (RFC 4178)                          the mechanism chosen, and the token inside
//   Kerberos AP-REQ (RFC 4120 5.5.1)           realm and name of the service; never the client
//   NL_AUTH_MESSAGE (MS-NRPC 2.2.1.3.1)        domain and computer, whose account is the user
// `auth_type` is that of the trailer the token came in (rpc_auth.h), 0 when unknown (an SMB
// session). Returns false when the token is none of these or contradicts itself; what was read
// before the contradiction stays.
bool read_auth_token(std::uint8_t auth_type, Bytes token, Identity& identity) noexcept;

}  // namespace rpcaudit::dissect
