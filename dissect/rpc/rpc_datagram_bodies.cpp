// The part of RpcDatagrams that reads what follows the header: verifiers, and the bodies of calls
// and of messages to endpoint mappers.

#include <algorithm>

#include "dissect/rpc/rpc_auth.h"
#include "dissect/rpc/rpc_datagrams.h"

namespace rpcaudit::dissect {

void RpcDatagrams::read_mapper(const Received& pdu, const Context* context,
                               std::uint16_t opnum) noexcept {
  const DatagramHeader& header = pdu.header;
  const bool is_answer = header.type == DatagramType::response;
  if (!EpmStubs::has_entries(opnum, is_answer)) return;
  EpmFragment fragment;
  const IpAddress client = (is_answer ? pdu.packet.destination : pdu.packet.source).address();
  fragment.message = hash_of(header.activity, client) ^ header.sequence;
  fragment.first = header.fragment == 0;
  fragment.last = !header.is_fragment() || (header.flags1 & kDatagramLastFragment) != 0;
  fragment.index = header.fragment;
  fragment.frame = pdu.frame;
  if (protection_level(pdu) < kAuthLevelPrivacy) {
    fragment.stub = datagram_body(header, pdu.packet.payload);
  }
  if (context == nullptr) return mapper_stubs_.go_on(fragment);
  mapper_stubs_.begin(context->context, opnum, {false, header.order}, fragment);
}

// What of the verifier matters for reading the body; privacy where it is not shown.
std::uint8_t RpcDatagrams::protection_level(const Received& pdu) noexcept {
  if (pdu.header.auth_protocol == kAuthNone) return 0;
  std::uint8_t level = 0;
  const ParseStatus status = parse_protection_level(pdu.header, pdu.packet.payload, level);
  return status == ParseStatus::ok ? level : kAuthLevelPrivacy;
}

void RpcDatagrams::read_security(const Received& pdu, RpcCall& call) const noexcept {
  if (pdu.header.auth_protocol != kAuthNone) {
    std::uint8_t level = 0;
    if (parse_protection_level(pdu.header, pdu.packet.payload, level) == ParseStatus::ok) {
      call.auth = AuthNumbers{pdu.header.auth_protocol, level, 0};
    } else {
      call.auth_unseen = true;
    }
    if (!call.auth || level >= kAuthLevelPrivacy) return;
  }
  if (pdu.header.fragment != 0) return;
  const Bytes body = datagram_body(pdu.header, pdu.packet.payload);
  call.body = body.first(std::min(body.size(), limits_.body_prefix_bytes));
}

}  // namespace rpcaudit::dissect
