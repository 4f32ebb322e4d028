#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "capture/frame.h"
#include "dissect/net/packet.h"
#include "tests/support/hex.h"

// Packets spelled in hexadecimal, layer around layer; lengths are filled in.
namespace rpcaudit::test {

inline std::string number(std::uint64_t value, int digits) {
  char text[17];
  std::snprintf(text, sizeof text, "%0*llx", digits, static_cast<unsigned long long>(value));
  return text;
}

inline unsigned size_of(const std::string& text) { return static_cast<unsigned>(hex(text).size()); }

// From port 49152 to 135, sequence 0x01020304, acknowledgment 0x05060708, PSH and ACK.
inline std::string tcp(const std::string& payload = "050003") {
  return "c000 0087 01020304 05060708 5018 ffff 0000 0000" + payload;
}

inline std::string udp(const std::string& payload, unsigned destination_port,
                       unsigned source_port = 49152) {
  return number(source_port, 4) + number(destination_port, 4) + number(8 + size_of(payload), 4) +
         "0000" + payload;
}

struct Ipv4Text {
  std::string source = "0a010203";
  std::string destination = "0a040506";
  unsigned place = 0;  // flags and fragment offset
  unsigned identification = 1;
  std::string options{};
};

inline std::string ipv4(unsigned protocol, const std::string& payload, const Ipv4Text& ip = {}) {
  const unsigned header_size = 20 + size_of(ip.options);
  return number(0x40 | header_size / 4, 2) + "00" + number(header_size + size_of(payload), 4) +
         number(ip.identification, 4) + number(ip.place, 4) + "40" + number(protocol, 2) + "0000" +
         ip.source + ip.destination + ip.options + payload;
}

inline std::string ipv6(unsigned protocol, const std::string& payload,
                        const std::string& source = "20010db8 00000000 00000000 00000001",
                        const std::string& destination = "20010db8 00000000 00000000 00000002") {
  return "60000000" + number(size_of(payload), 4) + number(protocol, 2) + "40" + source +
         destination + payload;
}

inline std::string ethernet(unsigned type, const std::string& payload) {
  return "001122334455 66778899aabb" + number(type, 4) + payload;
}

// A frame and the bytes it borrows.
struct OwnedFrame {
  explicit OwnedFrame(const std::string& text, LinkType link = LinkType::ethernet)
      : bytes(hex(text)) {
    frame.bytes = bytes;
    frame.original_length = static_cast<std::uint32_t>(bytes.size());
    frame.link = link;
    frame.number = frame.sequence = 1;
  }
  OwnedFrame(const OwnedFrame&) = delete;
  OwnedFrame& operator=(const OwnedFrame&) = delete;

  // Cuts the frame as a snap length does. What is left moves to a block of its own, so that a
  // sanitizer sees what is read beyond it.
  void cut(std::size_t snap_length) {
    if (snap_length >= bytes.size()) return;
    bytes = std::vector<std::byte>(bytes.begin(),
                                   bytes.begin() + static_cast<std::ptrdiff_t>(snap_length));
    frame.bytes = bytes;
  }

  std::vector<std::byte> bytes;
  Frame frame;
};

}  // namespace rpcaudit::test
