#pragma once

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Reads RpcFw.conf, the configuration of RPC Firewall (Zero Networks): `flt:` lines are filters of
// Windows with weights that fall from line to line, `fw:` lines rules of the library that it loads
// into servers, of which the first that matches decides. Every other line is a comment.
void read_rpc_firewall_conf(const SourceText& source, std::uint32_t file, Policy& policy,
                            Reporter& reporter);

}  // namespace rpcaudit::policy
