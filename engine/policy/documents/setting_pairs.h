#pragma once

#include <cstdint>
#include <string_view>

#include "engine/policy/host/registry_value.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Whether a line names a key of the machine's registry as configuration tools do: `path: HKLM:\...`
// of Ansible, `keyPath:` and `Key = "HKEY_LOCAL_MACHINE\..."` of DSC, in YAML, JSON or MOF.
[[nodiscard]] bool is_registry_pair(std::string_view line) noexcept;

// Reads registry values whose key, name, type and data stand in pairs, each on a line of its own:
// the tasks `win_regedit` of Ansible and the resources `Registry` of DSC. Nothing of the file's
// structure is read besides: variables and inline lists are not followed.
void read_setting_pairs(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                        Reporter& reporter);

// Whether a line holds one of the two policies of RPC as device management names them (Policy CSP,
// RemoteProcedureCall).
[[nodiscard]] bool is_device_policy(std::string_view line) noexcept;

// Reads them in whatever file they stand: SyncML, an export in JSON, a page. After the name of a
// policy its `<enabled/>` or `<disabled/>` and its value are looked for, escaped or not.
void read_device_policies(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                          Reporter& reporter);

}  // namespace rpcaudit::policy
