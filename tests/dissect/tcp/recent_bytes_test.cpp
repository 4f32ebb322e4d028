// What is kept of delivered bytes, held against a model that keeps all of them.

#include "dissect/tcp/recent_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "tests/support/rpc_bytes.h"

namespace rpcaudit::dissect {
namespace {

using test::ByteVector;

// A stream of which some bytes matter. Sequence numbers wrap in its midst.
class ModelStream {
 public:
  explicit ModelStream(std::uint32_t seed)
      : random_(seed), bytes_(std::make_unique<RecentBytes>()) {
    bytes_->reset(kFirst);
  }

  // Appends some bytes, behind some that do not matter.
  void deliver() {
    const std::size_t passed = below(3) == 0 ? below(2000) : 0;
    const std::size_t size = 1 + below(below(20) == 0 ? 20000 : 600);
    said_.resize(said_.size() + passed);
    matters_.resize(said_.size(), false);
    ByteVector bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_());
    bytes_->append(kFirst + static_cast<std::uint32_t>(said_.size()), bytes);
    said_.insert(said_.end(), bytes.begin(), bytes.end());
    matters_.resize(said_.size(), true);
    // Of more than fits the last bytes are kept.
    if (size > RecentBytes::kBytes) {
      const auto first = static_cast<std::ptrdiff_t>(said_.size() - RecentBytes::kBytes);
      std::fill(matters_.begin(), matters_.begin() + first, false);
    }
  }

  // Compares a copy of bytes near the end, one of which may differ.
  void repeat() {
    const std::size_t reach = std::min<std::size_t>(said_.size(), 3 * RecentBytes::kBytes);
    const std::size_t back = 1 + below(reach);
    const std::size_t begin = said_.size() - back;
    const std::size_t size = 1 + below(std::min<std::size_t>(back, 3000));
    const auto from = said_.begin() + static_cast<std::ptrdiff_t>(begin);
    ByteVector copy(from, from + static_cast<std::ptrdiff_t>(size));
    const std::size_t changed = below(size);
    const bool is_changed = below(2) == 0;
    if (is_changed) copy[changed] ^= std::byte{1};
    const CopyResult result = bytes_->compare(kFirst + static_cast<std::uint32_t>(begin), copy);
    if (!is_changed) {
      EXPECT_NE(result, CopyResult::differs);
    } else if (!matters_[begin + changed]) {
      EXPECT_NE(result, CopyResult::differs) << "a byte that does not matter";
    } else {
      EXPECT_NE(result, CopyResult::same) << back << " bytes before the end";
    }
    // What the buffer and the runs can hold is known.
    if (back <= kSurelyKept) {
      EXPECT_EQ(result,
                is_changed && matters_[begin + changed] ? CopyResult::differs : CopyResult::same);
    }
  }

 private:
  static constexpr std::uint32_t kFirst = 0xffff'8000;
  static constexpr std::size_t kSurelyKept = 64;

  std::size_t below(std::size_t bound) { return random_() % bound; }

  std::mt19937 random_;
  std::unique_ptr<RecentBytes> bytes_;
  ByteVector said_;
  std::vector<bool> matters_;
};

TEST(RecentBytes, TellACopyThatDiffersOrThatTheyDoNotKnow) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    ModelStream stream(seed);
    for (int i = 0; i < 400; ++i) {
      stream.deliver();
      for (int copy = 0; copy < 5; ++copy) stream.repeat();
    }
    if (HasFailure()) return;
  }
}

// Streams take bytes from each other, and nobody is told those of another.
TEST(RecentBytesPool, GivesNobodyTheBytesOfAnother) {
  Limits limits;
  limits.recent_bytes = 4 * RecentBytes::kBytes;
  RecentBytesPool pool(limits);
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
    const RecentBytes* const kept = pool.find(handle);
    if (kept != nullptr) {
      EXPECT_EQ(kept->compare(100, own), CopyResult::same);
    }
    const bool is_new = kept == nullptr;
    RecentBytes& bytes = pool.get(handle, 100);
    if (is_new) bytes.append(100, own);
  }
}

}  // namespace
}  // namespace rpcaudit::dissect
