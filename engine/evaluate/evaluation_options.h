#pragma once

#include <optional>

#include "engine/policy/layer.h"
#include "engine/policy/target.h"

namespace rpcaudit::evaluate {

// What is asked of a policy: the filters of which layer, and what the system is taken to do.
struct EvaluationOptions {
  policy::Layer layer = policy::Layer::um;
  policy::TargetProfile profile;
  std::optional<policy::Target> target = std::nullopt;  // empty: all of them are asked for
  bool keeps_v4_order = false;  // the order of IPv4 addresses is that of no target

  bool operator==(const EvaluationOptions&) const = default;
};

// Where sources differ on what the filtering engine is given, which of them to follow. The default
// is the reading that verdicts follow; the others only tell whether it matters.
struct Reading {
  bool other_security = false;  // CallFacts::auth_type_other and auth_level_other
  // Endpoints as other sources have them: calls over pipes without addresses and without a name of
  // the pipe but the server's, IPv4 addresses in host order where the target is believed to swap
  // them.
  bool other_endpoints = false;

  bool operator==(const Reading&) const = default;
};

// How filters of RPC Firewall see calls, whatever the target: every opnum, address and range.
[[nodiscard]] constexpr policy::TargetProfile rpc_firewall_profile() noexcept {
  policy::TargetProfile profile;
  profile.set(policy::Difference::pipe_addresses, policy::Behaviour::applies);
  return profile;
}

}  // namespace rpcaudit::evaluate
