#pragma once

#include <optional>
#include <span>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// The filter that `New-RpcFilter` of DSInternals.RpcFilters makes, through the interface of the
// filtering engine and not by netsh. `words` are those behind the cmdlet. A filter without a key
// keeps the nil one. Nothing when its arguments make none, which is reported.
[[nodiscard]] std::optional<Filter> read_new_rpc_filter(std::span<const Word> words,
                                                        const SourceSpan& command,
                                                        Reporter& reporter);

}  // namespace rpcaudit::policy
