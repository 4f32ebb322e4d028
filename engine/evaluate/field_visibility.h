#pragma once

#include <cstdint>

#include "dissect/rpc_observer.h"
#include "engine/policy/field.h"
#include "engine/policy/target.h"

namespace rpcaudit::evaluate {

// What an observer of the wire has to offer for a field.
enum class Visibility : std::uint8_t {
  context,    // a value that all calls of a presentation context share
  contested,  // as `context`, but sources differ on what the filtering engine has of it
  call,       // a value of each call
  unseen,     // a value that never crosses the network: conditions on it are unknown
  absent,     // the field has no value on this transport: conditions on it do not match
};

// One table, and what the target says of addresses on named pipes. Fields that only other layers
// than `um` and `epmap` have are `unseen`.
[[nodiscard]] Visibility visibility_of(policy::Field field, dissect::ProtocolSequence protocol,
                                       const policy::TargetProfile& profile) noexcept;

}  // namespace rpcaudit::evaluate
