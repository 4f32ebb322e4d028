#pragma once

#include <cstddef>

namespace rpcaudit::dissect {

// Sizes of headers on the wire, in bytes.
inline constexpr std::size_t kMacHeaderSize = 14;
inline constexpr std::size_t kVlanTagSize = 4;
inline constexpr std::size_t kIpv4HeaderSizeMin = 20;  // without options
inline constexpr std::size_t kIpv6HeaderSize = 40;     // without extensions
inline constexpr std::size_t kTcpHeaderSizeMin = 20;   // without options
inline constexpr std::size_t kUdpHeaderSize = 8;

}  // namespace rpcaudit::dissect
