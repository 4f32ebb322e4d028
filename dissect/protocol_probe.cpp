#include "dissect/protocol_probe.h"

#include <algorithm>
#include <string_view>

namespace rpcaudit::dissect {
namespace {

Likeness starts_like(Bytes bytes, std::string_view wanted) noexcept {
  const std::size_t size = std::min(bytes.size(), wanted.size());
  for (std::size_t i = 0; i < size; ++i) {
    if (bytes[i] != static_cast<std::byte>(wanted[i])) return Likeness::no;
  }
  return size == wanted.size() ? Likeness::yes : Likeness::not_yet;
}

// A session message (MS-SMB2 2.1: zero, 24-bit length) with an SMB header in it, or the session
// request that opens a NetBIOS session (RFC 1002 4.3.2: 68 bytes for two encoded names).
Likeness looks_like_smb(Bytes bytes) noexcept {
  using namespace std::string_view_literals;
  if (starts_like(bytes, "\x81\x00\x00\x44\x20"sv) != Likeness::no) {
    return starts_like(bytes, "\x81\x00\x00\x44\x20"sv);
  }
  if (starts_like(bytes, "\x00"sv) == Likeness::no) return Likeness::no;
  if (bytes.size() < 5) return Likeness::not_yet;
  const auto first = std::to_integer<unsigned>(bytes[4]);
  if (first < 0xfc) return Likeness::no;  // ff SMB1, fe SMB2, fd encrypted, fc compressed
  return starts_like(bytes.subspan(5), "SMB"sv);
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
