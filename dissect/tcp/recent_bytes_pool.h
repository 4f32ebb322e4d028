#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dissect/limits.h"
#include "dissect/store/slab.h"
#include "dissect/tcp/recent_bytes.h"
#include "dissect/tcp/tcp_receiver.h"

namespace rpcaudit::dissect {

// The bytes that one stream delivered last, as the pool keeps them.
struct alignas(64) RecentBytesEntry {  // all but the bytes themselves in one cache line
  std::uint32_t generation = 0;        // which of the streams that had it has it now
  Slot<RecentBytes::LargeRing> large;  // if it needs one
  bool was_used = false;               // since the search for one to take came by
  RecentBytes bytes;
};

// Which RecentBytes a stream has. They may be taken from it for another stream.
struct RecentBytesHandle {
  Slot<RecentBytesEntry> slot;
  std::uint32_t generation = 0;
};

// A bounded number of RecentBytes, and of large rings for those that need one. When all are in use,
// a RecentBytes that was not appended to of late is taken from its stream, and the large rings from
// their owners in turn.
class RecentBytesPool {
 public:
  explicit RecentBytesPool(const Limits& limits);

  // The bytes of a stream, or nullptr when it has none, or none any longer.
  [[nodiscard]] const RecentBytes* find(const RecentBytesHandle& handle) const noexcept {
    return has(handle) ? &entries_[handle.slot].bytes : nullptr;
  }
  // A stream has delivered bytes, of which those from `sequence` on matter. When it has no
  // RecentBytes, it is given one that knows nothing before `delivered_from`. What `receiver` has
  // not acknowledged is kept as long as a large ring can hold it.
  void append(RecentBytesHandle& handle, std::uint32_t delivered_from, std::uint32_t sequence,
              Bytes bytes, const TcpReceiver& receiver) noexcept;
  void release(RecentBytesHandle& handle) noexcept;

  // Brings the front of a stream's bytes into the cache, then the place of the next ones.
  void prefetch(const RecentBytesHandle& handle) const noexcept {
    if (handle.slot) entries_.prefetch(handle.slot, 1);
  }
  void prefetch_end(const RecentBytesHandle& handle) const noexcept {
    if (handle.slot) entries_[handle.slot].bytes.prefetch_end();
  }

 private:
  [[nodiscard]] bool has(const RecentBytesHandle& handle) const noexcept {
    return handle.slot && entries_[handle.slot].generation == handle.generation;
  }
  [[nodiscard]] Slot<RecentBytesEntry> take() noexcept;
  void widen(Slot<RecentBytesEntry> slot) noexcept;
  void narrow(RecentBytesEntry& entry) noexcept;

  Slab<RecentBytesEntry> entries_;
  Slab<RecentBytes::LargeRing> large_;
  std::vector<Slot<RecentBytesEntry>> owners_;  // of the large rings
  std::uint32_t hand_ = 0;        // where the search for an entry goes on (the CLOCK algorithm)
  std::uint32_t large_hand_ = 0;  // the large ring that is taken next
};

}  // namespace rpcaudit::dissect
