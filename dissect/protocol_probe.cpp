#include "dissect/protocol_probe.h"

#include <algorithm>
#include <string_view>

#include "dissect/smb/messages/nbss.h"
#include "dissect/store/probe_buffer.h"

namespace rpcaudit::dissect {
namespace {

Likeness starts_like(Bytes bytes, std::string_view wanted) noexcept {
  const std::size_t size = std::min(bytes.size(), wanted.size());
  for (std::size_t i = 0; i < size; ++i) {
    if (bytes[i] != static_cast<std::byte>(wanted[i])) return Likeness::no;
  }
  return size == wanted.size() ? Likeness::yes : Likeness::not_yet;
}

// What may stand before the first SMB message and takes four bytes: a keep-alive, a session message
// of no bytes, a positive response to a session request (RFC 1002 4.3.3, 4.3.7). Samba's server
// answers none of them and goes on; what Windows does is not known.
bool is_empty_nbss(Bytes bytes) noexcept {
  using namespace std::string_view_literals;
  return starts_like(bytes, "\x85\0\0\0"sv) == Likeness::yes ||
         starts_like(bytes, "\x82\0\0\0"sv) == Likeness::yes ||
         starts_like(bytes, "\0\0\0\0"sv) == Likeness::yes;
}

// The session request that opens a NetBIOS session (RFC 1002 4.3.2): two names of 34 bytes, or
// longer where they have a scope; the first label of a name has 32 bytes.
Likeness looks_like_session_request(Bytes bytes) noexcept {
  constexpr unsigned kTwoNames = 68;
  constexpr unsigned kTwoScopedNames = 2 * 255;
  if (bytes.size() < 5) return Likeness::not_yet;
  const unsigned length =
      std::to_integer<unsigned>(bytes[2]) << 8 | std::to_integer<unsigned>(bytes[3]);
  const bool fits = bytes[1] == std::byte{0} && length >= kTwoNames && length <= kTwoScopedNames;
  return fits && bytes[4] == std::byte{0x20} ? Likeness::yes : Likeness::no;
}

// A session message (MS-SMB2 2.1: zero, 24-bit length) with an SMB header in it, or what opens a
// NetBIOS session.
Likeness looks_like_smb(Bytes bytes) noexcept {
  using namespace std::string_view_literals;
  constexpr std::size_t kHeld = sizeof(ProbeBuffer::bytes);
  const bool is_full = bytes.size() >= kHeld;
  bool only_zeros = true;
  for (; is_empty_nbss(bytes); bytes = bytes.subspan(kNbssHeaderSize)) {
    only_zeros = only_zeros && bytes.front() == std::byte{0};
  }
  // So many zeros are more likely something else than SMB; so many keep-alives are not.
  if (is_full && bytes.size() < kNbssHeaderSize) return only_zeros ? Likeness::no : Likeness::yes;
  if (bytes.empty()) return Likeness::not_yet;
  if (bytes.front() == std::byte{0x81}) return looks_like_session_request(bytes);
  if (bytes.size() < kNbssHeaderSize + 1) {
    const auto type = std::to_integer<unsigned>(bytes.front());
    return type == 0 || type == 0x82 || type == 0x85 ? Likeness::not_yet : Likeness::no;
  }
  const auto first = std::to_integer<unsigned>(bytes[kNbssHeaderSize]);
  if (bytes.front() != std::byte{0} || first < 0xfc) return Likeness::no;
  return starts_like(bytes.subspan(kNbssHeaderSize + 1), "SMB"sv);
}

}  // namespace

StreamKind probe_stream(Bytes bytes) noexcept {
  // Nearly every stream is something else, and its first byte tells.
  if (bytes.empty()) return StreamKind::undecided;
  Likeness likeness = Likeness::no;
  StreamKind kind = StreamKind::other;
  switch (std::to_integer<unsigned>(bytes[0])) {
    case 0x05:
      likeness = looks_like_rpc(bytes);
      kind = StreamKind::rpc;
      break;
    case 0x00:
    case 0x81:
    case 0x82:
    case 0x85:
      likeness = looks_like_smb(bytes);
      kind = StreamKind::smb;
      break;
    case 'n':
      likeness = starts_like(bytes, "ncacn_http/1.0");
      kind = StreamKind::http_banner;
      break;
    case 'R':
      likeness = std::max(starts_like(bytes, "RPC_IN_DATA "), starts_like(bytes, "RPC_OUT_DATA "));
      kind = StreamKind::http_proxy;
      break;
    default: break;
  }
  if (likeness == Likeness::no) return StreamKind::other;
  return likeness == Likeness::yes ? kind : StreamKind::undecided;
}

}  // namespace rpcaudit::dissect
