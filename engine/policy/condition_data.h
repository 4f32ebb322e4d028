#pragma once

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// Reads the data of `add condition` as the type of `field` wants it, two ends for `range`. Reports
// what is wrong and returns false, or fills `data`; may warn of data that it reads nevertheless.
[[nodiscard]] bool read_condition_data(Field field, MatchType match, const Word& word,
                                       ConditionData& data, Reporter& reporter);

// A UUID with or without braces.
[[nodiscard]] std::optional<Uuid> read_uuid_text(std::string_view text) noexcept;

// The platform's numbers for protocol sequences as netsh names them.
[[nodiscard]] std::string_view protocol_name(std::uint64_t number) noexcept;  // empty: none

}  // namespace rpcaudit::policy
