#include "engine/evaluate/host_knowledge.h"

#include <algorithm>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::evaluate {
namespace {

bool is_pipe(const std::optional<std::string_view>& seen, std::string_view lower_case) noexcept {
  return seen && policy::equal_ignoring_case(*seen, lower_case);
}

bool fits(const policy::ImageRow& row, const ContextFacts& facts) noexcept {
  if (row.port) {
    const bool has_port = !transport_of(facts.protocol).is_pipe;
    if (!has_port || facts.local_port != *row.port) return false;
  }
  if (row.interface && (!facts.if_uuid || *facts.if_uuid != *row.interface)) return false;
  return !row.pipe || is_pipe(facts.pipe, *row.pipe) || is_pipe(facts.pipe_of_server, *row.pipe);
}

}  // namespace

void HostKnowledge::complete(ContextFacts& facts) const noexcept {
  const auto row = std::find_if(facts_.images.begin(), facts_.images.end(),
                                [&facts](const policy::ImageRow& one) { return fits(one, facts); });
  if (row != facts_.images.end()) facts.image_name = row->image;
}

// By name where the wire shows one, else by the client that authenticates.
const policy::CallerToken* HostKnowledge::find_token(
    const dissect::RpcContext& context, const dissect::SecurityIdentity& identity) const {
  if (!identity.user.empty())
    return policy::find_user(facts_.users, identity.user, identity.domain);
  const policy::ClientUser* best = nullptr;
  for (const policy::ClientUser& row : facts_.client_users) {
    if (best != nullptr && row.client.prefix <= best->client.prefix) continue;
    if (row.client.contains(context.client.address)) best = &row;
  }
  return best == nullptr ? nullptr : policy::find_user(facts_.users, best->user, {});
}

const Uuid* HostKnowledge::find_app_id(const Uuid& class_id) const noexcept {
  const auto row =
      std::find_if(facts_.classes.begin(), facts_.classes.end(),
                   [&class_id](const policy::ClassRow& one) { return one.clsid == class_id; });
  return row == facts_.classes.end() ? nullptr : &row->app_id;
}

void HostKnowledge::complete(const dissect::RpcContext& context, const dissect::RpcCall& call,
                             KnownCaller& caller, CallFacts& facts) const {
  if (call.activated_class) facts.app_id = find_app_id(*call.activated_class);
  if (facts_.users.empty() || facts.authenticated != Truth::yes) return;
  const dissect::SecurityIdentity& identity = call.identity;
  if (!caller.looked_up || caller.user != identity.user || caller.domain != identity.domain) {
    caller.user.assign(identity.user);
    caller.domain.assign(identity.domain);
    caller.token = find_token(context, identity);
    caller.looked_up = true;
  }
  facts.token = caller.token;
}

}  // namespace rpcaudit::evaluate
