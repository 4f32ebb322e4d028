#pragma once

namespace rpcaudit {

// Where sources differ on what the filtering engine is given, which of them to follow. The default
// is the reading that verdicts follow; the others only tell whether it matters.
struct Reading {
  bool other_security = false;  // CallFacts::auth_type_other and auth_level_other
  bool pipes_have_no_address = false;

  bool operator==(const Reading&) const = default;
};

}  // namespace rpcaudit
