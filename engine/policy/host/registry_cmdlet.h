#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "engine/policy/host/registry_value.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// Whether PowerShell's command of this name sets or removes a value of the registry:
// `New-ItemProperty`, `Set-ItemProperty`, `Remove-ItemProperty`, `Set-GPRegistryValue`.
[[nodiscard]] bool is_registry_cmdlet(std::string_view name) noexcept;

// The value that such a command sets or removes; nothing when it says too little, which is
// reported. `words` are those behind the cmdlet.
[[nodiscard]] std::optional<RegistryValue> read_registry_cmdlet(std::string_view name,
                                                                std::span<const Word> words,
                                                                const SourceSpan& command,
                                                                Reporter& reporter);

}  // namespace rpcaudit::policy
