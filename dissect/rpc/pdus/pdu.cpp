#include "dissect/rpc/pdus/pdu.h"

#include <algorithm>

#include "dissect/rpc/pdus/rpc_call.h"

namespace rpcaudit::dissect {

bool read_trailer(const Pdu& pdu, SecurityTrailer& trailer) noexcept {
  if (pdu.header.auth_length == 0 || pdu.bytes.size() < pdu.header.fragment_length) return false;
  const bool holed = pdu.clean != pdu.bytes.size();
  if (holed && pdu.hole_end > trailer_offset(pdu.header)) return false;
  return parse_security_trailer(pdu.header, pdu.bytes, trailer) == ParseStatus::ok;
}

Bytes bind_body(const Pdu& pdu) noexcept {
  const std::size_t end = std::min(pdu.clean, trailer_offset(pdu.header));
  return end <= kRpcHeaderSize ? Bytes{} : pdu.bytes.subspan(kRpcHeaderSize, end - kRpcHeaderSize);
}

Bytes clear_prefix(const Pdu& pdu, Bytes stub, std::size_t most) noexcept {
  if (pdu.header.auth_length != 0) {
    SecurityTrailer trailer;
    if (!read_trailer(pdu, trailer) || trailer.numbers.level >= kAuthLevelPrivacy) return {};
    const std::size_t stub_offset = pdu.clean - stub.size();
    const std::size_t stub_end = trailer_offset(pdu.header) - trailer.pad_length;
    if (stub_end < stub_offset) return {};
    stub = stub.first(std::min(stub.size(), stub_end - stub_offset));
  }
  return stub.first(std::min(stub.size(), most));
}

Bytes clear_stub(const Pdu& pdu) noexcept {
  if (!pdu.whole()) return {};
  std::size_t begin = kResponseSize;
  if (pdu.header.type == PduType::request) {
    begin = kRequestSize + (pdu.has_flag(kPfcObjectUuid) ? kObjectSize : 0);
  }
  std::size_t end = pdu.bytes.size();
  if (pdu.header.auth_length != 0) {
    SecurityTrailer trailer;
    if (!read_trailer(pdu, trailer) || trailer.numbers.level >= kAuthLevelPrivacy) return {};
    end = trailer_offset(pdu.header) - trailer.pad_length;
  }
  return begin < end ? pdu.bytes.subspan(begin, end - begin) : Bytes{};
}

}  // namespace rpcaudit::dissect
