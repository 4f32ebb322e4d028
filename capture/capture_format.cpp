#include "capture/capture_format.h"

#include <cstring>

namespace rpcaudit::capture {

LinkType link_type_of(std::uint32_t link_number) noexcept {
  switch (link_number) {
    case 0:                                    // NULL
    case 108: return LinkType::null_loopback;  // LOOP
    case 1: return LinkType::ethernet;
    case 12:  // RAW, as some systems number it
    case 14:
    case 101:                           // RAW
    case 228:                           // IPV4
    case 229: return LinkType::raw_ip;  // IPV6
    case 113: return LinkType::linux_cooked_v1;
    case 276: return LinkType::linux_cooked_v2;
    default: return LinkType::other;
  }
}

bool CaptureFormat::need(ByteWindow& window, std::size_t count, const char* what) {
  if (window.want(count)) return true;
  if (!window.failure().empty()) {
    problem_ = window.failure();
  } else if (!window.bytes().empty()) {
    problem_ = std::string("ends in the middle of ") + what;
  }
  return false;
}

std::unique_ptr<CaptureFormat> detect_format(ByteWindow& window) {
  constexpr std::size_t kMagicSize = 8;
  if (!window.want(kMagicSize)) return nullptr;
  const Bytes front = window.bytes();
  switch (load_u32(front, 0, false)) {
    case 0xa1b2c3d4:
    case 0xd4c3b2a1:
    case 0xa1b23c4d:
    case 0x4d3cb2a1:
    case 0xa1b2cd34:
    case 0x34cdb2a1: return make_pcap_format();
    case 0x0a0d0d0a: return make_pcapng_format();
    default: break;
  }
  if (std::memcmp(front.data(), "snoop\0\0\0", kMagicSize) == 0) return make_snoop_format();
  const bool is_netmon =
      std::memcmp(front.data(), "GMBU", 4) == 0 || std::memcmp(front.data(), "RTSS", 4) == 0;
  return is_netmon ? make_netmon_format() : nullptr;
}

}  // namespace rpcaudit::capture
