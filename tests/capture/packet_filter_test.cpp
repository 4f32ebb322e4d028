#include "capture/packet_filter.h"

#include <gtest/gtest.h>

#include "capture/capture_format.h"
#include "tests/capture/capture_text.h"
#include "tests/support/hex.h"

namespace rpcaudit::capture {
namespace {

using namespace test;

constexpr const char* kEthernetHeader = "010203040506 0a0b0c0d0e0f 0800";
constexpr const char* kTcpTo135 =
    "45000028 00000000 40060000 0a000001 0a000002"
    "c0000087 00000001 00000000 50020000 00000000";
constexpr const char* kTcpTo80 =
    "45000028 00000000 40060000 0a000001 0a000002"
    "c0000050 00000001 00000000 50020000 00000000";

struct FilterCase {
  const char* name;
  std::uint32_t link;
  std::string header;  // before the IP packet
};

void PrintTo(const FilterCase& test, std::ostream* out) { *out << test.name; }

const FilterCase kCases[] = {
    {"ethernet", 1, kEthernetHeader},
    {"null", 0, "02000000"},
    {"linux_cooked", 113, "0000 0001 0006 010203040506 0000 0800"},
    {"linux_cooked_v2", 276, "0800 0000 00000001 0001 00 06 0102030405060000"},
    {"raw", 101, ""},
    {"raw_of_openbsd", 14, ""},
    {"raw_dlt", 12, ""},
    {"ipv4", 228, ""},
    {"ppp", 9, "ff03 0021"},
    {"nflog", 239, "0200 0000 2c00 0900"},
    {"pktap", 258, "0c000000 01000000 65000000"},
    {"switch_tag", 284, "010203040506 0a0b0c0d0e0f 40000000 0800"},
    {"ethernet_in_netanalyzer", 240, std::string("00000000") + kEthernetHeader},
};

Frame make_frame(const ByteVector& bytes, std::uint32_t link, std::uint64_t number) {
  Frame frame;
  frame.bytes = bytes;
  frame.original_length = static_cast<std::uint32_t>(bytes.size());
  frame.link_number = link;
  frame.link = link_type_of(link);
  frame.number = number;
  return frame;
}

class PacketFilterTest : public testing::TestWithParam<FilterCase> {};

TEST_P(PacketFilterTest, ReachesThePacketBehindAnyLinkHeader) {
  const ByteVector wanted = hex(GetParam().header + kTcpTo135);
  const ByteVector unwanted = hex(GetParam().header + kTcpTo80);
  std::vector<Frame> frames{
      make_frame(unwanted, GetParam().link, 1), make_frame(wanted, GetParam().link, 2),
      make_frame(unwanted, GetParam().link, 3), make_frame(wanted, GetParam().link, 4)};
  PacketFilter filter("tcp port 135");
  ASSERT_EQ(filter.error(), "");
  ASSERT_EQ(filter.keep(frames), 2u);
  EXPECT_EQ(frames[0].number, 2u);
  EXPECT_EQ(frames[1].number, 4u);
  EXPECT_EQ(filter.take_refusal(), "");
  // What passes is the frame itself, not what was found in it.
  EXPECT_EQ(frames[0].bytes.size(), wanted.size());
  EXPECT_EQ(frames[0].link_number, GetParam().link);
}

INSTANTIATE_TEST_SUITE_P(Links, PacketFilterTest, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(PacketFilterErrorTest, IsToldForAnExpressionThatDoesNotCompile) {
  EXPECT_NE(PacketFilter("tcp prt 135").error(), "");
  EXPECT_NE(PacketFilter("port 99999").error(), "");
  EXPECT_EQ(PacketFilter("host 10.0.0.1 and (port 135 or port 445)").error(), "");
}

TEST(PacketFilterErrorTest, IsToldOnceForALinkTypeThatItCannotJudge) {
  const ByteVector bytes = hex(kTcpTo135);
  PacketFilter filter("ether host 01:02:03:04:05:06");
  std::vector<Frame> frames{make_frame(bytes, 101, 1), make_frame(bytes, 101, 2)};
  EXPECT_EQ(filter.keep(frames), 0u);
  EXPECT_TRUE(filter.take_refusal().starts_with(
      "frames of link type 101 are left out, as the filter cannot judge them: "));
  EXPECT_EQ(filter.keep(frames), 0u);
  EXPECT_EQ(filter.take_refusal(), "");
}

using PacketFilterFilesTest = CaptureFilesTest;

TEST_F(PacketFilterFilesTest, LeavesNumbersAsTheyAreInTheFile) {
  const std::string a = write("a", make_pcap({{1, 0, "short"}, {2, 0, "longer than that"}}));
  EXPECT_EQ(read({a}, "greater 10"), "0/2@2000000000 1 longer than that\n");
}

TEST_F(PacketFilterFilesTest, ThatNothingPassesGiveNothing) {
  const std::string a = write("a", make_pcap({{1, 0, "short"}, {2, 0, "longer than that"}}));
  EXPECT_EQ(read({a, a}, "greater 100"), "");
}

TEST_F(PacketFilterFilesTest, AreNotReadWithAFilterThatDoesNotCompile) {
  const std::string a = write("a", make_pcap({{1, 0, "x"}}));
  EXPECT_TRUE(read({a}, "tcp prt 135").starts_with("error: "));
}

TEST_F(PacketFilterFilesTest, TellWhichInputHasFramesThatCannotBeJudged) {
  const std::string a = write("a", make_pcap({{1, 0, "x"}}));
  const std::string b = write("b", make_pcap({{2, 0, "y"}}, {.link = 999}));
  const std::string text = read({a, b}, "less 10");
  EXPECT_TRUE(text.starts_with("0/1@1000000000 1 x\nproblem 1 at 0: frames of link type 999 "))
      << text;
}

}  // namespace
}  // namespace rpcaudit::capture
