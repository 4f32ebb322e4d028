#pragma once

#include <vector>

#include "engine/policy/host_settings.h"

namespace rpcaudit::policy {

// How Windows' own servers register their interfaces, as observed in their binaries (Server 2012,
// Server 2022, a client edition): an aid where nobody has looked on the server itself, used only
// when asked for. Interfaces whose flags differ between these are left out.
void add_observed_registrations(std::vector<InterfaceRegistration>& registrations);

}  // namespace rpcaudit::policy
