// Real captures, read by libpcap and by this reader: the frames have to be the same. The captures
// are kept outside the project; RPCAUDIT_CORPUS names their folder.

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "tests/capture/capture_text.h"
#include "tests/capture/compress.h"

namespace rpcaudit::capture {
namespace {

using namespace test;
namespace fs = std::filesystem;

struct ClosePcap {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};
using Oracle = std::unique_ptr<pcap_t, ClosePcap>;

Oracle open_oracle(const fs::path& path) {
  char error[PCAP_ERRBUF_SIZE];
  return Oracle(
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error));
}

// libpcap cuts frames at the snap length that the file states, even where it holds more of them; it
// has no time for simple packets of pcapng, and reads fractions beyond a second as signed.
bool is_same(const Frame& frame, const pcap_pkthdr& header, const u_char* data, int snap_length) {
  const Bytes expected = std::as_bytes(std::span(data, header.caplen));
  const bool cut = std::cmp_equal(header.caplen, snap_length);
  if (frame.bytes.size() < expected.size() || (frame.bytes.size() > expected.size() && !cut)) {
    return false;
  }
  const std::int64_t fraction = header.ts.tv_usec;
  const std::int64_t time = header.ts.tv_sec * kNanosecondsPerSecond + fraction;
  const bool time_known = time != 0 && fraction >= 0 && fraction < kNanosecondsPerSecond;
  return std::ranges::equal(frame.bytes.first(expected.size()), expected) &&
         frame.original_length == std::max(header.len, header.caplen) &&
         (!time_known || frame.timestamp.nanoseconds == time);
}

// How many frames libpcap reads until its end or its first complaint, all of which were compared.
std::size_t compare(pcap_t* oracle, FrameSource& source, const fs::path& path) {
  std::array<Frame, 100> frames;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t compared = 0;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  while (pcap_next_ex(oracle, &header, &data) == 1) {
    if (begin == end) {
      begin = 0;
      end = source.read(frames).count;
    }
    if (end == 0) {
      ADD_FAILURE() << path << ": ends after " << compared << " frames";
      return compared;
    }
    const Frame& frame = frames[begin++];
    if (!is_same(frame, *header, data, pcap_snapshot(oracle)) || frame.number != ++compared) {
      ADD_FAILURE() << path << ": frame " << frame.number << " differs";
      return compared;
    }
  }
  return compared;
}

std::vector<std::string> captures() {
  const char* corpus = std::getenv("RPCAUDIT_CORPUS");
  std::vector<std::string> found;
  if (corpus == nullptr) return found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(corpus)) {
    if (entry.is_regular_file()) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

TEST(CaptureCorpusTest, GivesTheFramesThatLibpcapGives) {
  const std::vector<std::string> paths = captures();
  if (paths.empty()) GTEST_SKIP() << "RPCAUDIT_CORPUS names no folder of captures";
  std::size_t files = 0;
  std::size_t frames = 0;
  for (const std::string& path : paths) {
    const Oracle oracle = open_oracle(path);
    if (oracle == nullptr) continue;  // no capture, compressed, or of several link types
    const OpenedCaptures opened = open_captures(std::span(&path, 1), "");
    frames += compare(oracle.get(), *opened.source, path);
    ++files;
  }
  RecordProperty("files", static_cast<int>(files));
  RecordProperty("frames", static_cast<int>(frames));
  EXPECT_GT(frames, 0u);
}

class CaptureCorpusFilesTest : public CaptureFilesTest {};

TEST_F(CaptureCorpusFilesTest, AreReadTheSameWhenCompressed) {
  const std::vector<std::string> paths = captures();
  if (paths.empty()) GTEST_SKIP() << "RPCAUDIT_CORPUS names no folder of captures";
  std::size_t turn = 0;
  for (const std::string& name : paths) {
    if (open_oracle(name) == nullptr || fs::file_size(name) > (1u << 20)) continue;
    std::ifstream file(name, std::ios::binary);
    const std::string content(std::istreambuf_iterator<char>(file), {});
    const Bytes bytes = std::as_bytes(std::span(content));
    const Compression& compression = kCompressions[turn++ % std::size(kCompressions)];
    const ByteVector packed = compression.compress(ByteVector(bytes.begin(), bytes.end()));
    // Not EXPECT_EQ, which would print both.
    EXPECT_TRUE(read({write("x", packed)}, "", 100) == read({name}, "", 100))
        << name << " as " << compression.name;
  }
}

}  // namespace
}  // namespace rpcaudit::capture
