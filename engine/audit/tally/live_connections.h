#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dissect/endpoint.h"
#include "engine/audit/event/hash_mixer.h"

namespace rpcaudit::audit {

// A TCP connection by who opened it.
struct Connection {
  Endpoint client;
  Endpoint server;

  auto operator<=>(const Connection&) const = default;
};

// The connections that are open. Bounded: where there is no place for one, another makes room.
// Takes its memory with the first connection.
class LiveConnections {
 public:
  // Returns the connection that is not remembered any longer: one that made room, or the same one,
  // opened again without its end having been seen.
  std::optional<Connection> open(const Connection& connection);
  // False when it was not open.
  [[nodiscard]] bool close(const Connection& connection);

 private:
  static constexpr std::size_t kConnectionsMax = std::size_t{1} << 15;
  static constexpr std::size_t kPlaces = 8;  // in which a connection may stand, by its hash

  struct Place {
    Connection connection;
    std::uint64_t opened = 0;  // how many were opened before and with it; 0: free
  };

  [[nodiscard]] std::span<Place, kPlaces> places_of(const Connection& connection) noexcept;

  std::uint64_t seed_ = hash_seed();
  std::uint64_t opened_ = 0;
  std::vector<Place> places_;
};

}  // namespace rpcaudit::audit
