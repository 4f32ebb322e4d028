#include "engine/policy/filter_weight.h"

#include <algorithm>
#include <array>

namespace rpcaudit::policy {
namespace {

using enum Field;

// The enumerations FWPS_FIELDS_RPC_* of the platform's headers.
constexpr std::array kUm{
    remote_user_token, if_uuid,    if_version, if_flag,         dcom_app_id,    image_name,
    protocol,          auth_type,  auth_level, sec_encrypt_alg, sec_key_size,   local_addr_v4,
    local_addr_v6,     local_port, pipe,       remote_addr_v4,  remote_addr_v6, opnum};
constexpr std::array kEpmap{remote_user_token, if_uuid,       if_version,      protocol,
                            auth_type,         auth_level,    sec_encrypt_alg, sec_key_size,
                            local_addr_v4,     local_addr_v6, local_port,      pipe,
                            remote_addr_v4,    remote_addr_v6};
constexpr std::array kEpAdd{process_with_if_uuid, protocol, ep_value, ep_flags};
constexpr std::array kProxyConn{
    client_token,           server_name,    server_port, proxy_auth_type,
    client_cert_key_length, client_cert_oid};
constexpr std::array kProxyIf{
    client_token,           if_uuid,        if_version, server_name, server_port, proxy_auth_type,
    client_cert_key_length, client_cert_oid};

// The bits of each field of kUm. Observed: the token's, if_uuid's, protocol's, those of auth_type
// and auth_level together, pipe's, remote_addr_v4's and opnum's.
constexpr std::array<std::uint64_t, kUm.size()> kUmBits{
    0x0800'0000'0000'0000, 0x07e0'0000'0000'0000, 0x0018'0000'0000'0000, 0x0006'0000'0000'0000,
    0x0001'8000'0000'0000, 0x0000'0180'0000'0000, 0x0000'0060'0000'0000, 0x0000'001c'0000'0000,
    0x0000'0003'0000'0000, 0x0000'0000'c000'0000, 0x0000'0000'3000'0000, 0x0000'0000'0c00'0000,
    0x0000'0000'03f0'0000, 0x0000'0000'000c'0000, 0x0000'0000'0000'2000, 0x0000'0000'0000'1000,
    0x0000'0000'0000'0fc0, 0x0000'0000'0000'0007};

using WeightBits = std::array<std::uint64_t, kFieldCount>;

constexpr WeightBits bits_of_um() {
  WeightBits bits{};
  for (std::size_t i = 0; i < kUm.size(); ++i) bits[static_cast<std::size_t>(kUm[i])] = kUmBits[i];
  return bits;
}

// By field; 0 for a field that the layer does not have.
constexpr WeightBits bits_of(std::span<const Field> fields) {
  constexpr unsigned kHighest = 59;  // automatic weights take sixty bits
  WeightBits bits{};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    bits[static_cast<std::size_t>(fields[i])] = std::uint64_t{1} << (kHighest - i);
  }
  return bits;
}

constexpr std::array<WeightBits, kLayerCount> kBits{bits_of_um(), bits_of(kEpmap), bits_of(kEpAdd),
                                                    bits_of(kProxyConn), bits_of(kProxyIf)};

constexpr bool each_outweighs_the_rest() {
  std::uint64_t lighter = 0;
  for (std::size_t i = kUmBits.size(); i > 0; --i) {
    if (kUmBits[i - 1] <= lighter || (kUmBits[i - 1] & lighter) != 0) return false;
    lighter |= kUmBits[i - 1];
  }
  return true;
}
static_assert(each_outweighs_the_rest());

}  // namespace

std::span<const Field> fields_by_weight(Layer layer) noexcept {
  switch (layer) {
    case Layer::um: break;
    case Layer::epmap: return kEpmap;
    case Layer::ep_add: return kEpAdd;
    case Layer::proxy_conn: return kProxyConn;
    case Layer::proxy_if: return kProxyIf;
  }
  return kUm;
}

std::uint64_t filter_weight(const Filter& filter) noexcept {
  if (filter.weight) return *filter.weight;
  const WeightBits& bits = kBits[static_cast<std::size_t>(filter.layer)];
  std::uint64_t weight = 0;
  for (const Condition& condition : filter.conditions) {
    weight |= bits[static_cast<std::size_t>(condition.field)];
  }
  return weight;
}

std::vector<std::uint32_t> evaluation_order(const Policy& policy, Layer layer) {
  struct Place {
    std::uint64_t weight;
    std::uint32_t filter;
  };
  std::vector<Place> places;
  for (std::uint32_t i = 0; i < policy.filters.size(); ++i) {
    const Filter& filter = policy.filters[i];
    if (filter.layer == layer) places.push_back({filter_weight(filter), i});
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.filter > b.filter;
  });
  std::vector<std::uint32_t> order;
  order.reserve(places.size());
  for (const Place& place : places) order.push_back(place.filter);
  return order;
}

}  // namespace rpcaudit::policy
