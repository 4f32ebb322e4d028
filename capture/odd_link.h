#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "capture/frame.h"

namespace rpcaudit {

// The slow lane: peels link types that the dissector does not read down to an IP packet.
//
// PPP, Cisco HDLC, NFLOG and PKTAP are read here; 802.11 with its radio headers by libtins, whose
// results are copied, so a peeled frame stays valid until the next call of peel().
class OddLink {
 public:
  struct Count {
    std::uint64_t peeled = 0;
    std::uint64_t unknown = 0;  // frames that hold no IP packet that could be found
  };

  OddLink();
  OddLink(const OddLink&) = delete;
  OddLink& operator=(const OddLink&) = delete;
  ~OddLink();

  // Makes a frame of link type `other` a raw_ip or ethernet one; false, counted, when it cannot.
  [[nodiscard]] bool peel(Frame& frame);

  // By LINKTYPE_ value: every link type met that went this way.
  [[nodiscard]] const std::map<std::uint32_t, Count>& counts() const noexcept { return counts_; }

 private:
  struct Copy;

  bool peel_known(Frame& frame);
  bool peel_with_library(Frame& frame);

  std::map<std::uint32_t, Count> counts_;
  std::unique_ptr<Copy> copy_;
};

}  // namespace rpcaudit
