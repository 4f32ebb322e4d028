#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

namespace rpcaudit::capture {

enum class LinkState : std::uint8_t {
  up,
  down,      // switched off, or without a carrier
  gone,      // there is no interface of that name
  detached,  // one of that name came back, which the rings cannot be attached to
};

// The name that stands for all interfaces of the host.
inline constexpr const char* kAllInterfaces = "any";

// What is known of an interface that is captured, from all of its rings together: these write it,
// and any thread may read it. Numbers only grow.
struct LiveInterface {
  explicit LiveInterface(std::string called) : name(std::move(called)) {}

  const std::string name;
  std::atomic<LinkState> state{LinkState::up};
  std::atomic<std::uint64_t> numbered{0};  // frames that were given a Frame::number
  std::atomic<std::uint64_t> matched{0};   // frames that passed the filter, seen or not
  std::atomic<std::uint64_t> dropped{0};   // frames among `matched` that found their ring full
  std::atomic<std::uint64_t> missed{0};    // frames that the adapter or its driver dropped
};

}  // namespace rpcaudit::capture
