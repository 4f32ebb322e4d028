// Every capture format, whole and damaged, each read in two ways that have to agree: all bytes at
// hand, and no byte more at hand than was asked for.

#include "capture/capture_format.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/capture/capture_text.h"

namespace rpcaudit::capture {
namespace {

using namespace test;

struct FormatCase {
  const char* name;
  ByteVector bytes;
  const char* text;
};

void PrintTo(const FormatCase& test, std::ostream* out) { *out << test.name; }

constexpr auto kBig = std::endian::big;

// A Network Monitor file that began on 1970-01-01 00:00:01.500: its header, records, frame table.
ByteVector make_netmon(const char* magic, std::uint8_t minor, const ByteVector& records) {
  const auto end = static_cast<std::uint32_t>(128 + records.size());
  ByteWriter header;
  header.text(magic).u8(minor).u8(magic[0] == 'R' ? 1 : 2).u16(1);
  for (const int field : {1970, 1, 4, 1, 0, 0, 1, 500}) {
    header.u16(static_cast<std::uint16_t>(field));
  }
  header.u32(end).u32(4).zeros(96);
  return join({header.take(), records, ByteWriter().u32(128).take()});
}

const FormatCase kFormatCases[] = {
    {"microseconds", make_pcap({{1, 5, "abc"}, {2, 6, "d", 900}}),
     "0/1@1000005000 1 abc\n0/2@2000006000 1 d of 900\n"},
    {"nanoseconds", make_pcap({{1, 5, "abc"}}, {.magic = 0xa1b23c4d}), "0/1@1000000005 1 abc\n"},
    {"big_endian", make_pcap({{1, 5, "abc"}}, {.order = kBig, .link = 113}),
     "0/1@1000005000 113 abc\n"},
    {"frame_check_length_in_the_link_type", make_pcap({{1, 5, "abc"}}, {.link = 0x34000001}),
     "0/1@1000005000 1 abc\n"},
    {"no_record", make_pcap({}), ""},
    {"pcapng", join({make_section(), make_interface(1), make_packet_block(0, 7, "abc")}),
     "0/1@7000 1 abc\n"},
    {"pcapng_big_endian",
     join({make_section(kBig), make_interface(1, -1, 0, kBig),
           make_packet_block(0, 7, "abc", kBig)}),
     "0/1@7000 1 abc\n"},
    {"pcapng_several_interfaces",
     join({make_section(), make_interface(1, 9), make_interface(101, 3, 100),
           make_packet_block(1, 7, "abc"), make_packet_block(0, 7, "d")}),
     "0/1@100007000000 101 abc\n0/2@7 1 d\n"},
    {"pcapng_binary_resolution",
     join({make_section(), make_interface(1, 0x80 | 10), make_packet_block(0, 1536, "abc")}),
     "0/1@1500000000 1 abc\n"},
    {"pcapng_restarted_section",
     join({make_section(), make_interface(1), make_packet_block(0, 7, "abc"), make_section(kBig),
           make_interface(113, -1, 0, kBig), make_packet_block(0, 8, "d", kBig)}),
     "0/1@7000 1 abc\n0/2@8000 113 d\n"},
    {"pcapng_unknown_block",
     join({make_section(), make_interface(1), make_block(0xbad, ByteVector(9), std::endian::little),
           make_packet_block(0, 7, "abc")}),
     "0/1@7000 1 abc\n"},
    {"pcapng_simple_packet",
     join({make_section(), make_interface(1, -1, 0, std::endian::little, 2),
           make_block(3, ByteWriter().u32(3).text("abc").take(), std::endian::little)}),
     "0/1@0 1 ab of 3\n"},
    {"snoop",
     ByteWriter(kBig)
         .text("snoop")
         .zeros(3)
         .u32(2)
         .u32(4)
         .u32(3)
         .u32(3)
         .u32(28)
         .u32(0)
         .u32(1)
         .u32(5)
         .text("abc")
         .u8(0)
         .take(),
     "0/1@1000005000 1 abc\n"},
    {"netmon_2_0",
     make_netmon("GMBU", 0,
                 join({ByteWriter().u32(99).u32(0).u32(3).u32(3).text("abc").take(),
                       ByteWriter().u32(7).u32(1).u32(9).u32(1).text("d").take()})),
     "0/1@1500099000 1 abc\n0/2@4296467303000 1 d of 9\n"},
    {"netmon_2_1_states_the_medium_of_each_frame",
     make_netmon("GMBU", 1,
                 join({ByteWriter().u32(1).u32(0).u32(3).u32(3).text("abc").u16(8).take(),
                       ByteWriter().u32(1).u32(0).u32(1).u32(1).text("x").u16(0xffff).take(),
                       ByteWriter().u32(2).u32(0).u32(1).u32(1).text("d").u16(0xe071).take()})),
     "0/1@1500001000 101 abc\n0/2@1500002000 113 d\n"},
    {"netmon_2_3",
     make_netmon("GMBU", 3,
                 ByteWriter().u32(1).u32(0).u32(1).u32(1).text("a").u16(1).zeros(13).take()),
     "0/1@1500001000 1 a\n"},
    {"netmon_1", make_netmon("RTSS", 1, ByteWriter().u32(2).u16(9).u16(1).text("a").take()),
     "0/1@1502000000 1 a of 9\n"},
    {"netmon_in_a_year_beyond_timestamps",
     with_u32(make_netmon("RTSS", 1, ByteWriter().u32(2).u16(9).u16(1).text("a").take()), 8,
              1u << 16 | 3000),
     "0/1@2000000 1 a of 9\n"},
    {"netmon_without_frames", make_netmon("GMBU", 3, {}), ""},
    {"nanoseconds_big_endian", make_pcap({{1, 5, "abc"}}, {.magic = 0xa1b23c4d, .order = kBig}),
     "0/1@1000000005 1 abc\n"},
    {"lengths_the_other_way_round_before_version_2_3",
     with_u32(join({make_pcap({}), ByteWriter().u32(1).u32(5).u32(9).u32(3).text("abc").take()}), 4,
              0x00000002),
     "0/1@1000005000 1 abc of 9\n"},
    {"lengths_in_order_in_version_2_3", with_u32(make_pcap({{1, 5, "abc", 9}}), 4, 0x00030002),
     "0/1@1000005000 1 abc of 9\n"},
    {"kuznetsov",
     join({make_pcap({}, {.magic = 0xa1b2cd34}),
           ByteWriter().u32(1).u32(5).u32(3).u32(3).u32(2).u16(8).u16(0).text("abc").take()}),
     "0/1@1000005000 1 abc\n"},
    {"seconds_after_2038", make_pcap({{0xffffffff, 999999, "abc"}}),
     "0/1@4294967295999999000 1 abc\n"},
    {"empty_frame", make_pcap({{1, 5, ""}, {2, 5, "a"}}),
     "0/1@1000005000 1 \n0/2@2000005000 1 a\n"},
    {"original_length_below_the_captured_one", make_pcap({{1, 5, "abc", 2}}),
     "0/1@1000005000 1 abc\n"},
    {"pcapng_without_packets", join({make_section(), make_interface(1)}), ""},
    {"pcapng_offset_before_1970",
     join({make_section(kBig), make_interface(1, 0, -3, kBig),
           make_packet_block(0, 1, "abc", kBig)}),
     "0/1@-2000000000 1 abc\n"},
    {"pcapng_picoseconds",
     join({make_section(), make_interface(1, 12), make_packet_block(0, 1'500'000'001'999, "abc")}),
     "0/1@1500000001 1 abc\n"},
    {"pcapng_finest_decimal_resolution",
     join({make_section(), make_interface(1, 19),
           make_packet_block(0, 15'000'000'000'000'000'000u, "abc")}),
     "0/1@1500000000 1 abc\n"},
    {"pcapng_finest_binary_resolution",
     join({make_section(), make_interface(1, 0x80 | 63),
           make_packet_block(0, std::uint64_t{3} << 62, "abc")}),
     "0/1@1500000000 1 abc\n"},
    {"pcapng_obsolete_packet",
     join({make_section(), make_interface(1), make_interface(113),
           make_block(2, ByteWriter().u16(1).u16(77).u32(0).u32(7).u32(3).u32(9).text("abc").take(),
                      std::endian::little)}),
     "0/1@7000 113 abc of 9\n"},
    {"pcapng_simple_packet_takes_the_time_before_it",
     join({make_section(), make_interface(1), make_packet_block(0, 7, "abc"),
           make_block(3, ByteWriter().u32(1).text("d").take(), std::endian::little)}),
     "0/1@7000 1 abc\n0/2@7000 1 d\n"},
    {"pcapng_options_after_the_packet",
     join({make_section(), make_interface(1),
           make_block(6,
                      ByteWriter()
                          .u32(0)
                          .u32(0)
                          .u32(7)
                          .u32(3)
                          .u32(3)
                          .text("abc")
                          .u8(0)
                          .u16(1)
                          .u16(2)
                          .text("hi")
                          .u16(0)
                          .u32(0)
                          .take(),
                      std::endian::little)}),
     "0/1@7000 1 abc\n"},
    {"pcapng_option_longer_than_its_block",
     join({make_section(),
           make_block(1, ByteWriter().u16(1).u16(0).u32(0).u16(9).u16(500).u32(0).take(),
                      std::endian::little),
           make_packet_block(0, 7, "abc")}),
     "0/1@7000 1 abc\n"},
    {"snoop_of_another_link_type",
     ByteWriter(kBig)
         .text("snoop")
         .zeros(3)
         .u32(2)
         .u32(2)
         .u32(9)
         .u32(3)
         .u32(28)
         .u32(0)
         .u32(1)
         .u32(5)
         .text("abc")
         .u8(0)
         .take(),
     "0/1@1000005000 65535 abc of 9\n"},
};

const ByteVector kTwoRecords = make_pcap({{1, 5, "abc"}, {2, 6, "defg"}});
const ByteVector kTwoBlocks =
    join({make_section(), make_interface(1), make_packet_block(0, 7, "abc"),
          make_packet_block(0, 8, "defg")});

const FormatCase kDamageCases[] = {
    {"nothing", {}, "problem 0 at 0: is empty\n"},
    {"no_capture", ByteVector(64, std::byte{'x'}), "problem 0 at 0: is not a capture file\n"},
    {"cut_in_a_record_header", cut(kTwoRecords, 24 + 19 + 7),
     "0/1@1000005000 1 abc\nproblem 0 at 43: ends in the middle of a record\n"},
    {"cut_in_a_frame", cut(kTwoRecords, 24 + 19 + 18),
     "0/1@1000005000 1 abc\nproblem 0 at 43: ends in the middle of a record\n"},
    {"absurd_captured_length", with_u32(kTwoRecords, 24 + 19 + 8, 0x7fffffff),
     "0/1@1000005000 1 abc\nproblem 0 at 43: a record states an impossible length\n"},
    {"block_cut", cut(kTwoBlocks, kTwoBlocks.size() - 4),
     "0/1@7000 1 abc\nproblem 0 at 88: ends in the middle of a block\n"},
    {"block_shorter_than_itself", with_u32(kTwoBlocks, 92, 8),
     "0/1@7000 1 abc\nproblem 0 at 88: a block states an impossible length\n"},
    {"block_lengths_differ", with_u32(kTwoBlocks, kTwoBlocks.size() - 4, 40),
     "0/1@7000 1 abc\nproblem 0 at 88: a block's two lengths differ\n"},
    {"unknown_interface", join({make_section(), make_packet_block(0, 7, "abc")}),
     "problem 0 at 28: a packet names an unknown interface\n"},
    {"captured_length_beyond_the_usual",
     join({make_pcap({{1, 5, "abc"}}),
           ByteWriter().u32(2).u32(0).u32(kCapturedLengthUsual + 1).u32(0).take(),
           ByteVector(kCapturedLengthUsual + 1)}),
     "0/1@1000005000 1 abc\nproblem 0 at 43: a record states an impossible length\n"},
    {"cut_in_the_file_header", cut(make_pcap({}), 23),
     "problem 0 at 0: ends in the middle of the file header\n"},
    {"snoop_record_longer_than_it_states",
     ByteWriter(kBig)
         .text("snoop")
         .zeros(3)
         .u32(2)
         .u32(4)
         .u32(3)
         .u32(5)
         .u32(28)
         .u32(0)
         .u32(1)
         .u32(5)
         .text("abcde")
         .take(),
     "problem 0 at 16: a record states an impossible length\n"},
    {"netmon_cut",
     cut(make_netmon("GMBU", 0, ByteWriter().u32(9).u32(0).u32(3).u32(3).text("abc").take()), 146),
     "problem 0 at 128: ends in the middle of a record\n"},
    {"netmon_that_was_never_finished", with_u32(make_netmon("GMBU", 0, {}), 24, 0),
     "problem 0 at 128: states no table of frames: it was never finished\n"},
    {"netmon_record_beyond_the_table",
     make_netmon("GMBU", 0, ByteWriter().u32(9).u32(0).u32(9).u32(9).text("abc").take()),
     "problem 0 at 128: a record states an impossible length\n"},
    {"section_cut", cut(make_section(), 20), "problem 0 at 0: ends in the middle of a block\n"},
    {"section_without_byte_order", with_u32(kTwoBlocks, 8, 0x12345678),
     "problem 0 at 0: a section header has no byte order\n"},
    {"interface_too_short",
     join({make_section(), make_block(1, ByteVector(4), std::endian::little)}),
     "problem 0 at 28: an interface description is too short\n"},
    {"packet_block_too_short",
     join({make_section(), make_interface(1), make_block(6, ByteVector(16), std::endian::little)}),
     "problem 0 at 52: a packet block is too short\n"},
    {"packet_longer_than_its_block", with_u32(kTwoBlocks, 88 + 20, 9),
     "0/1@7000 1 abc\nproblem 0 at 88: a packet is longer than its block\n"},
    {"interface_of_the_section_before",
     join({make_section(), make_interface(1), make_packet_block(0, 7, "abc"), make_section(),
           make_packet_block(0, 8, "d")}),
     "0/1@7000 1 abc\nproblem 0 at 116: a packet names an unknown interface\n"},
};

// Shows no byte before it is wanted, each time at a new place.
class DripWindow final : public ByteWindow {
 public:
  explicit DripWindow(Bytes input) : input_(input) {}

  bool want(std::size_t count) override {
    if (bytes().size() >= count) return true;
    const Bytes left = input_.subspan(offset());
    const Bytes shown = left.first(std::min(count, left.size()));
    held_ = std::make_unique<ByteVector>(shown.begin(), shown.end());
    show(*held_);
    return held_->size() == count;
  }

 private:
  Bytes input_;
  std::unique_ptr<ByteVector> held_;
};

std::string read_dripping(const ByteVector& input) {
  DripWindow window(input);
  const std::unique_ptr<CaptureFormat> format = detect_format(window);
  if (format == nullptr) {
    return input.empty() ? "problem 0 at 0: is empty\n" : "problem 0 at 0: is not a capture file\n";
  }
  std::string text;
  std::uint64_t number = 0;
  std::array<Frame, 4> frames;
  while (const std::size_t count = format->read(window, frames)) {
    for (Frame& frame : std::span(frames).first(count)) {
      frame.number = ++number;
      text += to_text(frame);
    }
  }
  if (!format->problem().empty()) text += to_text({0, window.offset(), format->problem(), false});
  return text;
}

class CaptureFormatTest : public testing::TestWithParam<FormatCase> {};

TEST_P(CaptureFormatTest, GivesEveryFrameThenTellsTheDamageWithItsOffset) {
  EXPECT_EQ(read_all(*open_capture_in_memory(GetParam().bytes)), GetParam().text);
}

TEST_P(CaptureFormatTest, ReadsTheSameByteByByte) {
  EXPECT_EQ(read_dripping(GetParam().bytes), GetParam().text);
}

TEST_P(CaptureFormatTest, ReadsTheSameInBatchesOfAnySize) {
  for (const std::size_t batch : {1u, 2u, 256u, 1000u}) {
    EXPECT_EQ(read_all(*open_capture_in_memory(GetParam().bytes), batch), GetParam().text);
  }
}

TEST_P(CaptureFormatTest, CutAnywhereGivesNothingThatTheWholeDoesNot) {
  for (std::size_t size = 0; size < std::min<std::size_t>(GetParam().bytes.size(), 512); ++size) {
    const ByteVector part = cut(GetParam().bytes, size);
    const std::string text = read_all(*open_capture_in_memory(part));
    EXPECT_EQ(text, read_dripping(part));
    const std::string frames = text.substr(0, text.find("problem"));
    EXPECT_TRUE(std::string_view(GetParam().text).starts_with(frames)) << size << ": " << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, CaptureFormatTest, testing::ValuesIn(kFormatCases),
                         [](const auto& test) { return std::string(test.param.name); });
INSTANTIATE_TEST_SUITE_P(Damage, CaptureFormatTest, testing::ValuesIn(kDamageCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(PcapFormatTest, BelievesALongSnapLengthUpToALimit) {
  constexpr std::size_t kSnapLengthAt = 16;
  const std::uint32_t captured = kCapturedLengthUsual + 1;
  const ByteVector bytes =
      join({make_pcap({}), ByteWriter().u32(1).u32(0).u32(captured).u32(captured).take(),
            ByteVector(captured)});
  const auto frames_of = [](const ByteVector& capture) {
    std::array<Frame, 2> frames;
    return open_capture_in_memory(capture)->read(frames).count;
  };
  EXPECT_EQ(frames_of(bytes), 0u);
  EXPECT_EQ(frames_of(with_u32(bytes, kSnapLengthAt, captured)), 1u);
  const ByteVector absurd = with_u32(bytes, kSnapLengthAt, 0xffffffff);
  EXPECT_EQ(frames_of(absurd), 1u);
  EXPECT_EQ(frames_of(with_u32(absurd, 24 + 8, kCapturedLengthMax + 1)), 0u);
}

TEST(LinkTypeTest, IsKnownByItsNumberInFiles) {
  for (const std::uint32_t raw : {12u, 14u, 101u, 228u, 229u}) {
    EXPECT_EQ(link_type_of(raw), LinkType::raw_ip) << raw;
  }
  EXPECT_EQ(link_type_of(0), LinkType::null_loopback);
  EXPECT_EQ(link_type_of(108), LinkType::null_loopback);
  EXPECT_EQ(link_type_of(1), LinkType::ethernet);
  EXPECT_EQ(link_type_of(113), LinkType::linux_cooked_v1);
  EXPECT_EQ(link_type_of(276), LinkType::linux_cooked_v2);
  EXPECT_EQ(link_type_of(105), LinkType::other);
}

}  // namespace
}  // namespace rpcaudit::capture
