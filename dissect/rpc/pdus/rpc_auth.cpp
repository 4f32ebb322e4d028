#include "dissect/rpc/pdus/rpc_auth.h"

namespace rpcaudit::dissect {

std::size_t trailer_offset(const RpcHeader& header) noexcept {
  if (header.auth_length == 0) return header.fragment_length;
  return header.fragment_length - kAuthTrailerSize - header.auth_length;
}

ParseStatus parse_security_trailer(const RpcHeader& header, Bytes pdu,
                                   SecurityTrailer& trailer) noexcept {
  if (header.auth_length == 0) return ParseStatus::bad_length;
  if (pdu.size() < header.fragment_length) return ParseStatus::truncated;
  const std::size_t offset = trailer_offset(header);
  ByteCursor cursor(pdu.subspan(offset, kAuthTrailerSize + header.auth_length), header.order);
  trailer.numbers.type = cursor.u8();
  trailer.numbers.level = cursor.u8();
  trailer.pad_length = cursor.u8();
  cursor.skip(1);
  trailer.numbers.context_id = cursor.u32();
  trailer.token = cursor.take(header.auth_length);
  if (trailer.pad_length > offset - kRpcHeaderSize) return ParseStatus::bad_length;
  return ParseStatus::ok;
}

}  // namespace rpcaudit::dissect
