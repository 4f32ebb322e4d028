// However captures of endpoint mappers and of connectionless RPC are damaged: every call has one
// outcome, every context one result, and any number of workers says the same.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "dissect/dissector.h"
#include "tests/support/mutated_capture.h"
#include "tests/support/places.h"
#include "tests/support/recording_observer.h"

namespace rpcaudit {
namespace {

using namespace test;
namespace fs = std::filesystem;

std::size_t cases() {
  const char* const wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  const std::size_t count = wanted == nullptr ? 100'000 : std::strtoull(wanted, nullptr, 10);
  return std::max<std::size_t>(20, count / 500);  // one capture stands for hundreds of frames
}

// Those kept here and, where RPCAUDIT_CORPUS has them, from real implementations of ncadg.
std::vector<MutatedCapture> captures() {
  std::vector<MutatedCapture> all;
  for (const char* name :
       {"datagram-constructed.pcap", "epmapper-anonymous-ipv4.pcap",
        "epmapper-anonymous-ipv6.pcapng", "pipe-epmapper.pcap", "tcp-ndr64-offered.pcap"}) {
    all.emplace_back((source_folder() + "/pcaps/") + name);
  }
  const char* const corpus = std::getenv("RPCAUDIT_CORPUS");
  if (corpus == nullptr) return all;
  for (const auto& entry : fs::directory_iterator(fs::path(corpus) / "lab")) {
    const std::string name = entry.path().filename().string();
    const bool of_interest = name.starts_with("dg-") || name.starts_with("epm-rpc") ||
                             name.starts_with("co-osf") || name.starts_with("st-mgmt");
    if (of_interest && name.ends_with(".pcap")) all.emplace_back(entry.path().string());
  }
  return all;
}

dissect::Limits small_limits(std::mt19937_64& random) {
  dissect::Limits limits;
  limits.flows = 1024;
  limits.rpc_connections = limits.smb_sessions = limits.smb_pipes = 64;
  limits.contexts = 256;
  limits.datagram_activities = limits.datagram_contexts = 64;
  limits.pdu_buffers = 64;
  limits.reorder_bytes = 1u << 20;
  // Sometimes too few for what there is.
  limits.pending_calls = limits.datagram_calls = limits.smb_requests = 2 + random() % 64;
  limits.mapper_stubs = 1 + random() % 4;
  return limits;
}

MutatedCapture damaged(const std::vector<MutatedCapture>& all, std::mt19937_64& random) {
  MutatedCapture capture = all[random() % all.size()];
  for (auto count = random() % 40; count != 0; --count) capture.damage(random);
  return capture;
}

TEST(MutationProperty, EveryCallHasOneOutcomeAndEveryContextOneResult) {
  const std::vector<MutatedCapture> all = captures();
  std::uint64_t calls = 0;
  for (std::size_t seed = 0; seed < cases(); ++seed) {
    std::mt19937_64 random(seed);
    const MutatedCapture capture = damaged(all, random);
    RecordingObserver observer;
    dissect::Dissector dissector(small_limits(random), observer, 1);
    const std::vector<Frame> frames = capture.frames();
    const std::size_t batch = 1 + random() % 64;
    for (std::span<const Frame> rest = frames; !rest.empty();) {
      const std::span<const Frame> some = rest.first(std::min(batch, rest.size()));
      dissector.process(some);
      dissector.advance(some);
      rest = rest.subspan(some.size());
    }
    dissector.finish();
    ASSERT_EQ(observer.complaints(), "") << "seed " << seed;
    ASSERT_TRUE(observer.all_closed()) << "seed " << seed;
    const dissect::DissectStatistics& counted = dissector.statistics();
    ASSERT_EQ(counted.frames, frames.size()) << "seed " << seed;
    ASSERT_LE(counted.calls_unanswered, counted.calls) << "seed " << seed;
    ASSERT_EQ(observer.calls(), counted.calls) << "seed " << seed;
    calls += counted.calls;
  }
  EXPECT_GT(calls, cases()) << "little was left of what was to be damaged";
  RecordProperty("calls", std::to_string(calls));
}

std::string text_of(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Records and summary.
std::string calls_of(const fs::path& capture, unsigned workers) {
  const fs::path records = capture.parent_path() / "records";
  const fs::path summary = capture.parent_path() / "summary";
  const std::string command = program_path() + " calls -r " + capture.string() + " --workers " +
                              std::to_string(workers) + " -o " + records.string() + " 2> " +
                              summary.string();
  constexpr int kNoCalls = 4;  // its exit status
  const int status = WEXITSTATUS(std::system(command.c_str()));
  EXPECT_TRUE(status == 0 || status == kNoCalls) << command;
  const std::string written = text_of(records) + text_of(summary);
  fs::remove(records);  // that a file is replaced is told
  return written;
}

TEST(MutationProperty, AnyNumberOfWorkersSaysTheSame) {
  const std::vector<MutatedCapture> all = captures();
  std::string pattern = (fs::temp_directory_path() / "rpcaudit-XXXXXX").string();
  const fs::path folder = mkdtemp(pattern.data());
  for (std::size_t seed = 0; seed < std::max<std::size_t>(8, cases() / 20); ++seed) {
    std::mt19937_64 random(seed);
    damaged(all, random).write((folder / "damaged.pcap").string());
    const std::string one = calls_of(folder / "damaged.pcap", 1);
    for (const unsigned workers : {2u, 3u}) {
      ASSERT_TRUE(calls_of(folder / "damaged.pcap", workers) == one)
          << "seed " << seed << ", " << workers << " workers";
    }
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace rpcaudit
