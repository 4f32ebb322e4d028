#include "capture/pcap_file.h"

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <lzma.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/capture_bytes.h"

namespace rpcaudit {
namespace {

using namespace test;
namespace fs = std::filesystem;

// Frames as text: `input/number@nanoseconds link bytes`, then the problems.
std::string read_all(FrameSource& source, std::size_t batch = 3) {
  std::string text;
  std::vector<Frame> frames(batch);
  std::uint64_t sequence = 0;
  for (ReadResult result = source.read(frames); result.status == ReadStatus::frames;
       result = source.read(frames)) {
    for (const Frame& frame : std::span(frames).first(result.count)) {
      EXPECT_EQ(frame.sequence, ++sequence);
      text += std::to_string(frame.input) + "/" + std::to_string(frame.number) + "@" +
              std::to_string(frame.timestamp.nanoseconds) + " " +
              std::to_string(frame.link_number) + " ";
      for (const std::byte byte : frame.bytes) text += static_cast<char>(byte);
      if (frame.original_length != frame.bytes.size()) {
        text += " of " + std::to_string(frame.original_length);
      }
      text += "\n";
    }
  }
  for (const InputProblem& problem : source.problems()) {
    text += (problem.skipped ? "skipped " : "problem ") + std::to_string(problem.input) + " at " +
            std::to_string(problem.offset) + ": " + problem.message + "\n";
  }
  return text;
}

std::string read_bytes(const ByteVector& bytes) { return read_all(*open_capture_in_memory(bytes)); }

struct FormatCase {
  const char* name;
  ByteVector bytes;
  const char* text;
};

void PrintTo(const FormatCase& test, std::ostream* out) { *out << test.name; }

constexpr auto kBig = std::endian::big;

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
};

class CaptureFormatTest : public testing::TestWithParam<FormatCase> {};

TEST_P(CaptureFormatTest, GivesItsFrames) {
  EXPECT_EQ(read_bytes(GetParam().bytes), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(Formats, CaptureFormatTest, testing::ValuesIn(kFormatCases),
                         [](const auto& test) { return std::string(test.param.name); });

// --- damage ---

ByteVector cut(ByteVector bytes, std::size_t size) {
  bytes.resize(size);
  return bytes;
}

ByteVector with_u32(ByteVector bytes, std::size_t at, std::uint32_t value) {
  const ByteVector encoded = ByteWriter().u32(value).take();
  std::copy(encoded.begin(), encoded.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
  return bytes;
}

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
};

class CaptureDamageTest : public testing::TestWithParam<FormatCase> {};

TEST_P(CaptureDamageTest, IsToldWithItsOffsetAfterEverythingBeforeIt) {
  EXPECT_EQ(read_bytes(GetParam().bytes), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(Damage, CaptureDamageTest, testing::ValuesIn(kDamageCases),
                         [](const auto& test) { return std::string(test.param.name); });

// --- files ---

class CaptureFilesTest : public testing::Test {
 protected:
  CaptureFilesTest() {
    std::string pattern = (fs::temp_directory_path() / "rpcaudit-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~CaptureFilesTest() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const ByteVector& bytes) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path.string();
  }
  std::string read(const std::vector<std::string>& paths, const std::string& filter = "") {
    OpenedCaptures opened = open_captures(paths, filter);
    return opened.source == nullptr ? "error: " + opened.error : read_all(*opened.source, 2);
  }

  fs::path folder_;
};

TEST_F(CaptureFilesTest, AreMergedInTimeOrder) {
  const std::string a = write("a", make_pcap({{1, 0, "a1"}, {4, 0, "a4"}, {6, 0, "a6"}}));
  const std::string b = write("b", make_pcap({{2, 0, "b2"}, {4, 0, "b4"}, {9, 0, "b9"}}));
  const std::string c = write("c", make_pcap({{5, 0, "c5"}}));
  EXPECT_EQ(read({c, b, a}),
            "2/1@1000000000 1 a1\n1/1@2000000000 1 b2\n1/2@4000000000 1 b4\n"
            "2/2@4000000000 1 a4\n0/1@5000000000 1 c5\n2/3@6000000000 1 a6\n"
            "1/3@9000000000 1 b9\n");
}

TEST_F(CaptureFilesTest, KeepTheirOwnOrderWhenTimeGoesBack) {
  const std::string a = write("a", make_pcap({{5, 0, "x"}, {1, 0, "y"}, {6, 0, "z"}}));
  EXPECT_EQ(read({a}), "0/1@5000000000 1 x\n0/2@1000000000 1 y\n0/3@6000000000 1 z\n");
}

TEST_F(CaptureFilesTest, InAFolderAreAllRead) {
  write("d/2.pcap", make_pcap({{2, 0, "two"}}));
  write("d/deep/1.pcap", make_pcap({{1, 0, "one"}}));
  write("d/notes.txt", ByteVector(40, std::byte{'n'}));
  EXPECT_EQ(read({(folder_ / "d").string()}),
            "1/1@1000000000 1 one\n0/1@2000000000 1 two\n"
            "skipped 2 at 0: is not a capture file\n");
}

TEST_F(CaptureFilesTest, ThatDoNotExistAreAProblem) {
  const std::string good = write("good", make_pcap({{1, 0, "x"}}));
  EXPECT_EQ(read({(folder_ / "none").string(), good}),
            "1/1@1000000000 1 x\nproblem 0 at 0: cannot open: No such file or directory\n");
}

TEST_F(CaptureFilesTest, AreFilteredByALibpcapExpression) {
  const std::string a = write("a", make_pcap({{1, 0, "short"}, {2, 0, "longer than that"}}));
  EXPECT_EQ(read({a}, "greater 10"), "0/2@2000000000 1 longer than that\n");
}

TEST_F(CaptureFilesTest, AreNotReadWithAFilterThatDoesNotCompile) {
  const std::string a = write("a", make_pcap({{1, 0, "x"}}));
  EXPECT_TRUE(read({a}, "tcp prt 135").starts_with("error: "));
}

// --- compression ---

ByteVector gzip(const ByteVector& plain) {
  ByteVector out(compressBound(static_cast<uLong>(plain.size())) + 64);
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  ByteVector in = plain;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

ByteVector zstandard(const ByteVector& plain) {
  ByteVector out(ZSTD_compressBound(plain.size()));
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
  return out;
}

ByteVector lz4(const ByteVector& plain) {
  ByteVector out(LZ4F_compressFrameBound(plain.size(), nullptr));
  out.resize(LZ4F_compressFrame(out.data(), out.size(), plain.data(), plain.size(), nullptr));
  return out;
}

ByteVector xz(const ByteVector& plain) {
  ByteVector out(lzma_stream_buffer_bound(plain.size()));
  std::size_t size = 0;
  EXPECT_EQ(lzma_easy_buffer_encode(
                1, LZMA_CHECK_CRC32, nullptr, reinterpret_cast<const std::uint8_t*>(plain.data()),
                plain.size(), reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size()),
            LZMA_OK);
  out.resize(size);
  return out;
}

// Longer than every buffer on the way, so that records are cut at all places.
ByteVector long_capture() {
  std::vector<CaptureRecord> records;
  static const std::string kText(900, 'x');
  for (std::uint32_t i = 0; i < 12'000; ++i) {
    records.push_back({i, 0, std::string_view(kText).substr(i % 100)});
  }
  return make_pcap(records);
}

struct CompressionCase {
  const char* name;
  ByteVector (*compress)(const ByteVector&);
};

class CompressionTest : public CaptureFilesTest,
                        public testing::WithParamInterface<CompressionCase> {};

TEST_P(CompressionTest, IsRecognisedByContentWhateverTheName) {
  const ByteVector plain = long_capture();
  const std::string expected = read({write("plain.gz", plain)});
  EXPECT_EQ(read({write("data.pcap", GetParam().compress(plain))}), expected);
}

TEST_P(CompressionTest, ThatIsCutGivesEverythingBeforeTheEnd) {
  ByteVector cut_short = GetParam().compress(long_capture());
  cut_short.resize(cut_short.size() / 2);
  const std::string text = read({write("x", cut_short)});
  EXPECT_NE(text.find("compressed data ends in the middle"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Formats, CompressionTest,
                         testing::Values(CompressionCase{"gzip", gzip},
                                         CompressionCase{"zstandard", zstandard},
                                         CompressionCase{"lz4", lz4}, CompressionCase{"xz", xz}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(CaptureFilesTest, CompressedInSeveralMembersAreOne) {
  const ByteVector plain = make_pcap({{1, 0, "abc"}, {2, 0, "def"}});
  const auto half = static_cast<std::ptrdiff_t>(plain.size() / 2);
  const ByteVector parts = join({gzip(ByteVector(plain.begin(), plain.begin() + half)),
                                 gzip(ByteVector(plain.begin() + half, plain.end()))});
  EXPECT_EQ(read({write("x", parts)}), read({write("y", plain)}));
}

TEST_F(CaptureFilesTest, MayComeFromStandardInput) {
  const std::string path = write("x", gzip(make_pcap({{1, 0, "abc"}})));
  const int saved = dup(STDIN_FILENO);
  ASSERT_NE(freopen(path.c_str(), "rb", stdin), nullptr);
  EXPECT_EQ(read({"-"}), "0/1@1000000000 1 abc\n");
  dup2(saved, STDIN_FILENO);
  close(saved);
}

}  // namespace
}  // namespace rpcaudit
