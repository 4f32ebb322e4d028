#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/rpc_observer.h"
#include "engine/audit/event/audit_event.h"
#include "engine/audit/event/slot_pool.h"

namespace rpcaudit::audit {

// Copies of the names that the wire showed, shared by reference count, because views die with the
// callback that lent them and a record may wait long. Bounded: what does not fit is forgotten and
// counted. The handle kNoSlot stands for "no name seen".
class IdentityStore {
 public:
  explicit IdentityStore(std::size_t capacity) : known_(capacity) {}

  // A reference to a copy of `identity`: to the one at `hint` when that is equal, else to a new
  // one.
  [[nodiscard]] std::uint32_t intern(const dissect::SecurityIdentity& identity, std::uint32_t hint);
  // One more reference.
  std::uint32_t add_reference(std::uint32_t handle);
  void release(std::uint32_t handle);

  // Valid while the handle is held.
  [[nodiscard]] IdentityText text(std::uint32_t handle) const noexcept;

  // What one of them takes.
  [[nodiscard]] static constexpr std::size_t entry_bytes() noexcept {
    return sizeof(Known) + sizeof(std::uint32_t);
  }

  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
  [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }

 private:
  static constexpr std::size_t kNameSizeMax = 128;  // the dissector shows no more

  struct Known {
    std::uint32_t references = 0;
    std::uint8_t user_size = 0;
    std::uint8_t domain_size = 0;
    std::uint8_t workstation_size = 0;
    std::uint8_t service_size = 0;
    bool null_session = false;
    char user[kNameSizeMax];
    char domain[kNameSizeMax];
    char workstation[kNameSizeMax];
    char service[kNameSizeMax];
  };

  SlotPool<Known> known_;
  std::uint64_t dropped_ = 0;
};

}  // namespace rpcaudit::audit
