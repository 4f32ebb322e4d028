#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dissect/rpc/identity.h"
#include "dissect/rpc/pdu.h"
#include "dissect/rpc/pipe_origin.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// A security context: what its trailers said (C706 13.2.6.1), and who spoke.
struct SecurityContext {
  AuthNumbers numbers;
  Slot<Identity> identity;  // none while no token was seen, or no room was left
};

// The security contexts of one association, the longest known first.
struct SecurityContextList {
  static constexpr std::size_t kCapacity = 8;

  std::uint8_t count = 0;
  std::array<SecurityContext, kCapacity> contexts;

  // The one that trailers call `context_id`; nullptr when it is not known.
  [[nodiscard]] const SecurityContext* find(std::uint32_t context_id) const noexcept;
  // The only one there is, if calls on it may come without a trailer: those of level CONNECT do.
  [[nodiscard]] const SecurityContext* implied() const noexcept;
};

// The security contexts of all associations, and the names that their tokens showed in clear.
// Bounded: the longest known context of an association makes room; an identity for which there is
// none is left out and counted.
class SecurityContexts {
 public:
  SecurityContexts(std::size_t identities, DissectStatistics& statistics)
      : identities_(identities), statistics_(statistics) {}

  // Takes note of the PDU's trailer: sets `numbers` and returns the security context it names, new
  // or known; nullptr without a readable trailer. Valid until the list changes.
  const SecurityContext* note(SecurityContextList& list, const Pdu& pdu,
                              std::optional<AuthNumbers>& numbers) noexcept;

  // Sets what a request has from its trailer, or from the lack of one: numbers and identity.
  void describe(SecurityContextList& list, const PipeOrigin* pipe, const Pdu& request,
                RpcCall& call) noexcept;

  // Whom the tokens of a context named. Whoever has none, over a pipe, is the user of the SMB
  // session; `pipe` is nullptr elsewhere.
  [[nodiscard]] SecurityIdentity identity_of(const SecurityContext* context,
                                             const PipeOrigin* pipe) const noexcept;

  // The association has ended.
  void release(SecurityContextList& list) noexcept;

 private:
  SecurityContext& add(SecurityContextList& list) noexcept;

  Slab<Identity> identities_;
  DissectStatistics& statistics_;
};

}  // namespace rpcaudit::dissect
