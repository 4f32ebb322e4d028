#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "dissect/rpc_observer.h"

namespace rpcaudit::audit {

// An endpoint that a client learned by a look-up.
struct LearnedEndpoint {
  IpAddress client;
  IpAddress server;
  dissect::SyntaxId interface;
  dissect::TowerProtocol protocol = dissect::TowerProtocol::other;
  std::uint16_t port = 0;
  std::string pipe;        // without its prefix, in lower case
  bool is_listed = false;  // in the answer to a look-up that named no interface

  auto operator<=>(const LearnedEndpoint&) const = default;
};

// Where an endpoint mapper told its asker that something is, and where a context's server is: to
// be compared. The interface is left out.
[[nodiscard]] LearnedEndpoint place_told(const dissect::EndpointEntry& entry);
[[nodiscard]] LearnedEndpoint place_used(const dissect::RpcContext& context);

// How long a client may go on using what it was told.
inline constexpr std::int64_t kLearnedAge = 3600 * kNanosecondsPerSecond;

// The interfaces that a client was told to be at one endpoint, the first few of them.
struct AnnouncedInterfaces {
  static constexpr std::size_t kMax = 4;

  std::array<dissect::SyntaxId, kMax> interfaces{};
  std::uint8_t count = 0;
  bool more = false;
};

}  // namespace rpcaudit::audit
