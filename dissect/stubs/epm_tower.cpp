#include "dissect/stubs/epm_tower.h"

namespace rpcaudit::dissect {
namespace {

// Protocol identifiers, the first byte of a floor's left-hand side (C706 appendix I; 0x0f, 0x1d and
// 0x1f are Microsoft's).
enum FloorKind : std::uint8_t {
  kDnaSession = 0x02,
  kDnaSession3 = 0x03,
  kDnaNsp = 0x04,
  kOsiTp4 = 0x05,
  kTcp = 0x07,
  kUdp = 0x08,
  kIp = 0x09,
  kConnectionless = 0x0a,
  kConnectionOriented = 0x0b,
  kLocal = 0x0c,
  kUuid = 0x0d,
  kIpxOfWindows = 0x0e,
  kSmbPipe = 0x0f,
  kNamedPipe = 0x10,
  kNetBios = 0x11,
  kNetBeui = 0x12,
  kSpx = 0x13,
  kIpx = 0x14,
  kAppleTalkStream = 0x16,
  kAppleTalkDatagram = 0x17,
  kAppleTalk = 0x18,
  kVinesSpp = 0x1a,
  kVinesIpc = 0x1b,
  kStreetTalk = 0x1c,
  kMessageQueue = 0x1d,
  kHttp = 0x1f,
  kUnixSocket = 0x20,
};

// Below the floor of the RPC protocol Windows writes these two with other meanings: the port of an
// SPX server and the host of any NetWare one.
constexpr std::uint8_t kSpxOfWindows = kLocal;
constexpr std::uint8_t kNetWareHost = kUuid;

// What carries RPC when this floor stands below that of the RPC protocol (C706 appendix B for the
// names; MS-RPCE 2.1.1 and 2.1.2).
struct Carrier {
  std::uint8_t rpc;
  std::uint8_t kind;
  TowerProtocol protocol;
};

constexpr Carrier kCarriers[] = {
    {kConnectionOriented, kDnaNsp, TowerProtocol::ncacn_dnet_nsp},
    {kConnectionOriented, kOsiTp4, TowerProtocol::ncacn_osi_dna},
    {kConnectionOriented, kTcp, TowerProtocol::ncacn_ip_tcp},
    {kConnectionOriented, kSpxOfWindows, TowerProtocol::ncacn_spx},
    {kConnectionOriented, kSmbPipe, TowerProtocol::ncacn_np},
    {kConnectionOriented, kNamedPipe, TowerProtocol::ncacn_np},
    {kConnectionOriented, kNetBios, TowerProtocol::ncacn_nb_stream},
    {kConnectionOriented, kNetBeui, TowerProtocol::ncacn_nb_nb},
    {kConnectionOriented, kSpx, TowerProtocol::ncacn_spx},
    {kConnectionOriented, kAppleTalkStream, TowerProtocol::ncacn_at_dsp},
    {kConnectionOriented, kVinesSpp, TowerProtocol::ncacn_vns_spp},
    {kConnectionOriented, kHttp, TowerProtocol::ncacn_http},
    {kConnectionOriented, kUnixSocket, TowerProtocol::ncacn_unix_stream},
    {kConnectionless, kUdp, TowerProtocol::ncadg_ip_udp},
    {kConnectionless, kIpxOfWindows, TowerProtocol::ncadg_ipx},
    {kConnectionless, kNetBios, TowerProtocol::ncadg_nb_dgram},
    {kConnectionless, kIpx, TowerProtocol::ncadg_ipx},
    {kConnectionless, kAppleTalkDatagram, TowerProtocol::ncadg_at_ddp},
    {kConnectionless, kVinesIpc, TowerProtocol::ncadg_vns_ipc},
    {kConnectionless, kMessageQueue, TowerProtocol::ncadg_mq},
    {kConnectionless, kUnixSocket, TowerProtocol::ncadg_unix_dgram},
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

TowerProtocol protocol_of(std::uint8_t rpc, std::uint8_t kind) noexcept {
  if (rpc == kLocal) return TowerProtocol::ncalrpc;
  for (const Carrier& carrier : kCarriers) {
    if (carrier.rpc == rpc && carrier.kind == kind) return carrier.protocol;
  }
  return TowerProtocol::other;
}

// Floors that some write above that of the carrier: a session protocol or where the host is.
bool stands_above_carrier(std::uint8_t kind) noexcept {
  return kind == kDnaSession || kind == kDnaSession3 || kind == kAppleTalk || kind == kStreetTalk;
}

// All three mappings to NetBIOS have one identifier (MS-RPCE 2.1.1.4 to 2.1.1.6); the host's floor
// after it says which it is.
TowerProtocol netbios_mapping(std::uint8_t host) noexcept {
  if (host == kIp) return TowerProtocol::ncacn_nb_tcp;
  const bool is_ipx = host == kNetWareHost || host == kIpx;
  return is_ipx ? TowerProtocol::ncacn_nb_ipx : TowerProtocol::ncacn_nb_nb;
}

void read_address(const Floor& floor, Tower& tower) noexcept {
  ByteCursor data(floor.data, std::endian::big);
  switch (floor.kind) {
    case kTcp:
    case kUdp:
    case kSpxOfWindows:
    case kIpxOfWindows:
    case kSpx:
    case kIpx:
    case kVinesSpp:
    case kVinesIpc:
    case kHttp: {
      if (tower.port) break;
      const std::uint16_t port = data.u16();
      if (data.ok()) tower.port = port;
      break;
    }
    case kNetBeui: {
      const std::uint8_t port = data.u8();
      if (data.ok()) tower.port = port;
      break;
    }
    case kIp: {
      if (tower.protocol == TowerProtocol::ncacn_nb_tcp) break;  // a name
      const std::uint32_t address = data.u32();
      if (data.ok()) tower.address = IpAddress::v4(address);
      break;
    }
    case kSmbPipe:
    case kNamedPipe:
    case kAppleTalkStream:
    case kUnixSocket: tower.endpoint = without_nul(floor.data); break;
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
  std::uint8_t above = 0;  // the kind of the floor before
  for (std::uint16_t i = 0; i < tower.floors; ++i) {
    Floor floor;
    if (!read_floor(cursor, floor)) return ParseStatus::bad_length;
    if (i == 0) tower.interface = syntax_of(floor);
    if (i == 1) tower.transfer_syntax = syntax_of(floor);
    if (i == 2) rpc = floor.kind;
    if (i == 3 ||
        (i == 4 && stands_above_carrier(above) && tower.protocol == TowerProtocol::other)) {
      tower.protocol = protocol_of(rpc, floor.kind);
    }
    if (i == 4 && above == kNetBeui && tower.protocol == TowerProtocol::ncacn_nb_nb) {
      tower.protocol = netbios_mapping(floor.kind);
    }
    if (i >= 3) read_address(floor, tower);
    above = floor.kind;
  }
  return ParseStatus::ok;
}

}  // namespace rpcaudit::dissect
