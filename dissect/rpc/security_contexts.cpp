#include "dissect/rpc/security_contexts.h"

#include <algorithm>

#include "dissect/rpc/auth_token.h"

namespace rpcaudit::dissect {
namespace {

bool carries_token(PduType type) noexcept {
  switch (type) {
    case PduType::bind:
    case PduType::bind_ack:
    case PduType::alter_context:
    case PduType::alter_context_response:
    case PduType::auth3: return true;
    default: return false;  // a signature
  }
}

}  // namespace

const SecurityContext* SecurityContextList::find(std::uint32_t context_id) const noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (contexts[i].numbers.context_id == context_id) return &contexts[i];
  }
  return nullptr;
}

const SecurityContext* SecurityContextList::implied() const noexcept {
  const bool is_only_one = count == 1 && contexts[0].numbers.level <= kAuthLevelConnect;
  return is_only_one ? &contexts[0] : nullptr;
}

// The longest known makes room; its calls keep the numbers of their own trailers.
SecurityContext& SecurityContexts::add(SecurityContextList& list) noexcept {
  if (list.count == SecurityContextList::kCapacity) {
    ++statistics_.identities_dropped;
    if (list.contexts[0].identity) identities_.release(list.contexts[0].identity);
    std::move(list.contexts.begin() + 1, list.contexts.end(), list.contexts.begin());
    --list.count;
  }
  SecurityContext& context = list.contexts[list.count++];
  context = {};
  return context;
}

const SecurityContext* SecurityContexts::note(SecurityContextList& list, const Pdu& pdu,
                                              std::optional<AuthNumbers>& numbers) noexcept {
  SecurityTrailer trailer;
  if (!read_trailer(pdu, trailer)) return nullptr;
  numbers = trailer.numbers;
  const SecurityContext* known = list.find(trailer.numbers.context_id);
  SecurityContext& context =
      known != nullptr ? list.contexts[static_cast<std::size_t>(known - list.contexts.data())]
                       : add(list);
  const bool token = carries_token(pdu.header.type);
  if (token || !context.identity) context.numbers = trailer.numbers;
  if (!token) return &context;
  if (!context.identity) {
    context.identity = identities_.take();
    if (!context.identity) {
      ++statistics_.identities_dropped;
      return &context;
    }
    identities_[context.identity].clear();
  }
  (void)read_auth_token(trailer.numbers.type, trailer.token, identities_[context.identity]);
  return &context;
}

void SecurityContexts::describe(SecurityContextList& list, const PipeOrigin* pipe,
                                const Pdu& request, RpcCall& call) noexcept {
  const SecurityContext* context = note(list, request, call.auth);
  const bool has_trailer = request.header.auth_length != 0;
  call.auth_unseen = has_trailer && !call.auth;
  if (!has_trailer) {
    context = list.implied();
    if (context != nullptr) call.connection_auth = context->numbers;
  }
  if (!call.auth_unseen) call.identity = identity_of(context, pipe);
}

SecurityIdentity SecurityContexts::identity_of(const SecurityContext* context,
                                               const PipeOrigin* pipe) const noexcept {
  if (context == nullptr) {
    return pipe != nullptr ? pipe->caller->identity.view() : SecurityIdentity{};
  }
  return context->identity ? identities_[context->identity].view() : SecurityIdentity{};
}

void SecurityContexts::release(SecurityContextList& list) noexcept {
  for (std::size_t i = 0; i < list.count; ++i) {
    if (list.contexts[i].identity) identities_.release(list.contexts[i].identity);
  }
  list.count = 0;
}

}  // namespace rpcaudit::dissect
