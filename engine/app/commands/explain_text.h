#pragma once

#include <string>

#include "engine/evaluate/explain.h"

namespace rpcaudit {

// An explanation for people: the verdict, then every filter of the layer in order of evaluation
// with what each of its conditions met. Ends with a line end.
[[nodiscard]] std::string explanation_text(const Explanation& explanation, const Policy& policy);

}  // namespace rpcaudit
