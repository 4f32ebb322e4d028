#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "capture/frame.h"
#include "dissect/store/prefetch.h"

namespace rpcaudit::dissect {

// How a copy of bytes of a stream compares with what was delivered for their sequence numbers.
enum class CopyResult : std::uint8_t {
  same,     // as far as the copies that came first matter
  differs,  // in at least one byte
  unknown,  // not found to differ, but some of the first copies are not kept any longer
};

// The bytes that one direction of a connection delivered last, kept to compare later copies of them
// with. Bytes that do not matter to anybody, those of files above all, are passed over.
//
// A receiver drops copies of what it has acknowledged, so that few bytes are enough most of the
// time. They are kept in the object itself; a LargeRing takes its place while the receiver lacks
// more than that.
class RecentBytes {
 public:
  static constexpr std::uint32_t kSmallBytes = 1u << 9;
  static constexpr std::uint32_t kLargeBytes = 1u << 14;
  struct LargeRing;

  RecentBytes() noexcept {}  // leaves the pages of the bytes untouched
  RecentBytes(const RecentBytes&) = delete;
  RecentBytes& operator=(const RecentBytes&) = delete;

  // Forgets everything. Bytes from `sequence` on will be kept; those before it are not known.
  void reset(std::uint32_t sequence) noexcept;
  // These bytes were delivered. Sequence numbers between those appended before and `sequence` are
  // those of bytes that do not matter.
  void append(std::uint32_t sequence, Bytes bytes) noexcept;
  // Compares a copy of bytes that all were delivered, or passed over.
  [[nodiscard]] CopyResult compare(std::uint32_t sequence, Bytes bytes) const noexcept;

  // Moves what is known to a large ring, which has to stay until narrow(), or back. The latter
  // keeps what fits.
  void widen(LargeRing& ring) noexcept;
  void narrow() noexcept;
  [[nodiscard]] bool is_large() const noexcept { return large_ != nullptr; }

  // Whether `count` more bytes fit into the object itself together with all those for which
  // `is_acknowledged(end)` does not hold, where `end` is the sequence number behind some of them.
  template <class IsAcknowledged>
  [[nodiscard]] bool fits_small(std::size_t count,
                                const IsAcknowledged& is_acknowledged) const noexcept;

  // Brings the place of the next bytes into the cache.
  void prefetch_end() const noexcept { prefetch_lines(ring().bytes + next_, 65); }

 private:
  static constexpr std::uint32_t kSmallRuns = 4;
  static constexpr std::uint32_t kLargeRuns = 64;

  // A run is of bytes that stand one behind the other both in the stream and in the ring. `ends`
  // are the sequence numbers behind their last bytes.
  template <std::uint32_t kRuns>
  struct Runs {
    std::array<std::uint32_t, kRuns> ends;
    std::array<std::uint16_t, kRuns> sizes;
  };
  // The memory in use.
  struct Ring {
    std::byte* bytes;
    std::uint32_t size;  // of the bytes: a power of two
    std::uint32_t* run_ends;
    std::uint16_t* run_sizes;
    std::uint32_t runs;  // room for so many
  };

  [[nodiscard]] Ring ring() const noexcept;
  [[nodiscard]] std::uint32_t index_of_run(std::uint32_t age, const Ring& ring) const noexcept {
    const std::uint32_t index = first_run_ + run_count_ - 1u - age;  // 0 is the latest
    return index >= ring.runs ? index - ring.runs : index;
  }
  void move_to(LargeRing* large) noexcept;
  void begin_run(std::uint32_t sequence, const Ring& ring) noexcept;
  void drop_oldest_run(const Ring& ring) noexcept;
  void drop_overwritten(const Ring& ring) noexcept;

  // What append() needs stands in the first cache line.
  LargeRing* large_ = nullptr;    // in place of `small_bytes_` and `small_runs_`
  std::uint32_t known_from_ = 0;  // bytes before this sequence number are not known
  std::uint32_t newest_end_ = 0;  // of the newest run, of no bytes until there are any
  std::uint16_t newest_size_ = 0;
  std::uint16_t kept_ = 0;      // bytes of all runs
  std::uint16_t next_ = 0;      // where in the ring the next byte goes
  std::uint8_t first_run_ = 0;  // of the ring of runs before the newest, the oldest first
  std::uint8_t run_count_ = 0;
  Runs<kSmallRuns> small_runs_;
  std::array<std::byte, kSmallBytes> small_bytes_;
};

struct RecentBytes::LargeRing {
  LargeRing() noexcept {}  // leaves its pages untouched

  Runs<kLargeRuns> runs;
  std::array<std::byte, kLargeBytes> bytes;
};

inline RecentBytes::Ring RecentBytes::ring() const noexcept {
  auto* const self = const_cast<RecentBytes*>(this);  // const functions only read what this names
  if (large_ == nullptr) [[likely]] {
    Runs<kSmallRuns>& runs = self->small_runs_;
    return {self->small_bytes_.data(), kSmallBytes, runs.ends.data(), runs.sizes.data(),
            kSmallRuns};
  }
  Runs<kLargeRuns>& runs = large_->runs;
  return {large_->bytes.data(), kLargeBytes, runs.ends.data(), runs.sizes.data(), kLargeRuns};
}

template <class IsAcknowledged>
bool RecentBytes::fits_small(std::size_t count,
                             const IsAcknowledged& is_acknowledged) const noexcept {
  if (newest_size_ == 0 || is_acknowledged(newest_end_)) return count <= kSmallBytes;
  count += newest_size_;
  const Ring ring = this->ring();
  for (std::uint32_t age = 0; age < run_count_; ++age) {
    const std::uint32_t index = index_of_run(age, ring);
    if (is_acknowledged(ring.run_ends[index])) break;
    count += ring.run_sizes[index];
    if (age + 1 == kSmallRuns) return false;
  }
  return count <= kSmallBytes;
}

}  // namespace rpcaudit::dissect
