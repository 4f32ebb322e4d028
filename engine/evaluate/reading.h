#pragma once

namespace rpcaudit {

// Where sources differ on what the filtering engine is given, which of them to follow. The default
// is the reading that verdicts follow; the others only tell whether it matters.
struct Reading {
  bool other_security = false;  // CallFacts::auth_type_other and auth_level_other
  // Calls over pipes without what only some sources give them: no addresses, and no name of the
  // pipe but the server's, where that was seen.
  bool strict_pipes = false;

  bool operator==(const Reading&) const = default;
};

}  // namespace rpcaudit
