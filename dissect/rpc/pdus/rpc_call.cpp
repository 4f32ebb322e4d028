#include "dissect/rpc/pdus/rpc_call.h"

namespace rpcaudit::dissect {

ParseStatus parse_request(const RpcHeader& header, Bytes pdu, RpcRequest& request) noexcept {
  ByteCursor cursor(pdu, header.order);
  cursor.skip(kRpcHeaderSize + 4);  // allocation hint: advisory
  request.context_id = cursor.u16();
  request.opnum = cursor.u16();
  request.object.reset();
  if ((header.flags & kPfcObjectUuid) != 0) {
    // A PDU too short for the object that its flags promise is the sender's contradiction.
    if (header.fragment_length < kRequestSize + kObjectSize) return ParseStatus::bad_length;
    request.object = read_uuid(cursor);
  }
  request.stub = cursor.rest();
  return cursor.ok() ? ParseStatus::ok : ParseStatus::truncated;
}

ParseStatus parse_answer(const RpcHeader& header, Bytes pdu, RpcAnswer& answer) noexcept {
  ByteCursor cursor(pdu, header.order);
  cursor.skip(kRpcHeaderSize + 4);
  answer.context_id = cursor.u16();
  answer.cancel_count = cursor.u8();
  cursor.skip(1);
  answer.status = header.type == PduType::fault ? cursor.u32() : 0;
  return cursor.ok() ? ParseStatus::ok : ParseStatus::truncated;
}

}  // namespace rpcaudit::dissect
