#pragma once

#include <string>

#include "dissect/rpc_observer.h"
#include "engine/evaluate/facts.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/policy.h"
#include "engine/policy/target.h"

namespace rpcaudit::audit {

// A judged call and what it was judged with, all borrowed.
struct JudgedCall {
  const dissect::RpcCall& call;
  const evaluate::ContextFacts& context;
  const evaluate::CallFacts& facts;
  const policy::TargetProfile& profile;
  const policy::Policy& policy;
  const evaluate::Verdict& verdict;
};

// A call as event 5712 of Windows' security log, "A Remote Procedure Call (RPC) was attempted.":
// the groups, names and order of the event, then what the event does not have and a reader needs to
// find the filter. What the wire does not show is left empty, never made up. Lines of text,
// printable on a terminal; empty where no filter with audit=enable has the call logged.
[[nodiscard]] std::string event_5712_text(const JudgedCall& judged);

}  // namespace rpcaudit::audit
