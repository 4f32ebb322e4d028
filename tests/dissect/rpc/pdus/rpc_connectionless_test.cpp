#include "dissect/rpc/pdus/rpc_connectionless.h"

#include <gtest/gtest.h>

#include "tests/support/datagram_frames.h"
#include "tests/support/hex.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

// version type flags1 flags2 | representation serial_high | object | interface | activity |
// server boot | interface version | sequence | opnum hints | length fragment auth serial_low
constexpr const char* kLittleEndian =
    "04002c02 10000012 00010203040506070809 0a0b0c0d0e0f b4e9b25a483dd2119ea480c5140aaa77"
    "72f664a25ce511118573a6f0ec7a8c25 01000000 02000100 05000000 0300 ffff ffff 0400 0700 0a 34"
    "aabbccdd";
constexpr const char* kBigEndian =
    "04002c02 00000012 03020100050407060809 0a0b0c0d0e0f 5ab2e9b43d4811d29ea480c5140aaa77"
    "a264f672e55c11118573a6f0ec7a8c25 00000001 00010002 00000005 0003 ffff ffff 0004 0007 0a 34"
    "aabbccdd";

class DatagramHeaderTest : public testing::TestWithParam<const char*> {};

// C706 12.5.2; [C706] 14.1 for the byte order.
TEST_P(DatagramHeaderTest, IsReadInItsOwnByteOrder) {
  DatagramHeader header;
  ASSERT_EQ(parse_datagram_header(hex(GetParam()), header), ParseStatus::ok);
  EXPECT_EQ(header.type, DatagramType::request);
  EXPECT_EQ(header.flags1, 0x2c);
  EXPECT_EQ(header.flags2, 0x02);
  EXPECT_EQ(to_string(header.object), "03020100-0504-0706-0809-0a0b0c0d0e0f");
  EXPECT_EQ(header.interface, kEcho.uuid);
  EXPECT_EQ(header.activity, kActivity);
  EXPECT_EQ(header.server_boot, 1u);
  EXPECT_EQ(header.version_major, 2);
  EXPECT_EQ(header.version_minor, 1);
  EXPECT_EQ(header.sequence, 5u);
  EXPECT_EQ(header.opnum, 3);
  EXPECT_EQ(header.body_length, 4);
  EXPECT_EQ(header.fragment, 7);
  EXPECT_EQ(header.auth_protocol, 10);
  EXPECT_EQ(header.serial, 0x1234);
}

TEST_P(DatagramHeaderTest, IsTruncatedWhereverItIsCut) {
  const ByteVector wire = hex(GetParam());
  for (std::size_t size = 0; size < kDatagramHeaderSize; ++size) {
    DatagramHeader header;
    EXPECT_EQ(parse_datagram_header(Bytes(wire).first(size), header), ParseStatus::truncated);
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, DatagramHeaderTest, testing::Values(kLittleEndian, kBigEndian),
                         [](const auto& test) {
                           return std::string(test.index == 0 ? "little" : "big");
                         });

struct RecognitionCase {
  const char* name;
  std::size_t at;  // the byte that is changed
  unsigned value;
  bool expected;
};

void PrintTo(const RecognitionCase& test, std::ostream* out) { *out << test.name; }

constexpr RecognitionCase kRecognitionCases[] = {
    {"as_it_is", 1, 0x00, true},
    {"cancel_ack", 1, 0x0a, true},
    {"no_such_type", 1, 0x0b, false},
    {"version_five", 0, 0x05, false},
    {"reserved_flag_01", 2, 0x01, false},
    {"reserved_flag_80", 2, 0x80, false},
    {"unrelated", 3, 0x04, true},
    {"reserved_second_flag", 3, 0x01, false},
    {"big_endian_length_disagrees", 4, 0x00, false},
    {"ebcdic", 4, 0x11, true},
    {"no_such_character_set", 4, 0x12, true},
    {"ibm_floats", 5, 0x03, true},
    {"no_such_floats", 5, 0x04, true},
    {"third_representation_byte", 6, 0x01, true},
    {"body_longer_than_datagram", 74, 0x0d, false},
    {"body_much_shorter_than_datagram", 74, 0x04, false},
    {"padding_behind_the_body", 74, 0x05, true},
};

class RecognitionTest : public testing::TestWithParam<RecognitionCase> {};

// C706 12.5.2.1 types, 12.5.2.3 and 12.5.2.4 flags, 14.1 representations.
TEST_P(RecognitionTest, TakesOnlyWhatTheHeaderAllows) {
  ByteVector wire = make_datagram({}, ByteVector(12));
  wire[GetParam().at] = std::byte(GetParam().value);
  EXPECT_EQ(is_connectionless(wire, wire.size()), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Bytes, RecognitionTest, testing::ValuesIn(kRecognitionCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Recognition, LeavesNilInterfacesAndActivitiesToOthers) {
  const ByteVector no_interface = make_datagram({.interface = {}});
  const ByteVector no_activity = make_datagram({.activity = {}});
  EXPECT_FALSE(is_connectionless(no_interface, no_interface.size()));
  EXPECT_FALSE(is_connectionless(no_activity, no_activity.size()));
}

// The SQL Server resolution worm begins with a 4 as well: its body length makes no sense.
TEST(Recognition, LeavesSlammerToOthers) {
  ByteVector wire(376, std::byte{0x01});
  wire[0] = std::byte{4};
  EXPECT_FALSE(is_connectionless(wire, wire.size()));
}

TEST(Recognition, HoldsForADatagramWhoseBodyWasNotCaptured) {
  const ByteVector wire = make_datagram({}, ByteVector(100));
  EXPECT_TRUE(is_connectionless(Bytes(wire).first(kDatagramHeaderSize), wire.size()));
}

TEST(ProtectionLevel, StandsBehindTheBody) {  // [MS-RPCE] 2.2.3.4
  const ByteVector wire =
      make_datagram({.auth_protocol = 10}, ByteVector(8), ByteVector(20, std::byte{5}));
  DatagramHeader header;
  ASSERT_EQ(parse_datagram_header(wire, header), ParseStatus::ok);
  std::uint8_t level = 0;
  EXPECT_EQ(parse_protection_level(header, wire, level), ParseStatus::ok);
  EXPECT_EQ(level, 5);
  EXPECT_EQ(parse_protection_level(header, Bytes(wire).first(88), level), ParseStatus::truncated);
}

}  // namespace
}  // namespace rpcaudit::dissect
