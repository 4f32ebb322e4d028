#pragma once

#include <string_view>

namespace rpcaudit::audit {

// JSON Schemas (draft 2020-12) of what the program writes: the files beside this header, which are
// compiled into the program.
[[nodiscard]] std::string_view records_schema() noexcept;  // records.schema.json
[[nodiscard]] std::string_view summary_schema() noexcept;  // summary.schema.json
[[nodiscard]] std::string_view explanation_schema() noexcept;  // explanation.schema.json
[[nodiscard]] std::string_view diagnostics_schema() noexcept;  // diagnostics.schema.json

// The version of all schemas, as a member of JSON: another one when a key goes or changes its
// meaning. It is in each record, since whoever stores records one by one has no other place to look
// it up, and takes 10 bytes of some 900.
inline constexpr std::string_view kSchemaMember = "\"schema\":1";

}  // namespace rpcaudit::audit
