// The part of RpcSessions that follows endpoint mappers: what they are asked, and what they say.

#include "dissect/rpc/rpc_call.h"
#include "dissect/rpc/rpc_session.h"
#include "dissect/stubs/management.h"

namespace rpcaudit::dissect {
namespace {

constexpr Uuid kNdr64 = uuid("71710533-beba-4937-8319-b5dbef9ccc36");  // MS-RPCE 2.2.5

StubForm form_of(const RpcContext& context, const Pdu& pdu) noexcept {
  const bool ndr64 = context.transfer_syntax && context.transfer_syntax->uuid == kNdr64;
  return {ndr64, pdu.header.order};
}

// The stub of a whole PDU, in clear; empty when it is not.
Bytes stub_of(const Pdu& pdu) noexcept {
  if (!pdu.whole()) return {};
  std::size_t begin = kResponseSize;
  if (pdu.header.type == PduType::request) {
    begin = kRequestSize + ((pdu.header.flags & kPfcObjectUuid) != 0 ? kObjectSize : 0);
  }
  std::size_t end = pdu.bytes.size();
  if (pdu.header.auth_length != 0) {
    SecurityTrailer trailer;
    if (parse_security_trailer(pdu.header, pdu.bytes, trailer) != ParseStatus::ok) return {};
    if (trailer.numbers.level >= kAuthLevelPrivacy) return {};
    end = trailer_offset(pdu.header) - trailer.pad_length;
  }
  return begin < end ? pdu.bytes.subspan(begin, end - begin) : Bytes{};
}

// What messages on the connection are called: this and what follows up to the next connection's.
std::uint64_t first_name_of(Slot<RpcSession> slot) noexcept { return std::uint64_t{slot} << 33; }

EpmFragment fragment_of(Slot<RpcSession> slot, bool is_answer, const Pdu& pdu) noexcept {
  EpmFragment fragment;
  fragment.message = first_name_of(slot) | std::uint64_t{pdu.header.call_id} << 1 |
                     static_cast<std::uint64_t>(is_answer);
  fragment.first = is_first_fragment(pdu.header);
  fragment.last = (pdu.header.flags & kPfcLastFragment) != 0;
  fragment.stub = stub_of(pdu);
  fragment.frame = pdu.frame;
  return fragment;
}

}  // namespace

bool RpcSessions::is_mapper(const ContextRecord& record) const noexcept {
  const RpcContext& context = record.context;
  return context.abstract_syntax && context.abstract_syntax->uuid == kEndpointMapper &&
         context.result != ContextResult::rejected && context.result != ContextResult::negotiated;
}

void RpcSessions::note_question(std::uint32_t context_slot, const Pdu& pdu,
                                RpcCall& call) noexcept {
  call.question = question_of(call.opnum, form_of(contexts_[context_slot].context, pdu), call.body);
}

void RpcSessions::read_mapper_request(Slot<RpcSession> slot, std::uint32_t context_slot,
                                      std::uint16_t opnum, const Pdu& pdu) noexcept {
  if (!EpmStubs::has_entries(opnum, false)) return;
  const RpcContext& context = contexts_[context_slot].context;
  mapper_stubs_.begin(context, opnum, form_of(context, pdu), fragment_of(slot, false, pdu));
}

void RpcSessions::read_mapper_answer(Slot<RpcSession> slot, std::uint32_t pending_slot,
                                     const Pdu& pdu) noexcept {
  const PendingCall& call = pending_[pending_slot];
  const ContextRecord& record = contexts_[call.context];
  if (!is_mapper(record) || !EpmStubs::has_entries(call.opnum, true)) return;
  mapper_stubs_.begin(record.context, call.opnum, form_of(record.context, pdu),
                      fragment_of(slot, true, pdu));
}

void RpcSessions::read_mapper_fragment(Slot<RpcSession> slot, bool is_answer,
                                       const Pdu& pdu) noexcept {
  mapper_stubs_.go_on(fragment_of(slot, is_answer, pdu));
}

void RpcSessions::end_mapper_messages(Slot<RpcSession> slot) noexcept {
  mapper_stubs_.end(first_name_of(slot), first_name_of(slot + 1) - 1);
}

// Lists that do not fit one fragment are not read, and counted.
void RpcSessions::read_interface_list(std::uint32_t pending_slot, const Pdu& pdu) noexcept {
  const PendingCall& call = pending_[pending_slot];
  const RpcContext& context = contexts_[call.context].context;
  const bool is_list = context.abstract_syntax && context.abstract_syntax->uuid == kManagement &&
                       call.opnum == kInquireInterfaces;
  if (!is_list || !is_first_fragment(pdu.header)) return;
  const bool is_last = (pdu.header.flags & kPfcLastFragment) != 0;
  InterfaceListReader reader(form_of(context, pdu), is_last ? stub_of(pdu) : Bytes{});
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
