#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dissect/uuid.h"

namespace rpcaudit::audit {

// How an interface is reached.
struct ReachedInterface {
  Uuid interface;
  std::string_view what_for;  // `replication`; empty where a domain can do without
  std::string_view pipe;      // without `\PIPE\`; empty: not over named pipes
  bool has_tcp = false;
  std::uint16_t port = 0;  // of TCP; 0: any that Windows gives to RPC services
};

// The interfaces without which a domain or a server's administration stops.
[[nodiscard]] std::span<const ReachedInterface> vital_interfaces() noexcept;

// How an interface that is vital, or that attack techniques use, is reached; any other over TCP.
[[nodiscard]] ReachedInterface reached_interface(const Uuid& interface) noexcept;

}  // namespace rpcaudit::audit
