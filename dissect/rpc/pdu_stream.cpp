#include "dissect/rpc/pdu_stream.h"

#include "dissect/rpc/rpc_call.h"

namespace rpcaudit::dissect {

std::size_t bytes_needed(const RpcHeader& header, std::size_t body_prefix) noexcept {
  const std::size_t whole = header.fragment_length;
  if (body_prefix >= kWholePdus) return whole;
  switch (header.type) {
    case PduType::request:
      if (!is_first_fragment(header)) return kRequestSize;
      // The trailer stands at the end; without one the front is all there is to see.
      if (header.auth_length != 0) return whole;
      return std::min(whole, kRequestSize + kObjectSize + body_prefix);
    case PduType::response: return kResponseSize;
    case PduType::fault: return kFaultSize;
    case PduType::shutdown:
    case PduType::co_cancel:
    case PduType::orphaned:
    case PduType::rts: return kRpcHeaderSize;
    default: return whole;
  }
}

}  // namespace rpcaudit::dissect
