#pragma once

#include "engine/audit/event/evidence.h"
#include "engine/audit/sink/json_line.h"

namespace rpcaudit::audit {

// `enforced`, and `other_causes` where any is known.
void write_evidence(JsonLine& line, const Evidence& evidence);

}  // namespace rpcaudit::audit
