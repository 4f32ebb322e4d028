#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/app/explain/explained_call.h"

namespace rpcaudit::app {

// The explanation of a call as a JSON document, in the form of explanation.schema.json. `frame` is
// 0, and `pcap` empty, for a call that no capture has.
[[nodiscard]] std::string explanation_json(const ExplainedCall& explained, std::uint64_t frame,
                                           std::string_view pcap);

}  // namespace rpcaudit::app
