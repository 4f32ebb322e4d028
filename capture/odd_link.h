#pragma once

#include <cstdint>
#include <map>

#include "capture/frame.h"

namespace rpcaudit::capture {

// The slow lane: peels link types that the dissector does not read down to an IP packet or an
// Ethernet frame.
//
// Most headers are read here; that of 802.11 by libtins. What is peeled is a part of the frame's
// own bytes, unaltered, and lives as long as they do.
class OddLink {
 public:
  struct Count {
    std::uint64_t peeled = 0;
    std::uint64_t unknown = 0;  // frames that hold no IP packet that could be found
  };

  // Makes a frame of link type `other` one of another type; false, counted, when it cannot, with
  // the frame as it was. Its link_number goes on telling what the file states.
  [[nodiscard]] bool peel(Frame& frame);

  // By LINKTYPE_ value: every link type met that went this way.
  [[nodiscard]] const std::map<std::uint32_t, Count>& counts() const noexcept { return counts_; }

 private:
  std::map<std::uint32_t, Count> counts_;
};

}  // namespace rpcaudit::capture
