#pragma once

#include <cstdint>
#include <optional>

#include "dissect/limits.h"
#include "dissect/rpc/pdus/pdu.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/stubs/epm_stubs.h"

namespace rpcaudit::dissect {

// What is asked of and said by endpoint mappers (C706 appendix O) and management interfaces (C706
// appendix Q) over associations. Tells the observer the endpoints.
class EndpointDialogue {
 public:
  EndpointDialogue(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                   std::uint64_t seed);

  // Whether calls on the context are for an endpoint mapper.
  [[nodiscard]] static bool is_mapper(const RpcContext& context) noexcept;
  // What a call to a mapper asks for, by the clear prefix of its stub.
  [[nodiscard]] static std::optional<EndpointQuestion> question(const RpcContext& context,
                                                                std::uint16_t opnum, const Pdu& pdu,
                                                                Bytes body) noexcept;

  // The first fragment of a request to a mapper; the first fragment of an answer on any context.
  // `association` is a number that no other open association has.
  void read_request(std::uint32_t association, const RpcContext& context, std::uint16_t opnum,
                    const Pdu& pdu) noexcept;
  void read_answer(std::uint32_t association, const RpcContext& context, std::uint16_t opnum,
                   const Pdu& pdu) noexcept;
  // A later fragment, of a request or an answer as its type says.
  void read_fragment(std::uint32_t association, const Pdu& pdu) noexcept;
  // The association has ended: messages that are not complete are counted.
  void end(std::uint32_t association) noexcept;

 private:
  void read_interface_list(const RpcContext& context, const Pdu& pdu) noexcept;

  RpcObserver& observer_;
  DissectStatistics& statistics_;
  EpmStubs stubs_;
};

}  // namespace rpcaudit::dissect
