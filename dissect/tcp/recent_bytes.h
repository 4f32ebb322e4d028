#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "capture/frame.h"
#include "dissect/limits.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// How a copy of bytes of a stream compares with what was delivered for their sequence numbers.
enum class CopyResult : std::uint8_t {
  same,     // as far as the copies that came first matter
  differs,  // in at least one byte
  unknown,  // not found to differ, but some of the first copies are not kept any longer
};

// The bytes that one direction of a connection delivered last, kept to compare later copies of them
// with. Bytes that do not matter to anybody, those of files above all, are passed over.
class RecentBytes {
 public:
  static constexpr std::size_t kBytes = 1u << 14;

  RecentBytes() noexcept {}  // leaves the pages of `bytes_` untouched

  // Forgets everything. Bytes from `sequence` on will be kept; those before it are not known.
  void reset(std::uint32_t sequence) noexcept;
  // These bytes were delivered. Sequence numbers between those appended before and `sequence` are
  // those of bytes that do not matter.
  void append(std::uint32_t sequence, Bytes bytes) noexcept;
  // Compares a copy of bytes that all were delivered, or passed over.
  [[nodiscard]] CopyResult compare(std::uint32_t sequence, Bytes bytes) const noexcept;

  // Brings the place of the next bytes into the cache.
  void prefetch_end() const noexcept {
    const std::byte* const end = bytes_.data() + written_ % kBytes;
    __builtin_prefetch(end, 1);
    __builtin_prefetch(end + 64, 1);
  }

 private:
  // Bytes that stand one behind the other both in the stream and in `bytes_`.
  struct Run {
    std::uint32_t end = 0;   // sequence number behind the last byte
    std::uint32_t size = 0;  // at most kBytes
    std::uint32_t log_end = 0;

    [[nodiscard]] std::uint32_t begin() const noexcept { return end - size; }
  };
  static constexpr std::size_t kRuns = 64;

  [[nodiscard]] CopyResult compare(const Run& run, std::uint32_t sequence,
                                   Bytes bytes) const noexcept;
  void begin_run(std::uint32_t sequence) noexcept;
  void drop_overwritten() noexcept;

  // What every append() needs stands in the first cache line.
  std::uint32_t written_ = 0;     // bytes ever appended; their place in `bytes_` is modulo kBytes
  std::uint32_t known_from_ = 0;  // bytes before this sequence number are not known
  Run newest_;                    // of no bytes until there are any
  std::uint8_t first_run_ = 0;    // of the ring of earlier runs, the oldest first
  std::uint8_t run_count_ = 0;
  std::array<Run, kRuns> runs_;
  std::array<std::byte, kBytes> bytes_;
};

// Which RecentBytes a stream has. They may be taken from it for another stream.
struct RecentBytesHandle {
  Slot<RecentBytes> slot;
  std::uint32_t generation = 0;
};

// A bounded number of RecentBytes. When all are in use, one that was not appended to of late is
// taken from its stream.
class RecentBytesPool {
 public:
  explicit RecentBytesPool(const Limits& limits);

  // The bytes of a stream, or nullptr when it has none, or none any longer.
  [[nodiscard]] RecentBytes* find(const RecentBytesHandle& handle) noexcept;
  // The bytes of a stream; if need be new ones, which know nothing before `sequence`.
  [[nodiscard]] RecentBytes& get(RecentBytesHandle& handle, std::uint32_t sequence) noexcept;
  void release(RecentBytesHandle& handle) noexcept;

  // Brings the front of a stream's bytes into the cache, then the place of the next ones.
  void prefetch(const RecentBytesHandle& handle) const noexcept {
    if (handle.slot) entries_.prefetch(handle.slot, 1);
  }
  void prefetch_end(const RecentBytesHandle& handle) const noexcept {
    if (handle.slot) entries_[handle.slot].prefetch_end();
  }

 private:
  // Who has an entry is kept apart: entries are far from each other in memory.
  struct Owner {
    std::uint32_t generation = 0;
    bool was_used = false;  // since the search for one to take came by
  };

  [[nodiscard]] bool has(const RecentBytesHandle& handle) const noexcept {
    return handle.slot && owners_[handle.slot.index].generation == handle.generation;
  }
  [[nodiscard]] Slot<RecentBytes> take() noexcept;

  Slab<RecentBytes> entries_;
  std::vector<Owner> owners_;
  std::uint32_t hand_ = 0;  // where that search goes on (the CLOCK algorithm)
};

}  // namespace rpcaudit::dissect
