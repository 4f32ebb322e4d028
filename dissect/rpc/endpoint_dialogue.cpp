#include "dissect/rpc/endpoint_dialogue.h"

#include "dissect/stubs/management.h"

namespace rpcaudit::dissect {
namespace {

constexpr Uuid kNdr64 = uuid("71710533-beba-4937-8319-b5dbef9ccc36");  // MS-RPCE 2.2.5

StubForm form_of(const RpcContext& context, const Pdu& pdu) noexcept {
  const bool ndr64 = context.transfer_syntax && context.transfer_syntax->uuid == kNdr64;
  return {ndr64, pdu.header.order};
}

// The names of an association's messages begin here, and end where those of the next one begin.
std::uint64_t first_name_of(std::uint32_t association) noexcept {
  return std::uint64_t{association} << 33;
}

EpmFragment fragment_of(std::uint32_t association, const Pdu& pdu) noexcept {
  const bool is_answer = pdu.header.type != PduType::request;
  EpmFragment fragment;
  fragment.message = first_name_of(association) | std::uint64_t{pdu.header.call_id} << 1 |
                     static_cast<std::uint64_t>(is_answer);
  fragment.first = is_first_fragment(pdu.header);
  fragment.last = pdu.has_flag(kPfcLastFragment);
  fragment.stub = clear_stub(pdu);
  fragment.frame = pdu.frame;
  return fragment;
}

}  // namespace

EndpointDialogue::EndpointDialogue(const Limits& limits, RpcObserver& observer,
                                   DissectStatistics& statistics, std::uint64_t seed)
    : observer_(observer), statistics_(statistics), stubs_(limits, observer, statistics, seed) {}

bool EndpointDialogue::is_mapper(const RpcContext& context) noexcept {
  return context.abstract_syntax && context.abstract_syntax->uuid == kEndpointMapper &&
         context.result != ContextResult::rejected && context.result != ContextResult::negotiated;
}

std::optional<EndpointQuestion> EndpointDialogue::question(const RpcContext& context,
                                                           std::uint16_t opnum, const Pdu& pdu,
                                                           Bytes body) noexcept {
  return question_of(opnum, form_of(context, pdu), body);
}

void EndpointDialogue::read_request(std::uint32_t association, const RpcContext& context,
                                    std::uint16_t opnum, const Pdu& pdu) noexcept {
  if (!EpmStubs::has_entries(opnum, false)) return;
  stubs_.begin(context, opnum, form_of(context, pdu), fragment_of(association, pdu));
}

void EndpointDialogue::read_answer(std::uint32_t association, const RpcContext& context,
                                   std::uint16_t opnum, const Pdu& pdu) noexcept {
  if (is_mapper(context) && EpmStubs::has_entries(opnum, true)) {
    stubs_.begin(context, opnum, form_of(context, pdu), fragment_of(association, pdu));
  }
  const bool is_list = context.abstract_syntax && context.abstract_syntax->uuid == kManagement &&
                       opnum == kInquireInterfaces;
  if (is_list && is_first_fragment(pdu.header)) read_interface_list(context, pdu);
}

void EndpointDialogue::read_fragment(std::uint32_t association, const Pdu& pdu) noexcept {
  stubs_.go_on(fragment_of(association, pdu));
}

void EndpointDialogue::end(std::uint32_t association) noexcept {
  stubs_.end(first_name_of(association), first_name_of(association + 1) - 1);
}

// Lists that do not fit one fragment are not read, and counted.
void EndpointDialogue::read_interface_list(const RpcContext& context, const Pdu& pdu) noexcept {
  const bool is_last = pdu.has_flag(kPfcLastFragment);
  InterfaceListReader reader(form_of(context, pdu), is_last ? clear_stub(pdu) : Bytes{});
  EndpointEntry told;
  told.frame = pdu.frame;
  told.carrier = context.protocol;
  told.client = context.client;
  told.mapper = context.server;
  told.source = EndpointSource::served;
  told.protocol = tower_protocol(context.protocol);
  if (transport_of(context.protocol).is_pipe) {
    told.name = context.pipe;
  } else {
    told.port = context.server.port;
  }
  while (reader.next(told.interface)) {
    ++statistics_.mapper_entries;
    observer_.on_endpoint(told);
  }
  if (!reader.ok()) ++statistics_.mapper_stubs_unreadable;
}

}  // namespace rpcaudit::dissect
