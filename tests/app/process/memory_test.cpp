// A run stays within the memory that it is allowed, whatever the capture holds.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "dissect/store/memory_share.h"
#include "engine/app/process/memory_plan.h"
#include "tests/app/program.h"
#include "tests/support/capture_bytes.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::app {
namespace {

using namespace test;

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

TEST(MemoryPlan, SharesWhatTheWholeProcessMayTake) {
  for (const std::size_t mebibytes : {300u, 512u, 4096u}) {
    for (const unsigned workers : {1u, 2u, 8u}) {
      const auto plan = plan_memory({mebibytes, workers, 1, true});
      ASSERT_TRUE(plan) << mebibytes << " for " << workers;
      const std::size_t tables = dissect::memory_of(plan->limits, audit::Auditor::bytes_of_slots());
      const std::size_t records = plan->records_waiting_max * audit::Auditor::bytes_of_record();
      const std::size_t waiting = plan->merger.waiting_bytes;
      EXPECT_LE(workers * (tables + records) + waiting, mebibytes * kMebibyte);
      EXPECT_GE(workers * (tables + records) + waiting, mebibytes * kMebibyte / 4);
    }
  }
}

TEST(MemoryPlan, TakesTheLeastThatItNames) {
  for (const unsigned workers : {1u, 3u, 64u}) {
    const std::size_t least = least_memory({512, workers, 1, false});
    EXPECT_TRUE(plan_memory({least, workers, 1, false}));
    EXPECT_FALSE(plan_memory({least - 1, workers, 1, false}));
  }
}

class MemoryTest : public ProgramTest {
 protected:
  // Connections that stop within a bind of 60,000 bytes, in a capture of 60 MB.
  std::string half_binds() {
    constexpr std::uint32_t kConnections = 1'000;
    const std::string path = (folder / "half.pcap").string();
    std::ofstream out(path, std::ios::binary);
    const auto write = [&out](const ByteVector& bytes) {
      out.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
    };
    write(make_pcap({}));
    ByteVector bind = make_pdu(dissect::PduType::bind, {}, ByteVector(61'000));
    bind.resize(60'000);
    for (std::uint32_t i = 0; i < kConnections; ++i) {
      TcpPeers peers;
      for (Segment& segment : peers.say(true, bind)) {
        segment.source = 0x0a010000 + i;
        for (const ByteVector& bytes : make_ethernet(segment)) {
          const auto size = static_cast<std::uint32_t>(bytes.size());
          ByteWriter record(std::endian::little);
          write(record.u32(i / 100).u32(0).u32(size).u32(size).bytes(bytes).take());
        }
      }
    }
    return path;
  }

  // What `-v` says of the run: its peak in MiB.
  static unsigned long peak_of(const Ended& ended) {
    const std::size_t end = ended.err.find(" MiB of memory at most");
    if (end == std::string::npos) return 0;
    return std::strtoul(ended.err.c_str() + ended.err.rfind(' ', end - 1), nullptr, 10);
  }
};

TEST_F(MemoryTest, HoldsBackWhatIsHeldOfHalfBinds) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer takes memory of its own";
#endif
  const std::string path = half_binds();
  for (const unsigned workers : {1u, 2u, 3u}) {
    const unsigned long allowed = 32 + 28 * workers;
    const Ended ended = run("calls -v -q -o /dev/null -r " + path + " --workers " +
                            std::to_string(workers) + " --memory " + std::to_string(allowed));
    EXPECT_EQ(ended.status, 4) << ended.err;  // not one call
    EXPECT_GT(peak_of(ended), 8u) << ended.err;
    EXPECT_LE(peak_of(ended), allowed) << workers;
  }
  EXPECT_GT(peak_of(run("calls -v -q -o /dev/null -r " + path)), 64u) << "nothing to hold back";
}

TEST_F(MemoryTest, SaysWhatARunNeedsAtLeast) {
  const std::string files = "audit -r " + demo + " -p " + dcsync + " -o /dev/null";
  const Ended little = run(files + " --workers 8 --memory 64");
  EXPECT_EQ(little.status, 2);
  const std::size_t at = little.err.find("--memory 64 is too small for 8 workers: it takes ");
  ASSERT_NE(at, std::string::npos) << little.err;
  const unsigned long least =
      std::strtoul(little.err.c_str() + little.err.rfind("takes ") + 6, nullptr, 10);
  EXPECT_EQ(run(files + " --workers 8 --memory " + std::to_string(least)).status, 0);
  EXPECT_EQ(run(files + " --memory 0").status, 2);
  for (const char* command : {"endpoints -r ", "calls -r ", "explain --frame 1 -r "}) {
    const std::string policy = command[1] == 'x' ? " -p " + dcsync : std::string();
    const Ended ended = run(command + demo + policy + " --memory 2");
    EXPECT_EQ(ended.status, 2) << command;
    EXPECT_NE(ended.err.find("too small for 1 worker:"), std::string::npos) << ended.err;
  }
}

TEST_F(MemoryTest, IsEnoughForManyWorkersUnlessTheUserSaysOtherwise) {
  const std::string many = "calls -q -r " + demo + " --workers 64 -o /dev/null";
  EXPECT_EQ(run(many).status, 0);
  EXPECT_EQ(run(many + " --memory 512").status, 2);
}

TEST_F(MemoryTest, WritesTheSameWithLittleAsWithMuch) {
  const std::string files = "calls -r " + demo;
  EXPECT_EQ(run(files + " --memory 64").out, run(files + " --memory 8192").out);
}

}  // namespace
}  // namespace rpcaudit::app
