// What the tables of a dissector take is what memory_of() says, and limits_within() stays within
// what it was allowed.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "dissect/dissector.h"
#include "dissect/store/memory_share.h"
#include "tests/support/silent_observer.h"

namespace rpcaudit::dissect {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;
constexpr SlotBytes kSlots{2000, 8, 4};

// The address space that this process has, in bytes.
std::size_t address_space() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmSize:")) return std::strtoull(line.c_str() + 7, nullptr, 10) * 1024;
  }
  return 0;
}

std::size_t reserved_by(const Limits& limits) {
  test::SilentObserver observer;
  const std::size_t before = address_space();
  const auto dissector = std::make_unique<Dissector>(limits, observer, 1);
  return address_space() - before;
}

TEST(Limits, ReserveNoMoreThanMemoryOfSays) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer reserves memory of its own";
#endif
  Limits limits;
  EXPECT_LE(reserved_by(limits), memory_of(limits, {}));
  EXPECT_GE(reserved_by(limits), memory_of(limits, {}) * 3 / 4) << "most of it would be unused";
  for (const std::size_t mebibytes : {16u, 64u, 200u, 2000u}) {
    const auto within = limits_within(mebibytes * kMebibyte, {});
    ASSERT_TRUE(within);
    EXPECT_LE(reserved_by(*within), mebibytes * kMebibyte) << mebibytes;
  }
}

// Each table on its own: one that weighs more than is known would be hidden by the others.
TEST(Limits, EachTableWeighsNoMoreThanIsKnown) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer reserves memory of its own";
#endif
  constexpr std::size_t Limits::*kTables[] = {&Limits::flows,
                                              &Limits::rpc_connections,
                                              &Limits::smb_sessions,
                                              &Limits::smb_logons,
                                              &Limits::smb_pipes,
                                              &Limits::smb_requests,
                                              &Limits::smb_writes,
                                              &Limits::smb_write_pieces,
                                              &Limits::smb_header_buffers,
                                              &Limits::tcp_openings,
                                              &Limits::contexts,
                                              &Limits::pending_calls,
                                              &Limits::reorder_bytes,
                                              &Limits::pending_proposals,
                                              &Limits::recent_bytes,
                                              &Limits::pdu_buffers,
                                              &Limits::datagram_activities,
                                              &Limits::datagram_contexts,
                                              &Limits::datagram_calls,
                                              &Limits::mapper_stubs,
                                              &Limits::ip_fragment_chains,
                                              &Limits::ip_fragment_bytes};
  const Limits limits;
  const std::size_t before = reserved_by(limits);
  std::size_t index = 0;
  for (const auto table : kTables) {
    Limits larger = limits;
    larger.*table *= 32;
    const std::size_t more = memory_of(larger, {}) - memory_of(limits, {});
    EXPECT_LE(reserved_by(larger), before + more + kMebibyte) << "table " << index;
    ++index;
  }
}

TEST(Limits, WithinFillWhatTheyAreAllowed) {
  for (const std::size_t mebibytes : {24u, 100u, 470u, 4000u}) {
    const std::size_t allowed = mebibytes * kMebibyte;
    const auto limits = limits_within(allowed, kSlots);
    ASSERT_TRUE(limits);
    EXPECT_LE(memory_of(*limits, kSlots), allowed);
    EXPECT_GE(memory_of(*limits, kSlots), allowed * 8 / 10) << mebibytes;
  }
}

TEST(Limits, WithinKeepWhatIsSwitchedOff) {
  Limits wanted;
  wanted.tcp_openings = 0;
  const auto limits = limits_within(100 * kMebibyte, kSlots, wanted);
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->tcp_openings, 0u);
  EXPECT_EQ(limits->outcome_window, wanted.outcome_window);
  EXPECT_EQ(limits->contexts_per_connection, wanted.contexts_per_connection);
}

TEST(Limits, WithinTooLittleAreNone) {
  EXPECT_FALSE(limits_within(kMebibyte, kSlots));
  EXPECT_FALSE(limits_within(0, {}));
}

TEST(Limits, WithinMoreMemoryAreNoSmaller) {
  std::size_t contexts = 0;
  std::size_t flows = 0;
  for (std::size_t mebibytes = 16; mebibytes < 5000; mebibytes *= 2) {
    const auto limits = limits_within(mebibytes * kMebibyte, kSlots);
    ASSERT_TRUE(limits);
    EXPECT_GE(limits->contexts, contexts);
    EXPECT_GE(limits->flows, flows);
    contexts = limits->contexts;
    flows = limits->flows;
  }
}

}  // namespace
}  // namespace rpcaudit::dissect
