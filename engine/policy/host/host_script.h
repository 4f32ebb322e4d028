#pragma once

#include <string_view>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// The programs whose commands read_host_script() runs.
enum class HostProgram : std::uint8_t {
  none,
  reg,              // reg add, reg delete
  rpccfg,           // rpccfg.exe
  ipsec,            // ipsecpol.exe, ipseccmd.exe, and the article's %IPSECTOOL%
  netsh,            // netsh rpc ..., netsh int ipv4 set dynamicport
  registry_cmdlet,  // New-ItemProperty and the like of PowerShell
  rpc_filter,       // New-RpcFilter of DSInternals
};

// By the first word of a command, with or without folders and `.exe`.
[[nodiscard]] HostProgram host_program(std::string_view word) noexcept;

// Reads a batch file or a script of PowerShell: commands of the programs above in any order, as one
// administrator would run them on one server. What else such scripts have is left out: counted, or
// told where it names what policies are made of.
void read_host_script(const SourceText& source, std::uint32_t file, Policy& policy,
                      Reporter& reporter);

}  // namespace rpcaudit::policy
