// Security tokens: NTLMSSP, SPNEGO, Kerberos and the secure channel's, by the first byte's choice.

#include <cstddef>
#include <cstdint>

#include "dissect/rpc/pdus/auth_token.h"
#include "dissect/rpc/pdus/rpc_auth.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  rpcaudit::dissect::Identity identity;
  identity.clear();
  const std::uint8_t type =
      data[0] % 2 == 0 ? rpcaudit::dissect::kAuthSpnego : rpcaudit::dissect::kAuthNetlogon;
  (void)rpcaudit::dissect::read_auth_token(type, std::as_bytes(std::span(data + 1, size - 1)),
                                           identity);
  return 0;
}
