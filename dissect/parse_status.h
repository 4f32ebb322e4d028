#pragma once

#include <cstdint>

#include "dissect/byte_cursor.h"

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

// What a parser returns for fields that must lie before the end of their container.
[[nodiscard]] inline ParseStatus status_of(const ByteCursor& cursor) noexcept {
  return cursor.ok() ? ParseStatus::ok : ParseStatus::bad_length;
}

}  // namespace rpcaudit::dissect
