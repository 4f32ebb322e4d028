#pragma once

#include <cstdint>
#include <string>

#include "engine/evaluate/facts.h"

namespace rpcaudit::audit {

// A look-up at an endpoint mapper that names no interface (C706 appendix O, ept_lookup), kept until
// its answer tells which there are.
struct EpmListing {
  std::uint32_t policy = 0;      // of the server: an index into the ServerPolicies
  evaluate::ContextFacts facts;  // without an interface
  std::string pipe;              // what the facts' views are of, once they are used
  std::string pipe_of_server;
  evaluate::CallFacts call;
};

}  // namespace rpcaudit::audit
