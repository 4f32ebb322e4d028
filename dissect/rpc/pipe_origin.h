#pragma once

#include <array>

#include "dissect/rpc/pdus/identity.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

// Whose SMB session it is, as far as its setup shows it.
struct SmbCaller {
  Identity identity;
  bool setup_seen = false;
  bool guest = false;
  bool is_signed = false;
  bool in_doubt = false;  // another caller may have taken over the session

  [[nodiscard]] SmbIdentity view() const noexcept { return {identity.view(), guest, is_signed}; }
};

// What calls over a pipe have from the pipe itself. Owned by whoever opens the RPC session on it,
// and stays in place until that is closed; it may become more complete meanwhile.
struct PipeOrigin {
  BoundedText<260> name;  // \PIPE\name; empty when the opening was not seen
  const SmbCaller* caller = nullptr;
};

// The client and the server of the connection that brings bytes of a pipe.
using PipeCarrier = std::array<Endpoint, 2>;

}  // namespace rpcaudit::dissect
