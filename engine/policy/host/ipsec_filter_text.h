#pragma once

#include <string_view>

#include "engine/policy/ipsec_policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// Reads one filter of `-f`: `A.B.C.D/mask:port=A.B.C.D/mask:port:protocol`, `+` instead of `=` for
// a mirrored one (Windows 2000 Resource Kit, `ipsecpol`). Addresses are `*` any, `0` this host,
// dotted, or with `*` for their last octets. False: reported as an error.
[[nodiscard]] bool read_ipsec_filter(const Word& word, IpsecFilter& filter, Reporter& reporter);

}  // namespace rpcaudit::policy
