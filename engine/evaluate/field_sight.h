#pragma once

#include <cstdint>

#include "dissect/rpc_observer.h"
#include "engine/policy/field.h"

namespace rpcaudit {

// What an observer of the wire has to offer for a field of the `um` layer.
enum class Sight : std::uint8_t {
  context,    // a value that all calls of a presentation context share
  contested,  // the same, but sources differ on what the filtering engine has of it
  call,       // a value of each call
  unseen,     // a value that never crosses the network: conditions on it are unknown
  absent,     // the field has no value on this transport: conditions on it do not match
};

// The target profile `documented`, in one table. Fields of other layers are `unseen`.
[[nodiscard]] Sight sight(Field field, ProtocolSequence protocol) noexcept;

}  // namespace rpcaudit
