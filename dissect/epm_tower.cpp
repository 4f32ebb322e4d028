#include "dissect/epm_tower.h"

namespace rpcaudit {
namespace {

// Protocol identifiers, the first byte of a floor's left-hand side.
enum FloorKind : std::uint8_t {
  kTcp = 0x07,
  kUdp = 0x08,
  kIp = 0x09,
  kConnectionless = 0x0a,
  kConnectionOriented = 0x0b,
  kLocal = 0x0c,
  kUuid = 0x0d,
  kIpx = 0x0e,
  kSmbPipe = 0x0f,
  kNamedPipe = 0x10,
  kNetBios = 0x11,
  kNetBeui = 0x12,
  kSpx = 0x13,
  kAppleTalkStream = 0x16,
  kAppleTalkDatagram = 0x17,
  kHttp = 0x1f,
};

// More floors than any protocol stack has; every tower seen has three to six.
constexpr std::uint16_t kFloorsMax = 16;

struct Floor {
  std::uint8_t kind = 0;
  Bytes identifier;  // what follows the kind
  Bytes data;        // the right-hand side
};

bool read_floor(ByteCursor& cursor, Floor& floor) noexcept {
  const Bytes left = cursor.take(cursor.u16());
  floor.data = cursor.take(cursor.u16());
  if (!cursor.ok() || left.empty()) return false;
  floor.kind = std::to_integer<std::uint8_t>(left[0]);
  floor.identifier = left.subspan(1);
  return true;
}

// UUID and major version stand on the left, the minor version on the right.
std::optional<SyntaxId> syntax_of(const Floor& floor) noexcept {
  if (floor.kind != kUuid) return std::nullopt;
  SyntaxId syntax;
  ByteCursor left(floor.identifier, std::endian::little);
  syntax.uuid = read_uuid(left);
  syntax.version_major = left.u16();
  if (!left.ok()) return std::nullopt;
  ByteCursor right(floor.data, std::endian::little);
  syntax.version_minor = right.u16();
  return syntax;
}

Bytes without_nul(Bytes text) noexcept {
  while (!text.empty() && text.back() == std::byte{0}) text = text.first(text.size() - 1);
  return text;
}

// What carries the RPC protocol named before it.
TowerProtocol protocol_of(std::uint8_t rpc, std::uint8_t carrier) noexcept {
  if (rpc == kConnectionless) {
    if (carrier == kUdp) return TowerProtocol::ncadg_ip_udp;
    return carrier == kIpx ? TowerProtocol::ncadg_ipx : TowerProtocol::other;
  }
  if (rpc == kLocal) return TowerProtocol::ncalrpc;
  if (rpc != kConnectionOriented) return TowerProtocol::other;
  switch (carrier) {
    case kTcp: return TowerProtocol::ncacn_ip_tcp;
    case kSmbPipe:
    case kNamedPipe: return TowerProtocol::ncacn_np;
    case kHttp: return TowerProtocol::ncacn_http;
    case kSpx: return TowerProtocol::ncacn_spx;
    case kNetBeui: return TowerProtocol::ncacn_nb_nb;
    case kAppleTalkStream:
    case kAppleTalkDatagram: return TowerProtocol::ncacn_at_dsp;
    default: return TowerProtocol::other;
  }
}

void read_address(const Floor& floor, Tower& tower) noexcept {
  ByteCursor data(floor.data, std::endian::big);
  switch (floor.kind) {
    case kTcp:
    case kUdp:
    case kHttp: {
      const std::uint16_t port = data.u16();
      if (data.ok()) tower.port = port;
      break;
    }
    case kIp: {
      const std::uint32_t address = data.u32();
      if (data.ok()) tower.address = IpAddress::v4(address);
      break;
    }
    case kSmbPipe:
    case kNamedPipe: tower.endpoint = without_nul(floor.data); break;
    case kNetBios: tower.host = without_nul(floor.data); break;
    default: break;
  }
}

}  // namespace

ParseStatus parse_tower(Bytes bytes, Tower& tower) noexcept {
  tower = {};
  ByteCursor cursor(bytes, std::endian::little);
  tower.floors = cursor.u16();
  if (!cursor.ok()) return ParseStatus::truncated;
  if (tower.floors > kFloorsMax) return ParseStatus::bad_length;
  std::uint8_t rpc = 0;
  for (std::uint16_t i = 0; i < tower.floors; ++i) {
    Floor floor;
    if (!read_floor(cursor, floor)) return ParseStatus::bad_length;
    if (i == 0) tower.interface = syntax_of(floor);
    if (i == 1) tower.transfer_syntax = syntax_of(floor);
    if (i == 2) rpc = floor.kind;
    if (i == 3) tower.protocol = protocol_of(rpc, floor.kind);
    if (i >= 3) read_address(floor, tower);
  }
  return ParseStatus::ok;
}

}  // namespace rpcaudit
