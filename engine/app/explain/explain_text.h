#pragma once

#include <string>

#include "engine/app/explain/explained_call.h"

namespace rpcaudit::app {

// The explanation of a call for people: the call, then for each layer the verdict and every filter
// in order of evaluation, with what each of its conditions met. Ends with a line end.
[[nodiscard]] std::string explained_text(const ExplainedCall& explained);

}  // namespace rpcaudit::app
