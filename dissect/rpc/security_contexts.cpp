#include "dissect/rpc/security_contexts.h"

#include <algorithm>
#include <utility>

#include "dissect/rpc/pdus/auth_token.h"
#include "dissect/rpc/pdus/rpc_auth.h"

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

bool names_caller(const SecurityIdentity& identity) noexcept {
  return !identity.user.empty() || identity.null_session;
}

bool is_same_caller(const SecurityIdentity& one, const SecurityIdentity& other) noexcept {
  return one.user == other.user && one.domain == other.domain &&
         one.null_session == other.null_session;
}

}  // namespace

const SecurityContext* SecurityContextList::find(std::uint32_t context_id) const noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    if (contexts[i].numbers.context_id == context_id) return &contexts[i];
  }
  return nullptr;
}

SecurityContext* SecurityContextList::find(std::uint32_t context_id) noexcept {
  return const_cast<SecurityContext*>(std::as_const(*this).find(context_id));
}

const SecurityContext* SecurityContextList::implied() const noexcept {
  const bool is_only_one = count == 1 && contexts[0].numbers.level <= kAuthLevelConnect;
  return is_only_one ? &contexts[0] : nullptr;
}

// Calls on the context that is evicted keep the numbers of their own trailers.
SecurityContext& SecurityContexts::add(SecurityContextList& list) noexcept {
  if (list.count == SecurityContextList::kCapacity) {
    ++statistics_.identities_dropped;
    const auto unnamed = std::find_if(list.contexts.begin(), list.contexts.end(),
                                      [](const SecurityContext& at) { return !at.is_settled; });
    const auto evicted = unnamed != list.contexts.end() ? unnamed : list.contexts.begin();
    drop(evicted->identity);
    drop(evicted->offered);
    std::move(evicted + 1, list.contexts.end(), evicted);
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
  SecurityContext* known = list.find(trailer.numbers.context_id);
  SecurityContext& context = known != nullptr ? *known : add(list);
  const bool token = carries_token(pdu.header.type);
  if (!context.is_settled && (token || !context.identity)) context.numbers = trailer.numbers;
  if (!token) return &context;
  if (context.is_settled && from_client(pdu.header.type)) {
    read_other_token(context, pdu, trailer);
  } else if (!context.offered) {
    read_token(context, pdu, trailer);
  }
  return &context;
}

// A token of the first authentication, which takes several messages of both sides.
void SecurityContexts::read_token(SecurityContext& context, const Pdu& pdu,
                                  const SecurityTrailer& trailer) noexcept {
  if (!context.identity) {
    context.identity = identities_.take();
    if (!context.identity) {
      ++statistics_.identities_dropped;
      return;
    }
    identities_[context.identity].clear();
  }
  (void)read_auth_token(trailer.numbers.type, trailer.token, identities_[context.identity]);
  const SecurityIdentity identity = identities_[context.identity].view();
  if (from_client(pdu.header.type)) {
    context.is_settled = names_caller(identity);
    context.awaits_answer = context.is_settled && pdu.header.type != PduType::auth3;
  } else if (identity.mechanism == kAuthKerberos && !identity.service.empty()) {
    context.is_settled = true;  // a ticket was taken: its client is never named
  }
}

// A token of another authentication, on a context whose caller is named.
void SecurityContexts::read_other_token(SecurityContext& context, const Pdu& pdu,
                                        const SecurityTrailer& trailer) noexcept {
  scratch_.clear();
  (void)read_auth_token(trailer.numbers.type, trailer.token, scratch_);
  const SecurityIdentity other = scratch_.view();
  if (!names_caller(other)) return;
  if (is_same_caller(other, identities_[context.identity].view())) return;
  if (pdu.header.type != PduType::auth3 && !context.offered) context.offered = identities_.take();
  if (pdu.header.type == PduType::auth3 || !context.offered) {
    context.is_contradicted = true;
    return;
  }
  identities_[context.offered] = scratch_;
}

void SecurityContexts::settle(SecurityContextList& list, std::uint32_t context_id,
                              AuthAnswer answer) noexcept {
  SecurityContext* context = list.find(context_id);
  if (context == nullptr) return;
  if (context->offered) {
    if (answer == AuthAnswer::accepted) std::swap(context->identity, context->offered);
    if (answer == AuthAnswer::unclear) context->is_contradicted = true;
    drop(context->offered);
    return;
  }
  if (!std::exchange(context->awaits_answer, false)) return;
  if (answer != AuthAnswer::refused) return;
  context->is_settled = false;
  identities_[context->identity].clear();
}

void SecurityContexts::drop(Slot<Identity>& slot) noexcept {
  if (slot) identities_.release(slot);
  slot = {};
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
  if (call.auth_unseen) return;
  call.identity = identity_of(context, pipe);
  if (context == nullptr) return;
  if (context->is_contradicted || context->offered) call.doubts.add(Doubt::identity_conflict);
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
    drop(list.contexts[i].identity);
    drop(list.contexts[i].offered);
  }
  list.count = 0;
}

}  // namespace rpcaudit::dissect
