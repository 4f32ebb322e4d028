#include "engine/evaluate/controls/ipsec_rules.h"

namespace rpcaudit::evaluate {
namespace {

struct Ends {
  Endpoint from;
  Endpoint to;
  bool from_me;
  bool to_me;
};

bool covers(const policy::IpsecAddress& side, const Endpoint& endpoint, bool is_me) {
  if (side.port != 0 && side.port != endpoint.port) return false;
  if (side.is_me) return is_me;
  return (endpoint.address.v4_value() & side.mask) == (side.value & side.mask);
}

bool covers(const policy::IpsecFilter& filter, bool reversed, const Ends& ends,
            std::uint8_t protocol) {
  if (filter.protocol != 0 && filter.protocol != protocol) return false;
  const policy::IpsecAddress& source = reversed ? filter.destination : filter.source;
  const policy::IpsecAddress& destination = reversed ? filter.source : filter.destination;
  return covers(source, ends.from, ends.from_me) && covers(destination, ends.to, ends.to_me);
}

// Block before what has to be negotiated before pass.
int severity(ControlAction action) {
  if (action == ControlAction::would_block) return 2;
  return action == ControlAction::undecidable ? 1 : 0;
}

// One packet: every filter that matches; the filters of the greatest weight count.
IpsecFinding packet_finding(const policy::IpsecSettings& settings, const Ends& ends,
                            std::uint8_t protocol) {
  IpsecFinding finding;
  IpsecWeight best;
  for (std::uint32_t p = 0; p < settings.policies.size(); ++p) {
    if (!settings.is_active(settings.policies[p])) continue;
    const std::vector<policy::IpsecRule>& rules = settings.policies[p].rules;
    for (std::uint32_t r = 0; r < rules.size(); ++r) {
      for (std::uint32_t f = 0; f < rules[r].filters.size(); ++f) {
        const policy::IpsecFilter& filter = rules[r].filters[f];
        for (const bool reversed : {false, true}) {
          if (reversed && !filter.mirrored) continue;
          if (!covers(filter, reversed, ends, protocol)) continue;
          const IpsecWeight weight = weight_of(filter, reversed);
          const ControlAction action = effect_of(rules[r].action);
          if (!finding.decided_by || weight > best) {
            finding = {action, false, IpsecFilterPlace{p, r, f}};
            best = weight;
          } else if (weight == best && action != finding.action) {
            if (severity(action) > severity(finding.action)) {
              finding = {action, true, IpsecFilterPlace{p, r, f}};
            }
            finding.is_ambiguous = true;
          }
        }
      }
    }
  }
  return finding;
}

}  // namespace

IpsecFinding explain_ipsec(const policy::IpsecSettings& settings,
                           const IpsecConnection& connection) {
  const bool is_v4 = connection.client.address.is_v4() && connection.server.address.is_v4();
  if (!is_v4) return {.action = ControlAction::not_applicable, .decided_by = {}};
  const bool same_host = connection.client.address == connection.server.address;
  const IpsecFinding inbound = packet_finding(
      settings, {connection.client, connection.server, same_host, true}, connection.protocol);
  const IpsecFinding outbound = packet_finding(
      settings, {connection.server, connection.client, true, same_host}, connection.protocol);
  if (severity(outbound.action) > severity(inbound.action)) return outbound;
  if (outbound.action == inbound.action && !inbound.decided_by) return outbound;
  return inbound;
}

}  // namespace rpcaudit::evaluate
