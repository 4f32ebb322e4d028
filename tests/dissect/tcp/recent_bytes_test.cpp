// What is kept of delivered bytes, held against a model that keeps all of them.

#include "dissect/tcp/recent_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "dissect/tcp/recent_bytes_pool.h"
#include "tests/support/rpc_bytes.h"

namespace rpcaudit::dissect {
namespace {

using test::ByteVector;

// A stream of which some bytes matter, and which its receiver acknowledges now and then. Sequence
// numbers wrap in its midst.
class ModelStream {
 public:
  ModelStream(std::uint32_t seed, RecentBytesPool& pool) : random_(seed), pool_(pool) {}
  ~ModelStream() { pool_.release(handle_); }
  ModelStream(const ModelStream&) = delete;
  ModelStream& operator=(const ModelStream&) = delete;

  // Appends some bytes, behind some that do not matter.
  void deliver() {
    const std::size_t before = said_.size();
    const std::size_t passed = below(3) == 0 ? below(2000) : 0;
    const std::size_t size = 1 + below(below(20) == 0 ? 20000 : below(2) == 0 ? 40 : 600);
    said_.resize(before + passed);
    matters_.resize(said_.size(), false);
    ByteVector bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_());
    pool_.append(handle_, sequence(before), sequence(said_.size()), bytes, receiver_);
    said_.insert(said_.end(), bytes.begin(), bytes.end());
    matters_.resize(said_.size(), true);
    // Of more than fits the last bytes are kept.
    if (size > RecentBytes::kLargeBytes) {
      const auto first = static_cast<std::ptrdiff_t>(said_.size() - RecentBytes::kLargeBytes);
      std::fill(matters_.begin(), matters_.begin() + first, false);
    }
    unacknowledged_runs_.push_back(before + passed);
    if (below(4) != 0) acknowledge();
  }

  void acknowledge() {
    receiver_.note_sent(sequence(said_.size()), 1000, false);
    unacknowledged_runs_.clear();
  }

  // Compares a copy of bytes near the end, one of which may differ.
  void repeat() {
    const std::size_t reach = std::min<std::size_t>(said_.size(), 3 * RecentBytes::kLargeBytes);
    const std::size_t back = 1 + below(reach);
    const std::size_t begin = said_.size() - back;
    const std::size_t size = 1 + below(std::min<std::size_t>(back, 3000));
    const auto from = said_.begin() + static_cast<std::ptrdiff_t>(begin);
    ByteVector copy(from, from + static_cast<std::ptrdiff_t>(size));
    const std::size_t changed = below(size);
    const bool is_changed = below(2) == 0;
    if (is_changed) copy[changed] ^= std::byte{1};
    const RecentBytes* const recent = pool_.find(handle_);
    ASSERT_NE(recent, nullptr);
    const CopyResult result = recent->compare(sequence(begin), copy);
    if (!is_changed) {
      EXPECT_NE(result, CopyResult::differs);
    } else if (!matters_[begin + changed]) {
      EXPECT_NE(result, CopyResult::differs) << "a byte that does not matter";
    } else {
      EXPECT_NE(result, CopyResult::same) << back << " bytes before the end";
    }
    // What has not been acknowledged is known, as far as a large ring reaches.
    const std::size_t needed =
        unacknowledged_runs_.empty() ? 0 : said_.size() - unacknowledged_runs_.front();
    const bool fits = needed <= RecentBytes::kLargeBytes && unacknowledged_runs_.size() <= 64;
    if (back <= kSurelyKept || (fits && back <= needed)) {
      EXPECT_EQ(result,
                is_changed && matters_[begin + changed] ? CopyResult::differs : CopyResult::same)
          << back << " bytes before the end";
    }
  }

 private:
  static constexpr std::uint32_t kFirst = 0xffff'8000;
  static constexpr std::size_t kSurelyKept = 64;

  std::size_t below(std::size_t bound) { return random_() % bound; }
  static std::uint32_t sequence(std::size_t at) { return kFirst + static_cast<std::uint32_t>(at); }

  std::mt19937 random_;
  RecentBytesPool& pool_;
  RecentBytesHandle handle_;
  TcpReceiver receiver_;
  ByteVector said_;
  std::vector<bool> matters_;
  std::vector<std::size_t> unacknowledged_runs_;  // where each begins in `said_`
};

TEST(RecentBytes, TellACopyThatDiffersOrThatTheyDoNotKnow) {
  Limits limits;
  limits.recent_bytes = std::size_t{4} * RecentBytes::kLargeBytes;  // a single large ring
  RecentBytesPool pool(limits);
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    ModelStream stream(seed, pool);
    for (int i = 0; i < 400; ++i) {
      stream.deliver();
      for (int copy = 0; copy < 5; ++copy) stream.repeat();
    }
    if (HasFailure()) return;
  }
}

// Streams take large rings from each other: less is known then, and nothing wrong is said.
TEST(RecentBytes, TellNothingWrongWhenALargeRingIsTaken) {
  Limits limits;
  limits.recent_bytes = std::size_t{4} * RecentBytes::kLargeBytes;
  RecentBytesPool pool(limits);
  std::vector<RecentBytesHandle> handles(16);
  std::vector<ByteVector> said(handles.size());
  const TcpReceiver receiver;  // acknowledges nothing
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::size_t stream = random() % handles.size();
    ByteVector& bytes = said[stream];
    const auto sequence = static_cast<std::uint32_t>(bytes.size());
    const ByteVector more(1 + random() % 700, static_cast<std::byte>(random()));
    pool.append(handles[stream], sequence, sequence, more, receiver);
    bytes.insert(bytes.end(), more.begin(), more.end());

    const RecentBytes* const recent = pool.find(handles[stream]);
    ASSERT_NE(recent, nullptr);
    const std::size_t begin = bytes.size() - std::min<std::size_t>(bytes.size(), random() % 2000);
    ByteVector copy(bytes.begin() + static_cast<std::ptrdiff_t>(begin), bytes.end());
    const auto from = static_cast<std::uint32_t>(begin);
    EXPECT_NE(recent->compare(from, copy), CopyResult::differs);
    if (copy.empty()) continue;
    copy[random() % copy.size()] ^= std::byte{1};
    EXPECT_NE(recent->compare(from, copy), CopyResult::same);
  }
}

TEST(RecentBytesPool, GivesNobodyTheBytesOfAnother) {
  Limits limits;
  limits.recent_bytes = 8 * sizeof(RecentBytesEntry);
  RecentBytesPool pool(limits);
  const TcpReceiver receiver;
  std::vector<RecentBytesHandle> handles(10);
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const std::size_t stream = random() % handles.size();
    RecentBytesHandle& handle = handles[stream];
    if (random() % 8 == 0) {
      pool.release(handle);
      continue;
    }
    const ByteVector own(16, static_cast<std::byte>(stream));
    if (const RecentBytes* const kept = pool.find(handle)) {
      EXPECT_EQ(kept->compare(100, own), CopyResult::same);
    } else {
      pool.append(handle, 100, 100, own, receiver);
    }
  }
}

}  // namespace
}  // namespace rpcaudit::dissect
