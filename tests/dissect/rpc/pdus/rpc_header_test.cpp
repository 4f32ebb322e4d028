#include "dissect/rpc/pdus/rpc_header.h"

#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tests/support/rpc_bytes.h"

namespace rpcaudit::dissect {
namespace {

struct HeaderCase {
  const char* name;
  const char* wire;  // version | type flags | representation | frag auth | call id
  ParseStatus status;
  std::uint16_t fragment_length;
};

void PrintTo(const HeaderCase& test, std::ostream* out) { *out << test.name; }

constexpr HeaderCase kHeaderCases[] = {
    {"little_endian", "0500 0b03 10000000 4800 0000 01000000", ParseStatus::ok, 72},
    {"big_endian", "0500 0b03 00000000 0048 0000 00000001", ParseStatus::ok, 72},
    {"big_endian_ebcdic", "0500 0b03 01000000 0048 0000 00000001", ParseStatus::ok, 72},
    {"minor_version_one", "0501 0b03 10000000 4800 0000 01000000", ParseStatus::ok, 72},
    {"minor_version_two", "0502 0b03 10000000 4800 0000 01000000", ParseStatus::bad_version, 72},
    {"version_four", "0400 0b03 10000000 4800 0000 01000000", ParseStatus::bad_version, 72},
    // Servers look at one bit of the representation.
    {"other_bits_of_the_order", "0500 0b03 b1ffffff 4800 0000 01000000", ParseStatus::ok, 72},
    {"order_two_is_big_endian", "0500 0b03 20000000 0048 0000 00000001", ParseStatus::ok, 72},
    {"connectionless_type", "0500 0103 10000000 4800 0000 01000000", ParseStatus::bad_type, 72},
    {"type_beyond_rts", "0500 1503 10000000 4800 0000 01000000", ParseStatus::bad_type, 72},
    {"shorter_than_header", "0500 1003 10000000 0f00 0000 01000000", ParseStatus::bad_length, 15},
    {"request_without_opnum", "0500 0003 10000000 1700 0000 01000000", ParseStatus::bad_length, 23},
    {"request_just_fits", "0500 0003 10000000 1800 0000 01000000", ParseStatus::ok, 24},
    {"auth_has_no_room", "0500 0003 10000000 2000 0100 01000000", ParseStatus::bad_length, 32},
    {"auth_just_fits", "0500 0003 10000000 2100 0100 01000000", ParseStatus::ok, 33},
    // A sum of 16-bit lengths must not wrap (24 + 8 + 65535 does).
    {"auth_length_wraps", "0500 0003 10000000 2800 ffff 01000000", ParseStatus::bad_length, 40},
};

class RpcHeaderTest : public testing::TestWithParam<HeaderCase> {};

TEST_P(RpcHeaderTest, ReportsStatusAndLength) {
  RpcHeader header;
  EXPECT_EQ(parse_rpc_header(hex(GetParam().wire), header), GetParam().status);
  EXPECT_EQ(header.fragment_length, GetParam().fragment_length);
}

// Whatever the bytes, cutting them short must read as "not yet", never as an error: the same
// parser runs on segments that are still arriving.
TEST_P(RpcHeaderTest, EveryPrefixIsTruncated) {
  const auto wire = hex(GetParam().wire);
  for (std::size_t size = 0; size < kRpcHeaderSize; ++size) {
    RpcHeader header;
    EXPECT_EQ(parse_rpc_header(Bytes(wire).first(size), header), ParseStatus::truncated) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Wire, RpcHeaderTest, testing::ValuesIn(kHeaderCases),
                         [](const auto& test) { return std::string(test.param.name); });

struct LikenessCase {
  const char* name;
  const char* wire;
  Likeness likeness;
};

void PrintTo(const LikenessCase& test, std::ostream* out) { *out << test.name; }

constexpr LikenessCase kLikenessCases[] = {
    {"request", "0500 0003 10000000 1800 0000 01000000 00000000 0000 0300", Likeness::yes},
    {"request_then_request", "0500 0003 10000000 1800 0000 01000000 00000000 0000 0300 0500 00",
     Likeness::yes},
    {"request_then_garbage", "0500 0003 10000000 1800 0000 01000000 00000000 0000 0300 474554",
     Likeness::no},
    {"bind_of_no_item", "0500 0b03 10000000 1c00 0000 01000000 d016 d016 00000000 00000000",
     Likeness::yes},
    {"bind_whose_items_do_not_fit",
     "0500 0b03 10000000 1c00 0000 01000000 d016 d016 00000000 01000000", Likeness::no},
    {"response_with_reserved_byte", "0500 0203 10000000 1800 0000 01000000 00000000 0000 0001",
     Likeness::no},
    {"prefix_of_a_pdu", "0500 0b03 1000", Likeness::not_yet},
    {"one_byte", "05", Likeness::not_yet},
    {"socks5_greeting", "050100", Likeness::not_yet},
    {"socks5_connect", "0501 0001 0a000001 0050", Likeness::no},
    {"oracle_like", "0500 0100 00000000 0000 0000 00000000", Likeness::no},
    {"reserved_representation", "0500 0003 1000 0001", Likeness::no},
    {"floating_point_four", "0500 0003 1004", Likeness::no},
    {"bind_of_any_representation",
     "0500 0b03 31ff0102 1c00 0000 01000000 d016 d016 00000000 00000000", Likeness::yes},
    {"alter_context_of_any_representation",
     "0500 0e03 11040001 1c00 0000 01000000 d016 d016 00000000 00000000", Likeness::yes},
    {"rts_alone_opens_nothing", "0500 1403 10000000 1400 0000 00000000 0000 0000", Likeness::no},
    {"tls", "1603 0100", Likeness::no},
};

class RpcLikenessTest : public testing::TestWithParam<LikenessCase> {};

TEST_P(RpcLikenessTest, IsJudgedByItsBytesAlone) {
  EXPECT_EQ(looks_like_rpc(hex(GetParam().wire)), GetParam().likeness);
}

INSTANTIATE_TEST_SUITE_P(Wire, RpcLikenessTest, testing::ValuesIn(kLikenessCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rpcaudit::dissect
