#pragma once

#include <optional>
#include <vector>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// Reads what follows `add condition`. `layer` is that of the pending rule, empty when it could not
// be read: then every field is legal. Empty when an error was reported.
[[nodiscard]] std::optional<Condition> read_netsh_condition(std::vector<Word> words,
                                                            std::optional<Layer> layer,
                                                            const SourceSpan& command,
                                                            Reporter& reporter);

// Warns where a filter lacks the conditions that its layer is documented to require first.
void check_required_conditions(const Filter& filter, const SourceSpan& command, Reporter& reporter);

}  // namespace rpcaudit::policy
