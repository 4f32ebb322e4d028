#pragma once

#include <string>
#include <string_view>

#include "engine/evaluate/evaluation_options.h"
#include "engine/policy/policy.h"

namespace rpcaudit::app {

// What a policy would do to calls that no capture shows: those that a domain lives on, and those
// that attacks use. Each is tried over each transport that its interface has, by callers of several
// kinds, for each target that is asked for. The client's address is none that policies name.

// The vital interfaces (audit::vital_interfaces) that the policy stops, a line for each, transport
// and kind of callers: what of it is stopped, and on which targets. Empty when none is.
[[nodiscard]] std::string vital_text(const policy::Policy& policy,
                                     const evaluate::EvaluationOptions& options);

// The calls that a technique is known to use (audit::attack_operations), and what the policy does
// to each, those that it leaves open first.
[[nodiscard]] std::string technique_text(const policy::Policy& policy,
                                         const evaluate::EvaluationOptions& options,
                                         std::string_view technique);

}  // namespace rpcaudit::app
