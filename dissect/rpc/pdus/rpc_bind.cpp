#include "dissect/rpc/pdus/rpc_bind.h"

#include <algorithm>

namespace rpcaudit::dissect {
namespace {

// First eight bytes of 6cb71c2c-9812-4540-xxxx-xxxxxxxxxxxx.
constexpr Uuid kFeatureNegotiation = uuid("6cb71c2c-9812-4540-0000-000000000000");

}  // namespace

SyntaxId read_syntax(ByteCursor& cursor) noexcept {
  SyntaxId syntax;
  syntax.uuid = read_uuid(cursor);
  const std::uint32_t version = cursor.u32();
  syntax.version_major = static_cast<std::uint16_t>(version & 0xffff);
  syntax.version_minor = static_cast<std::uint16_t>(version >> 16);
  return syntax;
}

bool is_feature_negotiation(const SyntaxId& syntax) noexcept {
  return std::equal(syntax.uuid.bytes.begin(), syntax.uuid.bytes.begin() + 8,
                    kFeatureNegotiation.bytes.begin());
}

BindReader::BindReader(const RpcHeader& header, Bytes body) noexcept : cursor_(body, header.order) {
  cursor_.skip(4);  // max_xmit_frag, max_recv_frag: upper bounds that peers exceed
  association_group_ = cursor_.u32();
  item_count_ = cursor_.u8();
  cursor_.skip(3);
}

bool BindReader::next(BindItem& item) noexcept {
  if (!cursor_.ok() || read_ == item_count_) return false;
  item = {};
  item.context_id = cursor_.u16();
  item.transfer_count = cursor_.u8();
  cursor_.skip(1);
  item.abstract_syntax = read_syntax(cursor_);
  for (std::uint8_t i = 0; i < item.transfer_count && cursor_.ok(); ++i) {
    const SyntaxId offered = read_syntax(cursor_);
    if (i == 0) item.transfer_syntax = offered;
    if (is_feature_negotiation(offered)) item.feature_negotiation = true;
  }
  if (!cursor_.ok()) return false;
  ++read_;
  return true;
}

BindAckReader::BindAckReader(const RpcHeader& header, Bytes body) noexcept
    : cursor_(body, header.order) {
  cursor_.skip(4);
  association_group_ = cursor_.u32();
  const std::uint16_t address_size = cursor_.u16();
  secondary_address_ = cursor_.take(address_size);
  while (!secondary_address_.empty() && secondary_address_.back() == std::byte{0}) {
    secondary_address_ = secondary_address_.first(secondary_address_.size() - 1);
  }
  // The result list is aligned to 4 from the start of the PDU; the header before the body is 16.
  cursor_.skip((4 - (2u + address_size) % 4) % 4);
  result_count_ = cursor_.u8();
  cursor_.skip(3);
}

bool BindAckReader::next(BindResult& result) noexcept {
  if (!cursor_.ok() || read_ == result_count_) return false;
  result.result = cursor_.u16();
  result.reason = cursor_.u16();
  result.transfer_syntax = read_syntax(cursor_);
  if (!cursor_.ok()) return false;
  ++read_;
  return true;
}

ParseStatus parse_bind_nak(const RpcHeader& header, Bytes body, std::uint16_t& reason) noexcept {
  ByteCursor cursor(body, header.order);
  reason = cursor.u16();
  return cursor.ok() ? ParseStatus::ok : ParseStatus::truncated;
}

}  // namespace rpcaudit::dissect
