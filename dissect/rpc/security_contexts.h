#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dissect/rpc/pdus/identity.h"
#include "dissect/rpc/pdus/pdu.h"
#include "dissect/rpc/pipe_origin.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// A security context: what its trailers said (C706 13.2.6.1), and who spoke.
struct SecurityContext {
  AuthNumbers numbers;
  Slot<Identity> identity;       // none while no token was seen, or no room was left
  Slot<Identity> offered;        // by a later authentication that has no answer yet
  bool is_settled = false;       // `identity` names the caller
  bool awaits_answer = false;    // the proposal that settled it has no answer yet
  bool is_contradicted = false;  // another caller was named, and maybe taken
};

// What became of the authentication in a bind or alter_context.
enum class AuthAnswer : std::uint8_t {
  accepted,
  unclear,  // the answer does not speak of it, or accepts nothing else
  refused,
};

// The security contexts of one association, the longest known first.
struct SecurityContextList {
  static constexpr std::size_t kCapacity = 8;

  std::uint8_t count = 0;
  std::array<SecurityContext, kCapacity> contexts;

  // The context that trailers call `context_id`; nullptr when it is not known.
  [[nodiscard]] const SecurityContext* find(std::uint32_t context_id) const noexcept;
  [[nodiscard]] SecurityContext* find(std::uint32_t context_id) noexcept;
  // The only context, if its calls may come without a trailer, as at level CONNECT; else nullptr.
  [[nodiscard]] const SecurityContext* implied() const noexcept;
};

// The security contexts of all associations, and the names that their tokens showed in clear.
//
// An identity belongs to the authentication that the server accepted. Once a context's caller is
// named, only a later proposal on it that the server accepts names another. What Windows makes of a
// second auth3, which has no answer, is not known; Samba ends the connection, and refuses every
// later proposal on the context. So calls after one that names another caller are in doubt.
//
// Bounded: an association evicts a context that names nobody, or else the one known the longest; an
// identity for which there is no room is left out and counted.
class SecurityContexts {
 public:
  SecurityContexts(std::size_t identities, DissectStatistics& statistics)
      : identities_(identities), statistics_(statistics) {}

  // Takes note of the PDU's trailer: sets `numbers` and returns the security context it names, new
  // or known; nullptr without a readable trailer. Valid until the list changes.
  const SecurityContext* note(SecurityContextList& list, const Pdu& pdu,
                              std::optional<AuthNumbers>& numbers) noexcept;

  // A bind or alter_context whose trailer named `context_id` has its answer.
  void settle(SecurityContextList& list, std::uint32_t context_id, AuthAnswer answer) noexcept;

  // Sets what a request has from its trailer, or from the lack of one: numbers, identity, and the
  // doubt about it.
  void describe(SecurityContextList& list, const PipeOrigin* pipe, const Pdu& request,
                RpcCall& call) noexcept;

  // The caller that the tokens of a context named. Without a context, over a pipe, that is the user
  // of the SMB session; `pipe` is nullptr elsewhere.
  [[nodiscard]] SecurityIdentity identity_of(const SecurityContext* context,
                                             const PipeOrigin* pipe) const noexcept;

  // The association has ended.
  void release(SecurityContextList& list) noexcept;

 private:
  SecurityContext& add(SecurityContextList& list) noexcept;
  void read_token(SecurityContext& context, const Pdu& pdu,
                  const SecurityTrailer& trailer) noexcept;
  void read_other_token(SecurityContext& context, const Pdu& pdu,
                        const SecurityTrailer& trailer) noexcept;
  // Gives the identity back, if there is one.
  void drop(Slot<Identity>& slot) noexcept;

  Slab<Identity> identities_;
  DissectStatistics& statistics_;
  Identity scratch_;
};

}  // namespace rpcaudit::dissect
