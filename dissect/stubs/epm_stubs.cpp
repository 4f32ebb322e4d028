#include "dissect/stubs/epm_stubs.h"

#include <cstring>

#include "dissect/store/keyed_hash.h"

namespace rpcaudit::dissect {
namespace {

std::string_view text_of(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

EndpointSource source_of(EpmOperation operation) noexcept {
  switch (operation) {
    case EpmOperation::insert: return EndpointSource::inserted;
    case EpmOperation::remove: return EndpointSource::removed;
    case EpmOperation::lookup: return EndpointSource::listed;
    default: return EndpointSource::mapped;
  }
}

}  // namespace

std::optional<EndpointQuestion> question_of(std::uint16_t opnum, StubForm form,
                                            Bytes stub) noexcept {
  const auto operation = static_cast<EpmOperation>(opnum);
  if (operation != EpmOperation::map && operation != EpmOperation::lookup) return std::nullopt;
  EpmQuestion asked;
  EndpointQuestion question;
  const ParseStatus status = parse_epm_question(operation, form, stub, asked);
  question.interface = asked.interface;
  question.names_no_interface = asked.names_no_interface;
  // Once it has told what it asks for, the rest does not matter.
  question.unreadable = status != ParseStatus::ok && !asked.interface && !asked.names_no_interface;
  if (asked.tower) question.protocol = asked.tower->protocol;
  return question;
}

EpmStubs::EpmStubs(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                   std::uint64_t seed)
    : observer_(observer),
      statistics_(statistics),
      stubs_(limits.mapper_stubs),
      secret_(SecretSequence(seed).next()) {}

bool EpmStubs::has_entries(std::uint16_t opnum, bool is_answer) noexcept {
  switch (static_cast<EpmOperation>(opnum)) {
    case EpmOperation::insert:
    case EpmOperation::remove: return !is_answer;
    case EpmOperation::lookup:
    case EpmOperation::map: return is_answer;
    default: return false;
  }
}

void EpmStubs::begin(const RpcContext& context, std::uint16_t opnum, StubForm form,
                     const EpmFragment& fragment) noexcept {
  const Slot<Stub> earlier = find(fragment.message);
  if (earlier) drop(earlier);
  Message message;
  message.name = fragment.message;
  message.operation = static_cast<EpmOperation>(opnum);
  message.form = form;
  message.carrier = context.protocol;
  message.client = context.client;
  message.mapper = context.server;
  if (fragment.first && fragment.last) return tell(message, fragment.stub, fragment.frame);
  if (!fragment.first) {
    ++statistics_.mapper_stubs_unreadable;
    return;
  }
  if (stubs_.full()) drop(stubs_.oldest());
  const Slot<Stub> slot = stubs_.add(hash_of(fragment.message));
  stubs_[slot].message = message;
  stubs_[slot].size = 0;
  stubs_[slot].next = 0;
  append(slot, fragment);
}

void EpmStubs::go_on(const EpmFragment& fragment) noexcept {
  const Slot<Stub> slot = find(fragment.message);
  if (!slot) return;
  stubs_.touch(slot);
  append(slot, fragment);
}

void EpmStubs::end(std::uint64_t first, std::uint64_t last) noexcept {
  for (Slot<Stub> slot = stubs_.oldest(); slot;) {
    const Slot<Stub> ended = slot;
    const std::uint64_t name = stubs_[slot].message.name;
    slot = stubs_.newer_than(slot);
    if (first <= name && name <= last) drop(ended);
  }
}

void EpmStubs::append(Slot<Stub> slot, const EpmFragment& fragment) noexcept {
  Stub& stub = stubs_[slot];
  const std::uint16_t index = fragment.index.value_or(stub.next);
  if (index < stub.next) return;
  if (index != stub.next++) return drop(slot);
  if (fragment.stub.empty() || fragment.stub.size() > kStubSizeMax - stub.size) return drop(slot);
  std::memcpy(stub.bytes.data() + stub.size, fragment.stub.data(), fragment.stub.size());
  stub.size += static_cast<std::uint32_t>(fragment.stub.size());
  if (!fragment.last) return;
  tell(stub.message, Bytes(stub.bytes).first(stub.size), fragment.frame);
  stubs_.remove(slot);
}

void EpmStubs::tell(const Message& message, Bytes stub, const FrameReference& frame) noexcept {
  EpmEntryReader reader(message.operation, message.form, stub);
  EndpointEntry told;
  told.frame = frame;
  told.carrier = message.carrier;
  told.client = message.client;
  told.mapper = message.mapper;
  told.source = source_of(message.operation);
  for (EpmEntry entry; reader.next(entry);) {
    told.interface = *entry.tower.interface;
    told.object = entry.object;
    told.protocol = entry.tower.protocol;
    told.port = entry.tower.port;
    told.address = entry.tower.address;
    told.name = text_of(entry.tower.endpoint);
    told.annotation = text_of(entry.annotation);
    ++statistics_.mapper_entries;
    observer_.on_endpoint(told);
  }
  statistics_.mapper_towers_unreadable += reader.unreadable();
  if (!reader.ok()) ++statistics_.mapper_stubs_unreadable;
}

std::uint64_t EpmStubs::hash_of(std::uint64_t message) const noexcept {
  return fold_multiply(message ^ secret_, 0x9e37'79b9'7f4a'7c15);
}

auto EpmStubs::find(std::uint64_t message) const noexcept -> Slot<Stub> {
  return stubs_.find(hash_of(message),
                     [&](Slot<Stub> slot) { return stubs_[slot].message.name == message; });
}

void EpmStubs::drop(Slot<Stub> slot) noexcept {
  ++statistics_.mapper_stubs_unreadable;
  stubs_.remove(slot);
}

}  // namespace rpcaudit::dissect
