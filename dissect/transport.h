#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rpcaudit::dissect {

// Protocol sequences that a tower may stand for (C706 appendix I, MS-RPCE 2.1).
enum class TowerProtocol : std::uint8_t {
  other,
  ncacn_ip_tcp,
  ncacn_np,
  ncadg_ip_udp,
  ncacn_http,
  ncalrpc,
  ncacn_spx,
  ncadg_ipx,
  ncacn_nb_nb,
  ncacn_at_dsp,
  ncacn_nb_tcp,
  ncacn_nb_ipx,
  ncacn_nb_stream,
  ncadg_nb_dgram,
  ncacn_dnet_nsp,
  ncacn_osi_dna,
  ncadg_at_ddp,
  ncacn_vns_spp,
  ncadg_vns_ipc,
  ncadg_mq,
  ncacn_unix_stream,
  ncadg_unix_dgram,
};

inline constexpr std::size_t kTowerProtocolCount = 22;

constexpr std::string_view to_string(TowerProtocol protocol) noexcept {
  constexpr std::array<std::string_view, kTowerProtocolCount> kNames{
      "other",           "ncacn_ip_tcp",   "ncacn_np",
      "ncadg_ip_udp",    "ncacn_http",     "ncalrpc",
      "ncacn_spx",       "ncadg_ipx",      "ncacn_nb_nb",
      "ncacn_at_dsp",    "ncacn_nb_tcp",   "ncacn_nb_ipx",
      "ncacn_nb_stream", "ncadg_nb_dgram", "ncacn_dnet_nsp",
      "ncacn_osi_dna",   "ncadg_at_ddp",   "ncacn_vns_spp",
      "ncadg_vns_ipc",   "ncadg_mq",       "ncacn_unix_stream",
      "ncadg_unix_dgram"};
  return kNames[static_cast<std::size_t>(protocol)];
}

// `other` for what is none of the names, in lower case.
constexpr TowerProtocol parse_tower_protocol(std::string_view name) noexcept {
  for (std::uint8_t i = 0; i < kTowerProtocolCount; ++i) {
    if (to_string(static_cast<TowerProtocol>(i)) == name) return static_cast<TowerProtocol>(i);
  }
  return TowerProtocol::other;
}

// The protocol sequences that are dissected.
enum class ProtocolSequence : std::uint8_t { ncacn_ip_tcp, ncacn_np, ncadg_ip_udp, ncacn_http };

inline constexpr std::size_t kProtocolSequenceCount = 4;

// What distinguishes the transport that a protocol sequence stands for.
struct RpcTransport {
  ProtocolSequence sequence{};
  TowerProtocol tower{};
  std::string_view name;
  std::string_view carrier;  // the protocol whose ports its endpoints are
  bool is_datagram = false;  // connectionless PDUs: no bind, no association (C706 12.5)
  bool is_pipe = false;      // named pipes: a name in place of a port, and the SMB session's caller
};

// All transports, in the order of ProtocolSequence.
inline constexpr std::array<RpcTransport, kProtocolSequenceCount> kRpcTransports{{
    {ProtocolSequence::ncacn_ip_tcp, TowerProtocol::ncacn_ip_tcp, "ncacn_ip_tcp", "TCP"},
    {ProtocolSequence::ncacn_np, TowerProtocol::ncacn_np, "ncacn_np", "TCP", false, true},
    {ProtocolSequence::ncadg_ip_udp, TowerProtocol::ncadg_ip_udp, "ncadg_ip_udp", "UDP", true},
    {ProtocolSequence::ncacn_http, TowerProtocol::ncacn_http, "ncacn_http", "TCP"},
}};

[[nodiscard]] constexpr const RpcTransport& transport_of(ProtocolSequence sequence) noexcept {
  return kRpcTransports[static_cast<std::size_t>(sequence)];
}

constexpr std::string_view to_string(ProtocolSequence sequence) noexcept {
  return transport_of(sequence).name;
}

constexpr TowerProtocol tower_protocol(ProtocolSequence sequence) noexcept {
  return transport_of(sequence).tower;
}

static_assert([] {
  for (std::size_t i = 0; i < kProtocolSequenceCount; ++i) {
    if (static_cast<std::size_t>(kRpcTransports[i].sequence) != i) return false;
  }
  return true;
}());

}  // namespace rpcaudit::dissect
