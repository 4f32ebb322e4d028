#include "engine/evaluate/controls/ipsec_rules.h"

#include <algorithm>
#include <bit>

namespace rpcaudit::evaluate {
namespace {

std::uint8_t mask_bits(const policy::IpsecAddress& address) noexcept {
  return address.is_me ? 32 : static_cast<std::uint8_t>(std::popcount(address.mask));
}

// Stricter actions have larger ranks.
unsigned strictness(ControlAction action) noexcept {
  switch (action) {
    case ControlAction::would_block: return 3;
    case ControlAction::undecidable: return 2;
    default: return 1;
  }
}

ControlVerdict verdict_of(ControlAction action, std::uint32_t item, bool ambiguous) noexcept {
  ControlVerdict verdict;
  verdict.action = action;
  verdict.item = item;
  verdict.readings_differ = ambiguous;
  if (action == ControlAction::undecidable) {
    verdict.unseen = fact_bit(ControlFact::ipsec_negotiation);
  }
  return verdict;
}

}  // namespace

IpsecWeight weight_of(const policy::IpsecFilter& filter, bool reversed) noexcept {
  const policy::IpsecAddress& source = reversed ? filter.destination : filter.source;
  const policy::IpsecAddress& destination = reversed ? filter.source : filter.destination;
  return {mask_bits(source), mask_bits(destination), filter.protocol != 0, source.port != 0,
          destination.port != 0};
}

ControlAction effect_of(policy::IpsecAction action) noexcept {
  switch (action) {
    case policy::IpsecAction::block: return ControlAction::would_block;
    case policy::IpsecAction::negotiate: return ControlAction::undecidable;
    case policy::IpsecAction::pass:
    case policy::IpsecAction::in_pass: break;
  }
  return ControlAction::would_permit;
}

ControlVerdict both_directions(const ControlVerdict& inbound,
                               const ControlVerdict& outbound) noexcept {
  const bool in = strictness(inbound.action) >= strictness(outbound.action);
  // A direction in which no filter matches has nothing to name.
  if (inbound.action == outbound.action && inbound.item == kNoItem) return outbound;
  return in ? inbound : outbound;
}

struct IpsecRules::Packet {
  std::uint32_t source;
  std::uint32_t destination;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  std::uint8_t protocol;
  bool source_is_me;
  bool destination_is_me;
};

IpsecRules::IpsecRules(const policy::IpsecSettings& settings) {
  for (std::uint32_t p = 0; p < settings.policies.size(); ++p) {
    const policy::IpsecPolicy& policy = settings.policies[p];
    if (!settings.is_active(policy)) continue;
    for (std::uint32_t r = 0; r < policy.rules.size(); ++r) {
      const policy::IpsecRule& rule = policy.rules[r];
      for (std::uint32_t f = 0; f < rule.filters.size(); ++f) {
        add(rule.filters[f], rule.action, {p, r, f}, false);
        if (rule.filters[f].mirrored) add(rule.filters[f], rule.action, {p, r, f}, true);
      }
    }
  }
  // Of equal weight the stricter first, then as written: the first match decides.
  std::stable_sort(filters_.begin(), filters_.end(), [](const Directed& a, const Directed& b) {
    if (a.weight != b.weight) return a.weight > b.weight;
    return strictness(effect_of(a.action)) > strictness(effect_of(b.action));
  });
}

void IpsecRules::add(const policy::IpsecFilter& filter, policy::IpsecAction action,
                     const IpsecFilterPlace& place, bool reversed) {
  const auto side = [](const policy::IpsecAddress& a) {
    return Side{a.value & a.mask, a.mask, a.is_me, a.port};
  };
  const policy::IpsecAddress& source = reversed ? filter.destination : filter.source;
  const policy::IpsecAddress& destination = reversed ? filter.source : filter.destination;
  filters_.push_back({weight_of(filter, reversed), side(source), side(destination), filter.protocol,
                      action, place});
}

ControlVerdict IpsecRules::judge_packet(const Packet& packet) const noexcept {
  const Directed* decided = nullptr;
  bool ambiguous = false;
  for (const Directed& filter : filters_) {
    if (decided != nullptr && filter.weight != decided->weight) break;
    if (filter.protocol != 0 && filter.protocol != packet.protocol) continue;
    if (!filter.source.matches(packet.source, packet.source_port, packet.source_is_me)) continue;
    if (!filter.destination.matches(packet.destination, packet.destination_port,
                                    packet.destination_is_me)) {
      continue;
    }
    if (decided == nullptr) {
      decided = &filter;
    } else if (effect_of(filter.action) != effect_of(decided->action)) {
      ambiguous = true;
      break;
    }
  }
  if (decided == nullptr) return verdict_of(ControlAction::would_permit, kNoItem, false);
  return verdict_of(effect_of(decided->action),
                    static_cast<std::uint32_t>(decided - filters_.data()), ambiguous);
}

ControlVerdict IpsecRules::judge(const IpsecConnection& connection) const noexcept {
  if (!connection.client.address.is_v4() || !connection.server.address.is_v4()) {
    return {.action = ControlAction::not_applicable};
  }
  const std::uint32_t client = connection.client.address.v4_value();
  const std::uint32_t server = connection.server.address.v4_value();
  const bool same_host = client == server;
  const Packet inbound{
      client,    server, connection.client.port, connection.server.port, connection.protocol,
      same_host, true};
  const Packet outbound{
      server, client,   connection.server.port, connection.client.port, connection.protocol,
      true,   same_host};
  return both_directions(judge_packet(inbound), judge_packet(outbound));
}

}  // namespace rpcaudit::evaluate
