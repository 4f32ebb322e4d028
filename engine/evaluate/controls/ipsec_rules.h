#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dissect/endpoint.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/ipsec_policy.h"

namespace rpcaudit::evaluate {

// A connection as IPsec sees it at the server: `client` opened it. Protocol numbers are IANA's.
struct IpsecConnection {
  Endpoint client;
  Endpoint server;
  std::uint8_t protocol = 6;
};

// A filter by its place in the settings.
struct IpsecFilterPlace {
  std::uint32_t policy = 0;
  std::uint32_t rule = 0;
  std::uint32_t filter = 0;

  auto operator<=>(const IpsecFilterPlace&) const = default;
};

// How specific a filter is: the longer source mask wins, then the longer destination mask, then
// whether the protocol is given, then the source port, then the destination port. Larger is more
// specific.
struct IpsecWeight {
  std::uint8_t source_bits = 0;  // of the mask; `me` counts as 32
  std::uint8_t destination_bits = 0;
  bool protocol = false;
  bool source_port = false;
  bool destination_port = false;

  auto operator<=>(const IpsecWeight&) const = default;
};

// `reversed`: of the mirror image of the filter.
[[nodiscard]] IpsecWeight weight_of(const policy::IpsecFilter& filter, bool reversed) noexcept;

// Static IPsec policies made runnable: the filters of the policies that act, most specific first.
//
// A connection goes through when packets of both directions do. Each packet is judged by the most
// specific filter that matches it; nothing matched is passed. Among filters of equal weight with
// different actions the strictest counts, and `readings_differ` says so. Equal in meaning to
// explain_ipsec(), which a generator holds it against.
class IpsecRules {
 public:
  explicit IpsecRules(const policy::IpsecSettings& settings);

  [[nodiscard]] bool empty() const noexcept { return filters_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return filters_.size(); }
  // ControlVerdict::item is below size(), see place(); IPv6 connections are not_applicable.
  [[nodiscard]] ControlVerdict judge(const IpsecConnection& connection) const noexcept;
  // Whether the filter is about this port alone, on one side; not so of kNoItem.
  [[nodiscard]] bool names_port(std::uint32_t item, std::uint16_t port) const noexcept {
    if (item >= filters_.size() || port == 0) return false;
    return filters_[item].source.port == port || filters_[item].destination.port == port;
  }
  [[nodiscard]] IpsecFilterPlace place(std::uint32_t item) const noexcept {
    return filters_[item].place;
  }

 private:
  struct Side {
    std::uint32_t value = 0;
    std::uint32_t mask = 0;
    bool is_me = false;
    std::uint16_t port = 0;

    [[nodiscard]] bool matches(std::uint32_t address, std::uint16_t p, bool me) const noexcept {
      return (is_me ? me : (address & mask) == value) && (port == 0 || port == p);
    }
  };
  struct Directed {
    IpsecWeight weight;
    Side source;
    Side destination;
    std::uint8_t protocol = 0;
    policy::IpsecAction action{};
    IpsecFilterPlace place;
  };
  struct Packet;

  void add(const policy::IpsecFilter& filter, policy::IpsecAction action,
           const IpsecFilterPlace& place, bool reversed);
  [[nodiscard]] ControlVerdict judge_packet(const Packet& packet) const noexcept;

  std::vector<Directed> filters_;  // most specific first
};

// What an action on a packet means for the connection that it belongs to; larger is stricter.
[[nodiscard]] ControlAction effect_of(policy::IpsecAction action) noexcept;

// The verdict of two directions: the stricter, the first on a tie.
[[nodiscard]] ControlVerdict both_directions(const ControlVerdict& inbound,
                                             const ControlVerdict& outbound) noexcept;

// The slow, obvious evaluator: walks the settings as written.
struct IpsecFinding {
  ControlAction action = ControlAction::would_permit;
  bool is_ambiguous = false;  // filters of equal weight have other actions
  std::optional<IpsecFilterPlace> decided_by;
};
[[nodiscard]] IpsecFinding explain_ipsec(const policy::IpsecSettings& settings,
                                         const IpsecConnection& connection);

}  // namespace rpcaudit::evaluate
