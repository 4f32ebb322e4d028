#pragma once

#include <cstdint>

namespace rpcaudit::dissect {

// What every parser of outside bytes returns. Once it is `ok`, all fields of the result are set
// and every length in it has been checked against its container.
enum class ParseStatus : std::uint8_t {
  ok,
  truncated,  // well-formed so far; the rest has not arrived or was not captured
  bad_version,
  bad_length,  // a length field contradicts itself or its container
  bad_type,    // a type or tag that the protocol does not have
};

}  // namespace rpcaudit::dissect
