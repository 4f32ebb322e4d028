#pragma once

#include "engine/audit/evidence.h"
#include "engine/audit/json_line.h"

namespace rpcaudit {

// `enforced`, and `other_causes` where any is known.
void write_evidence(JsonLine& line, const Evidence& evidence);

}  // namespace rpcaudit
