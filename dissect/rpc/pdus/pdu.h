#pragma once

#include <cstddef>
#include <cstdint>

#include "dissect/byte_cursor.h"
#include "dissect/rpc/pdus/rpc_auth.h"
#include "dissect/rpc/pdus/rpc_header.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

// A PDU as far as its stream showed it. Borrows its bytes.
struct Pdu {
  RpcHeader header;
  Bytes bytes;               // from the common header on; at most fragment_length
  std::size_t clean = 0;     // bytes before the first hole; all of `bytes` when there is none
  std::size_t hole_end = 0;  // the bytes from here to the end of `bytes` are real again
  FrameReference frame;      // in which the PDU began
  std::uint32_t index = 0;   // among the PDUs of its direction that began in that frame

  [[nodiscard]] bool whole() const noexcept {
    return clean == bytes.size() && bytes.size() == header.fragment_length;
  }
  // Its bytes before the first hole.
  [[nodiscard]] Bytes real() const noexcept { return bytes.first(clean); }
  [[nodiscard]] bool has_flag(std::uint8_t flag) const noexcept {
    return (header.flags & flag) != 0;
  }
};

// Reads the security trailer; false when the PDU has none, or a hole covers it.
[[nodiscard]] bool read_trailer(const Pdu& pdu, SecurityTrailer& trailer) noexcept;

// The body of a bind or its answer: from the common header to the trailer, as far as it is real.
[[nodiscard]] Bytes bind_body(const Pdu& pdu) noexcept;

// The part of a request's stub that may be shown: at most `most` real bytes, in clear, without
// padding and trailer. `stub` are the bytes of the PDU from the stub on.
[[nodiscard]] Bytes clear_prefix(const Pdu& pdu, Bytes stub, std::size_t most) noexcept;

// The stub of a request or response; empty unless the PDU is whole and the stub in clear.
[[nodiscard]] Bytes clear_stub(const Pdu& pdu) noexcept;

}  // namespace rpcaudit::dissect
