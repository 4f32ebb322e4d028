// What a tower says of how to reach its interface, protocol by protocol.

#include "dissect/stubs/epm_tower.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/epm_bytes.h"
#include "tests/support/hex.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

TowerFloor byte_floor(unsigned kind, unsigned value) {
  return plain_floor(kind, ByteWriter().u8(value).take());
}

std::string text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct TowerCase {
  const char* name;
  std::vector<TowerFloor> upper;  // above interface and transfer syntax
  TowerProtocol protocol;
  std::optional<std::uint16_t> port;
  const char* endpoint;

  [[nodiscard]] ByteVector bytes() const {
    std::vector<TowerFloor> floors{uuid_floor(kSamr), uuid_floor(kNdr)};
    floors.insert(floors.end(), upper.begin(), upper.end());
    return make_tower(floors);
  }
};

void PrintTo(const TowerCase& test, std::ostream* out) { *out << test.name; }

class TowerTest : public testing::TestWithParam<TowerCase> {
 protected:
  static void expect_case(const Tower& tower) {
    EXPECT_EQ(tower.interface, kSamr);
    EXPECT_EQ(tower.transfer_syntax, kNdr);
    EXPECT_EQ(to_string(tower.protocol), to_string(GetParam().protocol));
    EXPECT_EQ(tower.port, GetParam().port);
    EXPECT_EQ(text(tower.endpoint), GetParam().endpoint);
  }
};

// C706 appendix B, I and L; [MS-RPCE] 2.1.1 and 2.1.2.
TEST_P(TowerTest, SaysHowToReachItsInterface) {
  const ByteVector bytes = GetParam().bytes();
  Tower tower;
  ASSERT_EQ(parse_tower(bytes, tower), ParseStatus::ok);
  expect_case(tower);
}

// C706 appendix L: its integers do not follow the byte order of the call.
TEST_P(TowerTest, IsTheSameInQuestionsAndAnswersOfEitherByteOrder) {
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    const StubForm form{false, order};
    EpmQuestion question;
    const ByteVector asked = map_request(form, GetParam().bytes());
    ASSERT_EQ(parse_epm_question(EpmOperation::map, form, asked, question), ParseStatus::ok);
    expect_case(*question.tower);
    const ByteVector told = map_response(form, {GetParam().bytes()});
    EpmEntryReader reader(EpmOperation::map, form, told);
    EpmEntry entry;
    ASSERT_TRUE(reader.next(entry));
    expect_case(entry.tower);
  }
}

TEST_P(TowerTest, CutShortItIsNoTower) {
  const ByteVector bytes = GetParam().bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Tower tower;
    EXPECT_NE(parse_tower(Bytes(bytes).first(size), tower), ParseStatus::ok) << size;
  }
}

const std::vector<TowerCase> kTowerCases{
    {"tcp",
     {plain_floor(0x0b), port_floor(0x07, 49664), address_floor(0x0a4d0001)},
     TowerProtocol::ncacn_ip_tcp,
     49664,
     ""},
    {"pipe",
     {plain_floor(0x0b), text_floor(0x0f, "\\pipe\\lsass"), text_floor(0x11, "\\\\DC1")},
     TowerProtocol::ncacn_np,
     std::nullopt,
     "\\pipe\\lsass"},
    {"pipe_of_c706",
     {plain_floor(0x0b), text_floor(0x10, "\\pipe\\lsass"), text_floor(0x11, "\\\\DC1")},
     TowerProtocol::ncacn_np,
     std::nullopt,
     "\\pipe\\lsass"},
    {"udp",
     {plain_floor(0x0a), port_floor(0x08, 135), address_floor(0)},
     TowerProtocol::ncadg_ip_udp,
     135,
     ""},
    {"http",
     {plain_floor(0x0b), port_floor(0x1f, 593), address_floor(0)},
     TowerProtocol::ncacn_http,
     593,
     ""},
    {"local",
     {plain_floor(0x0c), text_floor(0x10, "LRPC-1234")},
     TowerProtocol::ncalrpc,
     std::nullopt,
     "LRPC-1234"},
    {"spx",
     {plain_floor(0x0b), port_floor(0x13, 34280), plain_floor(0x14)},
     TowerProtocol::ncacn_spx,
     34280,
     ""},
    {"spx_of_windows",
     {plain_floor(0x0b), port_floor(0x0c, 34280), plain_floor(0x0d, ByteVector(10))},
     TowerProtocol::ncacn_spx,
     34280,
     ""},
    {"ipx", {plain_floor(0x0a), port_floor(0x14, 34280)}, TowerProtocol::ncadg_ipx, 34280, ""},
    {"ipx_of_windows",
     {plain_floor(0x0a), port_floor(0x0e, 34280), plain_floor(0x0d, ByteVector(10))},
     TowerProtocol::ncadg_ipx,
     34280,
     ""},
    {"netbios_over_netbeui",
     {plain_floor(0x0b), byte_floor(0x12, 135), text_floor(0x13, "SERVER")},
     TowerProtocol::ncacn_nb_nb,
     135,
     ""},
    {"netbios_over_tcp",
     {plain_floor(0x0b), byte_floor(0x12, 135), text_floor(0x09, "SERVER")},
     TowerProtocol::ncacn_nb_tcp,
     135,
     ""},
    {"netbios_over_ipx",
     {plain_floor(0x0b), byte_floor(0x12, 135), text_floor(0x0d, "SERVER")},
     TowerProtocol::ncacn_nb_ipx,
     135,
     ""},
    {"netbios_without_host",
     {plain_floor(0x0b), byte_floor(0x12, 33)},
     TowerProtocol::ncacn_nb_nb,
     33,
     ""},
    {"netbios_sessions",
     {plain_floor(0x0b), plain_floor(0x11)},
     TowerProtocol::ncacn_nb_stream,
     std::nullopt,
     ""},
    {"netbios_datagrams",
     {plain_floor(0x0a), plain_floor(0x11)},
     TowerProtocol::ncadg_nb_dgram,
     std::nullopt,
     ""},
    {"decnet_phase_four",
     {plain_floor(0x0b), plain_floor(0x02), plain_floor(0x04), plain_floor(0x06)},
     TowerProtocol::ncacn_dnet_nsp,
     std::nullopt,
     ""},
    {"decnet_phase_five",
     {plain_floor(0x0b), plain_floor(0x03), plain_floor(0x05), plain_floor(0x06)},
     TowerProtocol::ncacn_osi_dna,
     std::nullopt,
     ""},
    {"appletalk_stream",
     {plain_floor(0x0b), text_floor(0x16, "my service"), plain_floor(0x18)},
     TowerProtocol::ncacn_at_dsp,
     std::nullopt,
     "my service"},
    {"appletalk_stream_from_below",
     {plain_floor(0x0b), plain_floor(0x18), text_floor(0x16, "my service")},
     TowerProtocol::ncacn_at_dsp,
     std::nullopt,
     "my service"},
    {"appletalk_datagram",
     {plain_floor(0x0a), plain_floor(0x17)},
     TowerProtocol::ncadg_at_ddp,
     std::nullopt,
     ""},
    {"vines_stream",
     {plain_floor(0x0b), port_floor(0x1a, 385), plain_floor(0x1c)},
     TowerProtocol::ncacn_vns_spp,
     385,
     ""},
    {"vines_datagram",
     {plain_floor(0x0a), plain_floor(0x1c), port_floor(0x1b, 250)},
     TowerProtocol::ncadg_vns_ipc,
     250,
     ""},
    {"message_queue",
     {plain_floor(0x0a), plain_floor(0x1d)},
     TowerProtocol::ncadg_mq,
     std::nullopt,
     ""},
    {"unix_stream",
     {plain_floor(0x0b), text_floor(0x20, "/run/rpc")},
     TowerProtocol::ncacn_unix_stream,
     std::nullopt,
     "/run/rpc"},
    {"unix_datagram",
     {plain_floor(0x0a), text_floor(0x20, "/run/rpc")},
     TowerProtocol::ncadg_unix_dgram,
     std::nullopt,
     "/run/rpc"},
    {"tcp_without_connections",
     {plain_floor(0x0a), port_floor(0x07, 1)},
     TowerProtocol::other,
     1,
     ""},
    {"unknown_carrier",
     {plain_floor(0x0b), plain_floor(0x77), port_floor(0x07, 1)},
     TowerProtocol::other,
     1,
     ""},
    {"unknown_rpc_protocol", {plain_floor(0x21), port_floor(0x07, 1)}, TowerProtocol::other, 1, ""},
};

INSTANTIATE_TEST_SUITE_P(Floors, TowerTest, testing::ValuesIn(kTowerCases),
                         [](const auto& test) { return std::string(test.param.name); });

// [MS-RPCE] 2.1.1.1; C706 appendix L: counts and versions little-endian, ports and addresses
// big-endian.
TEST(Tower, HasByteOrdersOfItsOwn) {
  const ByteVector bytes =
      hex("0500 1300 0d 785734123412cdabef000123456789ac 0100 0200 0000"
          "1300 0d 045d888aeb1cc9119fe808002b104860 0200 0200 0000"
          "0100 0b 0200 0000 0100 07 0200 c002 0100 09 0400 0a4d0001");
  Tower tower;
  ASSERT_EQ(parse_tower(bytes, tower), ParseStatus::ok);
  EXPECT_EQ(tower.floors, 5);
  EXPECT_EQ(tower.interface->version_major, 1);
  EXPECT_EQ(tower.port, 49154);
  EXPECT_EQ(tower.address, IpAddress::v4(0x0a4d0001));
}

TEST(Tower, HasNoMoreFloorsThanAnyStackHas) {
  Tower tower;
  EXPECT_EQ(parse_tower(hex("ffff"), tower), ParseStatus::bad_length);
}

}  // namespace
}  // namespace rpcaudit::dissect
