#pragma once

#include <array>
#include <cstdint>

#include "dissect/rpc/pending_calls.h"
#include "dissect/rpc_observer.h"
#include "dissect/store/keyed_slab.h"

namespace rpcaudit::dissect {

// What one client host says under one activity UUID to one server host (C706 10.1.5): calls that
// are numbered upwards.
struct DatagramActivity {
  // How far below the highest one a sequence number may be and still be known as told or not.
  static constexpr std::uint32_t kToldWindow = 64;

  Uuid uuid;
  IpAddress client;
  IpAddress server;
  std::uint32_t highest = 0;  // sequence number told
  std::uint64_t told = 0;     // bit n: the call numbered highest - n was told
  std::uint64_t settled = 0;  // bit n: and answered, or told once more as in doubt
  std::array<std::uint16_t, kToldWindow> digests{};  // of what was told, by number
  DatagramPendingCalls::List calls;                  // calls that wait for their outcome
  std::uint32_t nocall_sequence = 0;
  FrameReference nocall;  // in which the server said that it knows no such call

  [[nodiscard]] bool was_told(std::uint32_t sequence) const noexcept;
  // `digest` is of the interface and the operation.
  void note_told(std::uint32_t sequence, std::uint16_t digest) noexcept;
  // Whether a datagram of a call that was told says something else than what was told, and may be
  // what the server took: the call has neither an answer nor been told twice.
  [[nodiscard]] bool is_contradicted(std::uint32_t sequence, std::uint16_t digest) const noexcept;
  void settle(std::uint32_t sequence) noexcept;
};

// All activities, found by UUID and hosts. Bounded, over all and for each UUID of a client: whoever
// adds makes room first.
class DatagramActivities {
 public:
  DatagramActivities(std::size_t capacity, std::uint64_t seed);

  // The activity of this name; none when it is not known.
  [[nodiscard]] Slot<DatagramActivity> find(const Uuid& uuid, const IpAddress& client,
                                            const IpAddress& server) const noexcept;
  // The client's first activity, whatever the server, for which `is_it(slot)` holds.
  template <class Predicate>
  [[nodiscard]] Slot<DatagramActivity> find_of_client(const Uuid& uuid, const IpAddress& client,
                                                      Predicate is_it) const noexcept {
    return activities_.find(hash(uuid, client), [&](Slot<DatagramActivity> slot) {
      const DatagramActivity& activity = activities_[slot];
      return activity.uuid == uuid && activity.client == client && is_it(slot);
    });
  }

  // The activity to remove before one of this name can be added; none while there is room.
  [[nodiscard]] Slot<DatagramActivity> in_the_way(const Uuid& uuid,
                                                  const IpAddress& client) const noexcept;
  Slot<DatagramActivity> add(const Uuid& uuid, const IpAddress& client,
                             const IpAddress& server) noexcept;
  void remove(Slot<DatagramActivity> slot) noexcept { activities_.remove(slot); }

  // Marks the activity as just used: it becomes the last to be evicted.
  void touch(Slot<DatagramActivity> slot) noexcept { activities_.touch(slot); }
  [[nodiscard]] Slot<DatagramActivity> oldest() const noexcept { return activities_.oldest(); }

  DatagramActivity& operator[](Slot<DatagramActivity> slot) noexcept { return activities_[slot]; }
  const DatagramActivity& operator[](Slot<DatagramActivity> slot) const noexcept {
    return activities_[slot];
  }

  // What a call asks for, in 16 bits that a sender cannot foresee.
  [[nodiscard]] std::uint16_t digest(const SyntaxId& interface, std::uint16_t opnum) const noexcept;

  // A number by which the messages of an activity can be told from those of nearly all others.
  [[nodiscard]] std::uint64_t hash(const Uuid& uuid, const IpAddress& client) const noexcept;

 private:
  KeyedSlab<DatagramActivity> activities_;
  std::array<std::uint64_t, 4> secrets_{};
};

}  // namespace rpcaudit::dissect
