#include "capture/decompressor.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/capture/capture_text.h"
#include "tests/capture/compress.h"

namespace rpcaudit::capture {
namespace {

using namespace test;

// Longer than every buffer on the way, so that records are cut at all places, and hard to compress,
// so that the compressed data is many blocks.
const ByteVector& long_capture() {
  static const ByteVector kCapture = [] {
    std::mt19937 random(1);
    std::string noise(3000, ' ');
    for (char& letter : noise) letter = static_cast<char>('a' + random() % 16);
    std::vector<CaptureRecord> records;
    for (std::uint32_t i = 0; i < 12'000; ++i) {
      records.push_back({i, 0, std::string_view(noise).substr(random() % 2000, 1 + i % 1000)});
    }
    return make_pcap(records);
  }();
  return kCapture;
}

std::size_t frames_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '@'));
}

class CompressionTest : public CaptureFilesTest, public testing::WithParamInterface<Compression> {
 protected:
  static ByteVector compressed() { return GetParam().compress(long_capture()); }
};

// What is read when all decompressors together may take so much.
std::string read_within(std::size_t bytes, const std::vector<std::string>& paths) {
  const OpenedCaptures opened =
      open_captures(paths, "", {.memory = std::make_shared<DecoderMemory>(bytes)});
  EXPECT_NE(opened.source, nullptr) << opened.error;
  return read_all(*opened.source);
}

TEST_P(CompressionTest, IsRecognisedByContentWhateverTheName) {
  const std::string expected = read({write("plain.gz", long_capture())});
  EXPECT_EQ(frames_in(expected), 12'000u);
  EXPECT_EQ(read({write("data.pcap", compressed())}), expected);
  EXPECT_EQ(read_all(*open_capture_in_memory(compressed())), expected);
}

TEST_P(CompressionTest, ThatIsCutGivesEverythingBeforeTheEnd) {
  ByteVector half = compressed();
  half.resize(half.size() / 2);
  const std::string text = read({write("x", half)});
  EXPECT_NE(text.find("compressed data ends in the middle"), std::string::npos);
  EXPECT_GT(frames_in(text), 5'000u);
  const std::string expected = read({write("y", long_capture())});
  EXPECT_TRUE(expected.starts_with(text.substr(0, text.find("problem"))));
}

TEST_P(CompressionTest, ThatIsCorruptGivesEverythingBeforeTheFault) {
  ByteVector bytes = compressed();
  const std::size_t fault = bytes.size() / 10 * 9;
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(fault), 4096, std::byte{0xff});
  const std::string text = read({write("x", bytes)});
  EXPECT_NE(text.find("problem 0 at "), std::string::npos);
  EXPECT_GT(frames_in(text), 9'000u);
  // Corruption may show late, but what is told without a checksum is at most one block.
  const std::string expected = read({write("y", long_capture())});
  const auto differs = std::mismatch(text.begin(), text.end(), expected.begin(), expected.end());
  EXPECT_GT(differs.first - text.begin(), static_cast<std::ptrdiff_t>(expected.size() * 8 / 10));
}

// However much room it is given: a call that fails must not lose what is before the fault.
TEST_P(CompressionTest, ThatIsCorruptIsDecompressedUpToTheFaultyBlock) {
  constexpr std::size_t kBlockMax = 256u << 10;
  ByteVector bytes = compressed();
  const std::size_t fault = bytes.size() / 10 * 9;
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(fault), 4096, std::byte{0xff});
  const std::unique_ptr<Decompressor> decompressor = decompressor_for(bytes);
  ASSERT_NE(decompressor, nullptr);
  ByteVector output(2 * long_capture().size());
  Bytes left = bytes;
  std::size_t produced = 0;
  for (Decompressor::Step step; step.failure == nullptr && !left.empty();
       left = left.subspan(step.taken), produced += step.produced) {
    step = decompressor->run(left, std::span(output).subspan(produced));
  }
  EXPECT_GT(produced, long_capture().size() / 10 * 9 - 2 * kBlockMax);
}

TEST_P(CompressionTest, MayHoldARecordLongerThanAnyBuffer) {
  constexpr std::size_t kSnapLengthAt = 16;
  const std::string text(3u << 20, 'x');
  const ByteVector plain =
      with_u32(make_pcap({{1, 0, "a"}, {2, 0, text}, {3, 0, "b"}}), kSnapLengthAt, 16u << 20);
  EXPECT_EQ(read({write("x", GetParam().compress(plain))}),
            "0/1@1000000000 1 a\n0/2@2000000000 1 " + text + "\n0/3@3000000000 1 b\n");
}

TEST_P(CompressionTest, OfNoCaptureIsNoCapture) {
  const ByteVector text(1000, std::byte{'t'});
  EXPECT_EQ(read({write("x", GetParam().compress(text))}),
            "problem 0 at 0: is not a capture file\n");
}

TEST_P(CompressionTest, OfNothingIsEmpty) {
  EXPECT_EQ(read({write("x", GetParam().compress({}))}), "problem 0 at 0: is empty\n");
}

TEST_P(CompressionTest, CutAnywhereNeverHangs) {
  const ByteVector small = GetParam().compress(make_pcap({{1, 0, "abc"}}));
  for (std::size_t size = 0; size < small.size(); ++size) {
    const std::string text = read_all(*open_capture_in_memory(Bytes(small).first(size)));
    EXPECT_NE(text.find("problem"), std::string::npos) << size;
  }
}

TEST_P(CompressionTest, InSeveralMembersIsOne) {
  const ByteVector plain = make_pcap({{1, 0, "abc"}, {2, 0, "def"}});
  const auto half = static_cast<std::ptrdiff_t>(plain.size() / 2);
  const ByteVector parts =
      join({GetParam().compress(ByteVector(plain.begin(), plain.begin() + half)),
            GetParam().compress(ByteVector(plain.begin() + half, plain.end()))});
  EXPECT_EQ(read({write("x", parts)}), read({write("y", plain)}));
}

TEST_P(CompressionTest, ThatNeedsMoreMemoryThanThereIsIsAProblem) {
  constexpr std::size_t kLittle = std::size_t{16} << 10;
  const std::vector<std::string> paths = {write("x", compressed())};
  EXPECT_NE(read_within(kLittle, paths).find("needs more memory to be decompressed"),
            std::string::npos);
  EXPECT_EQ(frames_in(read_within(std::size_t{32} << 20, paths)), 12'000u);
}

INSTANTIATE_TEST_SUITE_P(Formats, CompressionTest, testing::ValuesIn(kCompressions),
                         [](const auto& test) { return std::string(test.param.name); });

using CompressedFolderTest = CaptureFilesTest;

// Enough for two decompressors of gzip.
TEST_F(CompressedFolderTest, SharesMemoryAmongTheInputsThatAreOpen) {
  constexpr std::size_t kOfTwo = std::size_t{100} << 10;
  const auto day = [&](const char* name, std::uint32_t from, std::uint32_t to) {
    return write(name, gzip(make_pcap({{from, 0, "abc"}, {to, 0, "def"}})));
  };
  const std::vector<std::string> one_by_one = {day("a", 1, 2), day("b", 3, 4), day("c", 5, 6),
                                               day("d", 7, 8)};
  EXPECT_EQ(frames_in(read_within(kOfTwo, one_by_one)), 8u);
  const std::vector<std::string> at_once = {day("e", 1, 9), day("f", 2, 9), day("g", 3, 9)};
  const std::string text = read_within(kOfTwo, at_once);
  EXPECT_NE(text.find("needs more memory to be decompressed"), std::string::npos) << text;
  EXPECT_GE(frames_in(text), 4u);
}

// The library looks at the next block's header in the call that decompresses the one before it.
TEST_F(CompressedFolderTest, GivesTheBlockBeforeAnImpossibleOne) {
  ByteVector bytes = lz4(make_pcap({{1, 0, "abc"}}));
  bytes = with_u32(bytes, bytes.size() - 4, 0x7fffffff);  // where the end mark is
  EXPECT_EQ(read({write("x", bytes)}), "0/1@1000000000 1 abc\nproblem 0 at 43: corrupt LZ4 data\n");
}

TEST_F(CompressedFolderTest, TellsACorruptFileAsAProblemNotAsSkipped) {
  write("d/a.pcap", make_pcap({{1, 0, "abc"}}));
  write("d/b.gz", with_u32(gzip(make_pcap({{2, 0, "def"}})), 10, 0xffffffff));
  EXPECT_EQ(read({path("d")}), "0/1@1000000000 1 abc\nproblem 1 at 0: corrupt gzip data\n");
}

}  // namespace
}  // namespace rpcaudit::capture
