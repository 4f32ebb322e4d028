#pragma once

#include <span>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// `rpccfg.exe -pe 5001-5021 -d 0`: the ports are the Internet set, which is taken by default
// (Microsoft's article on restricting RPC ports). `words` are those after the program's name.
void run_rpccfg(std::span<const Word> words, const SourceSpan& command, Policy& policy,
                Reporter& reporter);

// `netsh int ipv4 set dynamicport tcp start=49152 num=16384`; `words` are those after `int`.
void run_dynamicport(std::span<const Word> words, const SourceSpan& command, Policy& policy,
                     Reporter& reporter);

}  // namespace rpcaudit::policy
