#pragma once

#include <string>

#include "engine/evaluate/explain.h"

namespace rpcaudit::app {

// An explanation for people: the verdict, then every filter of the layer in order of evaluation
// with what each of its conditions met. Ends with a line end.
[[nodiscard]] std::string explanation_text(const evaluate::Explanation& explanation,
                                           const policy::Policy& policy);

}  // namespace rpcaudit::app
