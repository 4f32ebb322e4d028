#include "engine/audit/tally/server_table.h"

namespace rpcaudit::audit {
namespace {

// What only domain controllers serve to others, or nearly so.
constexpr Uuid kReplication = uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2");
constexpr Uuid kLogon = uuid("12345678-1234-abcd-ef00-01234567cffb");

bool shows_controller(const dissect::RpcContext& context) noexcept {
  if (context.result != dissect::ContextResult::accepted || !context.abstract_syntax) return false;
  const Uuid& interface = context.abstract_syntax->uuid;
  return interface == kReplication || interface == kLogon;
}

}  // namespace

void ServerTally::add(const ServerTally& more) noexcept {
  policy = more.policy;
  calls += more.calls;
  for (std::size_t i = 0; i < actions.size(); ++i) actions[i] += more.actions[i];
  for (std::size_t i = 0; i < blocked_on.size(); ++i) blocked_on[i] += more.blocked_on[i];
  is_controller = is_controller || more.is_controller;
}

void ServerTable::note(const dissect::RpcContext& context, std::uint32_t policy,
                       const evaluate::Verdict& verdict, std::uint64_t count) {
  ServerTally* const server = map_.find_or_add({context.server.address});
  if (server == nullptr) return;
  server->policy = policy;
  server->calls += count;
  server->actions[static_cast<std::size_t>(verdict.action)] += count;
  server->is_controller = server->is_controller || shows_controller(context);
  const evaluate::TargetAction judged = evaluate::target_action(verdict);
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    const evaluate::TargetAction action =
        verdict.depends_on_target ? verdict.targets[static_cast<policy::Target>(i)] : judged;
    if (action == evaluate::TargetAction::would_block) server->blocked_on[i] += count;
  }
}

void ServerTable::note_unjudged(const dissect::RpcContext& context) {
  (void)map_.find_or_add({context.server.address});
}

void ServerTable::add(const ServerTable& more) {
  for (const Map::Entry& entry : more.entries()) {
    if (ServerTally* const own = map_.find_or_add(entry.key)) own->add(entry.value);
  }
  map_.add_overflow(more.overflow());
}

}  // namespace rpcaudit::audit
