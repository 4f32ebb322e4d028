#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/policy/policy.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// The forms in which a policy may come. Recognised by what the file holds, never by its name.
enum class Dialect : std::uint8_t {
  netsh_script,       // also what nothing else fits
  reg_file,           // regedit, reg export
  reg_query,          // the output of reg query
  security_template,  // secedit, GptTmpl.inf
  registry_pol,       // a group policy's registry.pol
  lgpo_text,          // LGPO.exe
  host_script,        // reg, rpccfg, ipsecpol, ipseccmd, and netsh among them
  show_filter,        // the output of netsh rpc filter show filter
  dsinternals,        // the output of Get-RpcFilter
  rpc_firewall,       // RpcFw.conf
  xml,                // PolicyRules, reports of group policies, netsh wfp show filters
  setting_pairs,      // Ansible's win_regedit, DSC's Registry
  device_policy,      // settings of a device management (Policy CSP)
};

[[nodiscard]] std::string_view to_string(Dialect dialect) noexcept;

[[nodiscard]] Dialect detect_dialect(std::string_view bytes, const SourceText& source);

// A policy file as it was understood.
struct PolicyText {
  SourceText source;
  Dialect dialect = Dialect::netsh_script;
};

// Reads a policy file of any dialect. What it says is added to `policy` (and `name` to its files),
// so that several files make one policy; all that there is to say goes to `diagnostics`, in line
// order.
PolicyText read_policy(std::string_view bytes, std::string_view name, Policy& policy,
                       std::vector<Diagnostic>& diagnostics);

}  // namespace rpcaudit::policy
