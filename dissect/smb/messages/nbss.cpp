#include "dissect/smb/messages/nbss.h"

#include <cstring>

namespace rpcaudit::dissect {

ParseStatus parse_nbss_header(Bytes bytes, NbssHeader& header) noexcept {
  ByteCursor cursor(bytes, std::endian::big);
  const std::uint32_t word = cursor.u32();
  if (!cursor.ok()) return ParseStatus::truncated;
  header.type = static_cast<NbssType>(word >> 24);
  header.length = word & 0xff'ffff;
  const auto type = static_cast<std::uint8_t>(word >> 24);
  const bool known = type == 0 || (type >= 0x81 && type <= 0x85);
  return known ? ParseStatus::ok : ParseStatus::bad_type;
}

ParseStatus parse_smb_magic(Bytes bytes, SmbKind& kind) noexcept {
  ByteCursor cursor(bytes, std::endian::big);
  const std::uint32_t word = cursor.u32();
  if (!cursor.ok()) return ParseStatus::truncated;
  constexpr std::uint32_t kSmb = 0x53'4d42;  // `SMB`
  if ((word & 0xff'ffff) != kSmb || word >> 24 < 0xfc) return ParseStatus::bad_type;
  kind = static_cast<SmbKind>(word >> 24);
  return ParseStatus::ok;
}

std::size_t find_smb_message(Bytes bytes) noexcept {
  constexpr std::size_t kBefore = kNbssHeaderSize + 1;  // what stands before `SMB`
  constexpr std::uint32_t kLeastLength = 32;            // of an SMB1 header, the smallest
  for (std::size_t at = kBefore; at + 3 <= bytes.size(); ++at) {
    const void* found = std::memchr(bytes.data() + at, 'S', bytes.size() - at - 2);
    if (found == nullptr) return bytes.size();
    at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
    SmbKind kind{};
    NbssHeader header;
    const Bytes front = bytes.subspan(at - kBefore);
    if (parse_smb_magic(front.subspan(kNbssHeaderSize), kind) == ParseStatus::ok &&
        parse_nbss_header(front, header) == ParseStatus::ok && header.type == NbssType::message &&
        header.length >= kLeastLength) {
      return at - kBefore;
    }
  }
  return bytes.size();
}

}  // namespace rpcaudit::dissect
