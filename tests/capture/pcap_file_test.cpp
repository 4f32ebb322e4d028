#include "capture/pcap_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>
#include <tuple>

#include "tests/capture/capture_text.h"
#include "tests/capture/compress.h"
#include "tests/support/allocation_counter.h"

namespace rpcaudit::capture {
namespace {

namespace fs = std::filesystem;

using namespace test;

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
  const std::string text = "0/1@5000000000 1 x\n0/2@1000000000 1 y\n0/3@6000000000 1 z\n";
  EXPECT_EQ(read({a}), text);
  const std::string b = write("b", make_pcap({{5, 0, "w"}, {7, 0, "v"}}));
  EXPECT_EQ(read({a, b}),
            "0/1@5000000000 1 x\n0/2@1000000000 1 y\n1/1@5000000000 1 w\n"
            "0/3@6000000000 1 z\n1/2@7000000000 1 v\n");
}

TEST_F(CaptureFilesTest, ThatStartTogetherGoInTheOrderGiven) {
  const std::string a = write("a", make_pcap({{1, 0, "a"}, {1, 0, "b"}}));
  const std::string c = write("c", make_pcap({{1, 0, "c"}}));
  EXPECT_EQ(read({c, a}), "0/1@1000000000 1 c\n1/1@1000000000 1 a\n1/2@1000000000 1 b\n");
  EXPECT_EQ(read({a, c}), "0/1@1000000000 1 a\n0/2@1000000000 1 b\n1/1@1000000000 1 c\n");
}

// The merge against a plain sort: files of many lengths, more and less than a batch, that overlap
// wholly, in part or not at all.
TEST_F(CaptureFilesTest, MergeLikeASort) {
  std::mt19937 random(7);
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random()) % limit;
  };
  static constexpr std::byte kByte{'x'};
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> paths;
    std::vector<Frame> expected;
    const std::uint32_t inputs = 1 + below(12);
    for (std::uint32_t input = 0; input < inputs; ++input) {
      std::vector<CaptureRecord> records(below(3) == 0 ? below(900) : below(5));
      std::uint32_t seconds = below(500);
      for (std::size_t i = 0; i < records.size(); ++i) {
        seconds += below(3);
        records[i] = {seconds, 0, "x"};
        Frame frame;
        frame.bytes = Bytes(&kByte, 1);
        frame.original_length = 1;
        frame.timestamp.nanoseconds = seconds * kNanosecondsPerSecond;
        frame.number = i + 1;
        frame.input = input;
        expected.push_back(frame);
      }
      const ByteVector capture = make_pcap(records);
      paths.push_back(write(std::to_string(input), below(4) == 0 ? zstandard(capture) : capture));
    }
    std::stable_sort(expected.begin(), expected.end(), [](const Frame& a, const Frame& b) {
      return std::tie(a.timestamp, a.input) < std::tie(b.timestamp, b.input);
    });
    std::string text;
    for (const Frame& frame : expected) text += to_text(frame);
    EXPECT_EQ(read(paths, "", 1 + below(300)), text);
  }
}

TEST_F(CaptureFilesTest, InAFolderAreAllRead) {
  write("d/2.pcap", make_pcap({{2, 0, "two"}}));
  write("d/deep/1.pcap", make_pcap({{1, 0, "one"}}));
  write("d/notes.txt", ByteVector(40, std::byte{'n'}));
  write("d/nothing", {});
  write("d/.hidden", make_pcap({{3, 0, "hidden"}}));
  write("d/.git/x", make_pcap({{3, 0, "hidden"}}));
  EXPECT_EQ(read({path("d")}),
            "1/1@1000000000 1 one\n0/1@2000000000 1 two\n"
            "skipped 2 at 0: is not a capture file\nskipped 3 at 0: is empty\n");
}

TEST_F(CaptureFilesTest, InAFolderAreFollowedThroughLinksButFoldersAreNot) {
  write("d/1.pcap", make_pcap({{1, 0, "one"}}));
  std::filesystem::create_symlink(path("d/1.pcap"), path("d/2.pcap"));
  std::filesystem::create_symlink(path("d/gone"), path("d/3.pcap"));
  std::filesystem::create_directory_symlink(path("d"), path("d/circle"));
  EXPECT_EQ(read({path("d")}), "0/1@1000000000 1 one\n1/1@1000000000 1 one\n");
}

TEST_F(CaptureFilesTest, InAFolderThatCannotBeReadAreAProblem) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  write("d/1.pcap", make_pcap({{1, 0, "one"}}));
  write("d/closed/2.pcap", make_pcap({{2, 0, "two"}}));
  chmod(path("d/closed").c_str(), 0);
  EXPECT_EQ(read({path("d")}),
            "1/1@1000000000 1 one\nproblem 0 at 0: cannot read: Permission denied\n");
  chmod(path("d/closed").c_str(), 0700);
}

TEST_F(CaptureFilesTest, OfAnEmptyFolderAreAProblem) {
  std::filesystem::create_directory(path("d"));
  EXPECT_EQ(read({path("d")}), "problem 0 at 0: is a folder without files\n");
}

TEST_F(CaptureFilesTest, ThatDoNotExistAreAProblem) {
  const std::string good = write("good", make_pcap({{1, 0, "x"}}));
  EXPECT_EQ(read({path("none"), good}),
            "1/1@1000000000 1 x\nproblem 0 at 0: cannot open: No such file or directory\n");
}

TEST_F(CaptureFilesTest, ThatAreDamagedDoNotStopTheOthers) {
  const std::string a = write("a", cut(make_pcap({{1, 0, "x"}, {5, 0, "lost"}}), 24 + 17 + 9));
  const std::string b = write("b", make_pcap({{2, 0, "y"}, {3, 0, "z"}}));
  const std::string c = write("c", cut(make_pcap({{1, 0, "lost"}}), 24 + 3));
  EXPECT_EQ(read({a, b, c}),
            "0/1@1000000000 1 x\n1/1@2000000000 1 y\n1/2@3000000000 1 z\n"
            "problem 2 at 24: ends in the middle of a record\n"
            "problem 0 at 41: ends in the middle of a record\n");
}

TEST_F(CaptureFilesTest, WithoutFramesAreNoProblem) {
  const std::string a = write("a", make_pcap({}));
  EXPECT_EQ(read({a}), "");
  EXPECT_EQ(read({a, a}), "");
}

TEST_F(CaptureFilesTest, TellHowFarTheyAreRead) {
  const std::string a = write("a", make_pcap({{1, 0, "x"}, {4, 0, "x"}}));
  const std::string b = write("b", gzip(make_pcap({{2, 0, "y"}, {3, 0, "z"}})));
  const std::vector<std::string> paths{a, b};
  const std::uint64_t total = std::filesystem::file_size(a) + std::filesystem::file_size(b);
  const OpenedCaptures opened = open_captures(paths, "");
  EXPECT_EQ(opened.source->bytes_total(), total);
  EXPECT_LT(opened.source->bytes_read(), total);
  (void)read_all(*opened.source);
  EXPECT_EQ(opened.source->bytes_read(), total);
  EXPECT_EQ(opened.source->input_name(1), b);
}

// Files of a folder that are open now.
std::size_t open_below(const fs::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const fs::path target = fs::read_symlink(entry.path(), error);
    count += !error && target.string().starts_with(folder.string());
  }
  return count;
}

TEST_F(CaptureFilesTest, AreOpenOnlyWhileTheirTimeLasts) {
  constexpr std::uint32_t kFiles = 500;
  for (std::uint32_t i = 0; i < kFiles; ++i) {
    write(std::string("many/").append(std::to_string(i)),
          make_pcap({{2 * i, 0, "x"}, {2 * i + 1, 0, "y"}}));
  }
  const std::vector<std::string> paths{path("many")};
  const OpenedCaptures opened = open_captures(paths, "");
  EXPECT_EQ(open_below(path("many")), 0u);
  std::array<Frame, 64> frames;
  std::int64_t last = -1;
  std::uint64_t count = 0;
  for (ReadResult result = opened.source->read(frames); result.status == ReadStatus::frames;
       result = opened.source->read(frames)) {
    EXPECT_LE(open_below(path("many")), 3u);
    for (const Frame& frame : std::span(frames).first(result.count)) {
      EXPECT_GT(frame.timestamp.nanoseconds, last);
      last = frame.timestamp.nanoseconds;
      ++count;
    }
  }
  EXPECT_EQ(count, 2 * kFiles);
}

// Bytes of a frame as they were when it was read.
struct Remembered {
  Bytes lent;
  ByteVector copy;
};

TEST_F(CaptureFilesTest, LendEachBatchForAsManyReadsAsAskedFor) {
  constexpr std::size_t kLoans = 5;
  std::vector<std::string> paths;
  for (std::uint32_t file = 0; file < 20; ++file) {
    std::deque<std::string> texts;
    std::vector<CaptureRecord> records;
    for (std::uint32_t i = 0; i < 500; ++i) {
      const std::uint32_t time = file * 100 + i;  // five files overlap at any time
      texts.emplace_back(1 + time * 37 % 1500, static_cast<char>(time));
      records.push_back({time, 0, texts.back()});
    }
    const ByteVector capture = make_pcap(records);
    paths.push_back(write(std::to_string(file), file % 3 == 0 ? gzip(capture) : capture));
  }
  const OpenedCaptures opened = open_captures(paths, "", {.loans = kLoans});
  std::deque<std::vector<Remembered>> kept;
  std::array<Frame, 64> frames;
  std::size_t count = 0;
  for (ReadResult result = opened.source->read(frames); result.status == ReadStatus::frames;
       result = opened.source->read(frames)) {
    count += result.count;
    if (kept.size() == kLoans) kept.pop_front();
    std::vector<Remembered>& batch = kept.emplace_back();
    for (const Frame& frame : std::span(frames).first(result.count)) {
      batch.push_back({frame.bytes, {frame.bytes.begin(), frame.bytes.end()}});
    }
    for (const std::vector<Remembered>& earlier : kept) {
      for (const Remembered& frame : earlier) {
        ASSERT_TRUE(std::equal(frame.copy.begin(), frame.copy.end(), frame.lent.begin()));
      }
    }
  }
  EXPECT_EQ(count, 20u * 500u);
}

TEST_F(CaptureFilesTest, MayComeFromStandardInput) {
  const std::string file = write("x", gzip(make_pcap({{1, 0, "abc"}})));
  const std::string other = write("y", make_pcap({{0, 0, "def"}}));
  const int saved = dup(STDIN_FILENO);
  ASSERT_NE(freopen(file.c_str(), "rb", stdin), nullptr);
  EXPECT_EQ(read({"-"}), "0/1@1000000000 1 abc\n");
  ASSERT_NE(freopen(file.c_str(), "rb", stdin), nullptr);
  EXPECT_EQ(read({"-", other}), "1/1@0 1 def\n0/1@1000000000 1 abc\n");
  dup2(saved, STDIN_FILENO);
  close(saved);
}

// As in `-r <(zcat a.gz) -r <(zcat b.gz)`: a pipe shows its bytes only once.
TEST_F(CaptureFilesTest, MayComeFromSeveralPipes) {
  const ByteVector bytes[] = {make_pcap({{1, 0, "a"}, {3, 0, "c"}}),
                              zstandard(make_pcap({{2, 0, "b"}, {4, 0, "d"}}))};
  std::vector<std::thread> writers;
  for (const std::size_t i : {0u, 1u}) {
    ASSERT_EQ(mkfifo(path(std::to_string(i)).c_str(), 0600), 0);
    writers.emplace_back([&, i] { write(std::to_string(i), bytes[i]); });
  }
  EXPECT_EQ(read({path("0"), path("1")}),
            "0/1@1000000000 1 a\n1/1@2000000000 1 b\n0/2@3000000000 1 c\n1/2@4000000000 1 d\n");
  for (std::thread& writer : writers) writer.join();
}

TEST_F(CaptureFilesTest, OfAnyLengthTakeTheSameMemory) {
  if (!allocations_are_counted()) GTEST_SKIP() << "allocations are not counted in this build";
  const auto allocations_of = [&](std::size_t frames, ByteVector (*pack)(const ByteVector&)) {
    const std::vector<CaptureRecord> records(frames, {1, 0, "some bytes of a frame"});
    const ByteVector capture = make_pcap(records);
    const std::string name = write("x", pack == nullptr ? capture : pack(capture));
    const std::vector<std::string> paths{name, name};
    std::vector<Frame> batch(100);
    const std::uint64_t before = allocations();
    const OpenedCaptures opened = open_captures(paths, "");
    std::size_t count = 0;
    for (ReadResult result = opened.source->read(batch); result.status == ReadStatus::frames;
         result = opened.source->read(batch)) {
      count += result.count;
    }
    EXPECT_EQ(count, 2 * frames);
    return allocations() - before;
  };
  EXPECT_EQ(allocations_of(50'000, nullptr), allocations_of(100'000, nullptr));
  EXPECT_EQ(allocations_of(50'000, gzip), allocations_of(100'000, gzip));
}

TEST_F(CaptureFilesTest, AskedForNoFramesAreStillThere) {
  const ByteVector bytes = make_pcap({{1, 0, "x"}});
  const std::unique_ptr<FrameSource> source = open_capture_in_memory(bytes);
  EXPECT_EQ(source->read({}).status, ReadStatus::idle);
  EXPECT_EQ(read_all(*source), "0/1@1000000000 1 x\n");
}

}  // namespace
}  // namespace rpcaudit::capture
