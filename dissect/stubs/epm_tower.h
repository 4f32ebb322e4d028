#pragma once

#include <cstdint>
#include <optional>

#include "dissect/byte_cursor.h"
#include "dissect/parse_status.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

// A protocol tower: an interface, its transfer syntax, and how to reach it (C706 appendix L;
// identifiers of floors: C706 appendix I, MS-RPCE 2.1.1 and 2.1.2).
struct Tower {
  std::uint16_t floors = 0;
  std::optional<SyntaxId> interface;
  std::optional<SyntaxId> transfer_syntax;
  TowerProtocol protocol = TowerProtocol::other;
  std::optional<std::uint16_t> port;  // or socket, 8 bits of NetBIOS; 0 in questions
  std::optional<IpAddress> address;   // as in the tower; 0.0.0.0 in questions
  Bytes endpoint;                     // the name of a pipe, socket or local port, without its NUL
  Bytes host;                         // a NetBIOS name, without its NUL
};

// Reads a tower from its floor count on. Counts and versions in it are little-endian, ports and
// addresses big-endian, whatever the byte order of the call. Floors of unknown kind are passed
// over.
[[nodiscard]] ParseStatus parse_tower(Bytes bytes, Tower& tower) noexcept;

}  // namespace rpcaudit::dissect
