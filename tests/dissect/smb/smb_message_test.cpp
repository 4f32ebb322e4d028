// The parsers of SMB messages by themselves.

#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tests/support/smb_bytes.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

struct FramingCase {
  const char* name;
  const char* wire;
  ParseStatus status;
  std::uint32_t length;
};

void PrintTo(const FramingCase& test, std::ostream* out) { *out << test.name; }

// [MS-SMB2] 2.1, RFC 1002 4.3.1.
constexpr FramingCase kFramingCases[] = {
    {"message", "00 000054", ParseStatus::ok, 0x54},
    {"large_message", "00 100070", ParseStatus::ok, 0x100070},
    {"session_request", "81 000044", ParseStatus::ok, 0x44},
    {"positive_response", "82 000000", ParseStatus::ok, 0},
    {"keep_alive", "85 000000", ParseStatus::ok, 0},
    {"no_such_type", "86 000000", ParseStatus::bad_type, 0},
    {"too_short", "00 0000", ParseStatus::truncated, 0},
};

class NbssTest : public testing::TestWithParam<FramingCase> {};

TEST_P(NbssTest, ReportsStatusAndLength) {
  NbssHeader header;
  EXPECT_EQ(parse_nbss_header(hex(GetParam().wire), header), GetParam().status);
  EXPECT_EQ(header.length, GetParam().length);
}

INSTANTIATE_TEST_SUITE_P(Wire, NbssTest, testing::ValuesIn(kFramingCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(NbssSearch, FindsAMessageAnywhere) {
  const ByteVector message = hex("00000054 fe534d42");
  for (std::size_t before = 0; before < 20; ++before) {
    const ByteVector bytes = join({ByteVector(before, std::byte{'S'}), message});
    EXPECT_EQ(find_smb_message(bytes), before);
  }
}

TEST(NbssSearch, TakesNothingElseForAMessage) {
  for (const char* wire : {"", "fe534d42", "00000054 fb534d42", "00000010 fe534d42",
                           "81000044 fe534d42", "00000054 fe534d"}) {
    const ByteVector bytes = hex(wire);
    EXPECT_EQ(find_smb_message(bytes), bytes.size()) << wire;
  }
}

// [MS-SMB2] 2.2.1.2.
TEST(Smb2Message, ReadsTheHeader) {
  const ByteVector wire =
      hex("fe534d42 4000 0100 05000080 0b00 0100 09000000 98000000 0807060504030201 fffe0000 "
          "05000000 1122334455667788 00000000000000000000000000000000");
  Smb2Header header;
  ASSERT_EQ(parse_smb2_header(wire, header), ParseStatus::ok);
  EXPECT_EQ(header.command, Smb2Command::ioctl);
  EXPECT_EQ(header.status, kStatusBufferOverflow);
  EXPECT_TRUE(header.is_response());
  EXPECT_TRUE(header.is_signed());
  EXPECT_FALSE(header.is_async());
  EXPECT_FALSE(header.is_related());
  EXPECT_EQ(header.next, 0x98u);
  EXPECT_EQ(header.message_id, 0x0102'0304'0506'0708u);
  EXPECT_EQ(header.tree_id, 5u);
  EXPECT_EQ(header.session_id, 0x8877'6655'4433'2211u);
  for (std::size_t size = 0; size < kSmb2HeaderSize; ++size) {
    EXPECT_EQ(parse_smb2_header(Bytes(wire).first(size), header), ParseStatus::truncated) << size;
  }
}

struct NeedCase {
  const char* name;
  Smb2Shape shape;
  ByteVector body;
  std::size_t needed;
};

// What is asked for grows with what is there, ends with the fixed part or the buffer to be read,
// and never depends on how the bytes came.
TEST(Smb2Message, AsksForHeadsAndNotForData) {
  const ByteVector data(5000, std::byte{5});
  const NeedCase kCases[] = {
      {"write", {.command = Smb2Command::write}, smb2_write_request(1, data), 112},
      {"read", {.command = Smb2Command::read, .response = true}, smb2_read_response(data), 80},
      {"ioctl", {.command = Smb2Command::ioctl}, smb2_ioctl_request(1, data), 120},
      {"create", {.command = Smb2Command::create}, smb2_create_request("samr"), 128},
      {"setup", {.command = Smb2Command::session_setup}, smb2_setup_request(ByteVector(30)), 118},
      {"error", {.command = Smb2Command::ioctl, .response = true}, smb2_error(), 68},
  };
  for (const NeedCase& test : kCases) {
    const ByteVector message = make_smb2(test.shape, test.body);
    Smb2Header header;
    ASSERT_EQ(parse_smb2_header(message, header), ParseStatus::ok);
    EXPECT_EQ(smb2_bytes_needed(message, header), test.needed) << test.name;
    std::size_t size = kSmb2HeaderSize;
    while (smb2_bytes_needed(Bytes(message).first(size), header) > size) ++size;
    EXPECT_EQ(size, test.needed) << test.name;
  }
}

TEST(Smb2Message, RefusesBodiesOfAnotherSize) {
  const ByteVector message = make_smb2({.command = Smb2Command::write}, smb2_close_request(1));
  Smb2Data data;
  EXPECT_EQ(parse_smb2_write_request(message, data), ParseStatus::bad_length);
  EXPECT_EQ(parse_smb2_ioctl(message, false, data), ParseStatus::bad_length);
}

// [MS-SMB2] 2.2.21: with a channel the data goes by RDMA, and nothing of it is here.
TEST(Smb2Message, SeesNoDataOfAWriteOverAnotherChannel) {
  ByteVector body = smb2_write_request(1, ByteVector(10));
  body[32] = std::byte{1};
  Smb2Data data;
  ASSERT_EQ(parse_smb2_write_request(make_smb2({.command = Smb2Command::write}, body), data),
            ParseStatus::ok);
  EXPECT_EQ(data.extent.length, 0u);
}

TEST(Smb2Message, GivesANameAsFarAsItIsThere) {
  const ByteVector message = make_smb2({.command = Smb2Command::create}, smb2_create_request("ab"));
  Smb2CreateRequest request;
  ASSERT_EQ(parse_smb2_create_request(Bytes(message).first(122), request), ParseStatus::ok);
  EXPECT_EQ(request.name.size(), 2u);
}

// [MS-CIFS] 2.2.3.1.
TEST(Smb1Message, ReadsTheHeader) {
  const ByteVector wire =
      hex("ff534d42 a2 0100ea00 88 05c0 f00f 0000000000000000 0000 0100 c45c 6400 92f6");
  Smb1Header header;
  ASSERT_EQ(parse_smb1_header(wire, header), ParseStatus::ok);
  EXPECT_EQ(header.command, Smb1Command::nt_create_andx);
  EXPECT_TRUE(header.is_response);
  EXPECT_TRUE(header.is_unicode);
  EXPECT_TRUE(header.is_signed);
  EXPECT_TRUE(header.has_data());  // ERRDOS, ERRmoredata
  EXPECT_EQ(header.tree_id, 1);
  EXPECT_EQ(header.process_id, 0x5cc4);
  EXPECT_EQ(header.user_id, 100);
  EXPECT_EQ(header.multiplex_id, 0xf692);
  for (std::size_t size = 0; size < kSmb1HeaderSize; ++size) {
    EXPECT_EQ(parse_smb1_header(Bytes(wire).first(size), header), ParseStatus::truncated) << size;
  }
}

TEST(Smb1Message, HasNoDataAfterAnError) {
  Smb1Header header;
  header.status = 0xc000'0022;  // STATUS_ACCESS_DENIED
  EXPECT_FALSE(header.has_data());
  header.status = 0x0005'0001;  // ERRDOS, ERRnoaccess
  EXPECT_FALSE(header.has_data());
}

TEST(Smb1Message, ReadsBlocksWhoseBytesAreNotThere) {
  const ByteVector whole = smb1_block(ByteVector(4), ByteVector(10));
  Smb1Block block;
  EXPECT_EQ(parse_smb1_block(Bytes(whole).first(6), block), ParseStatus::truncated);
  ASSERT_EQ(parse_smb1_block(Bytes(whole).first(9), block), ParseStatus::ok);
  EXPECT_EQ(block.words.size(), 4u);
  EXPECT_EQ(block.byte_count, 10u);
  EXPECT_EQ(block.bytes.size(), 2u);
}

// [MS-CIFS] 2.2.3.4: a chain goes forward, or ends.
TEST(Smb1Message, FollowsAChainForwardOnly) {
  Smb1Block block;
  block.command = Smb1Command::tree_connect_andx;
  block.offset = 100;
  Smb1Command next{};
  std::uint32_t offset = 0;
  for (const unsigned to : {0u, 99u, 100u}) {
    const ByteVector words = andx(0x2f, to).take();
    block.words = words;
    EXPECT_FALSE(next_in_chain(block, next, offset)) << to;
  }
  const ByteVector words = andx(0x2f, 101).take();
  block.words = words;
  EXPECT_TRUE(next_in_chain(block, next, offset));
  EXPECT_EQ(next, Smb1Command::write_andx);
  block.command = Smb1Command::close;
  EXPECT_FALSE(next_in_chain(block, next, offset));
}

}  // namespace
}  // namespace rpcaudit::dissect
