#pragma once

#include <cstdint>
#include <string>

namespace rpcaudit::audit {

// `NTLM`, `Kerberos`, ... for an RPC_C_AUTHN_* number, the number itself when it has no name
// (MS-RPCE 2.2.1.1.7).
[[nodiscard]] std::string auth_type_name(std::uint8_t type);
// `privacy`, `integrity`, ... for an RPC_C_AUTHN_LEVEL_* number, the number itself when it has no
// name (MS-RPCE 2.2.1.1.8).
[[nodiscard]] std::string auth_level_name(std::uint8_t level);

}  // namespace rpcaudit::audit
