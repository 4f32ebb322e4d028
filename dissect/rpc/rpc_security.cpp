// The part of RpcSessions that follows security contexts: which one a PDU's trailer names, and what
// its tokens show of the parties.

#include <algorithm>

#include "dissect/rpc/auth_token.h"
#include "dissect/rpc/rpc_session.h"

namespace rpcaudit::dissect {
namespace {

bool carries_token(PduType type) noexcept {
  switch (type) {
    case PduType::bind:
    case PduType::bind_ack:
    case PduType::alter_context:
    case PduType::alter_context_response:
    case PduType::auth3: return true;
    default: return false;  // a signature
  }
}

}  // namespace

bool RpcSessions::read_trailer(const Pdu& pdu, SecurityTrailer& trailer) const noexcept {
  if (pdu.header.auth_length == 0 || pdu.bytes.size() < pdu.header.fragment_length) return false;
  const bool holed = pdu.clean != pdu.bytes.size();
  if (holed && pdu.hole_end > trailer_offset(pdu.header)) return false;
  return parse_security_trailer(pdu.header, pdu.bytes, trailer) == ParseStatus::ok;
}

SecurityContext* RpcSessions::find_security(RpcSession& session,
                                            std::uint32_t context_id) noexcept {
  for (std::size_t i = 0; i < session.security_count; ++i) {
    if (session.security[i].numbers.context_id == context_id) return &session.security[i];
  }
  return nullptr;
}

// Takes note of the PDU's trailer: sets `numbers` and returns the security context it names, new or
// known; nullptr without a readable trailer.
SecurityContext* RpcSessions::note_security(Slot<RpcSession> slot, const Pdu& pdu,
                                            std::optional<AuthNumbers>& numbers) noexcept {
  SecurityTrailer trailer;
  if (!read_trailer(pdu, trailer)) return nullptr;
  numbers = trailer.numbers;
  RpcSession& session = sessions_[slot];
  SecurityContext* security = find_security(session, trailer.numbers.context_id);
  if (security == nullptr) {
    if (session.security_count == kSecurityContextsMax) {
      // The longest known makes room; its calls keep the numbers of their own trailers.
      ++statistics_.identities_dropped;
      if (session.security[0].identity != kNoSlot)
        identities_.release(session.security[0].identity);
      std::move(session.security.begin() + 1, session.security.end(), session.security.begin());
      --session.security_count;
    }
    security = &session.security[session.security_count++];
    *security = SecurityContext{};
  }
  const bool token = carries_token(pdu.header.type);
  if (token || security->identity == kNoSlot) security->numbers = trailer.numbers;
  if (!token) return security;
  if (security->identity == kNoSlot) {
    security->identity = identities_.take();
    if (security->identity == kNoSlot) {
      ++statistics_.identities_dropped;
      return security;
    }
    identities_[security->identity].clear();
  }
  (void)read_auth_token(trailer.numbers.type, trailer.token, identities_[security->identity]);
  return security;
}

// Whoever calls without security of its own, over a pipe, is the user of the SMB session.
SecurityIdentity RpcSessions::identity_of(const RpcSession& session,
                                          const SecurityContext* security) const noexcept {
  if (security == nullptr && session.pipe != nullptr) return session.pipe->caller->identity.view();
  if (security == nullptr || security->identity == kNoSlot) return {};
  return identities_[security->identity].view();
}

SecurityIdentity RpcSessions::session_identity(RpcSession& session,
                                               const std::optional<AuthNumbers>& auth) noexcept {
  return identity_of(session, auth ? find_security(session, auth->context_id) : nullptr);
}

}  // namespace rpcaudit::dissect
