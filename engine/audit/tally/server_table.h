#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dissect/rpc_observer.h"
#include "engine/audit/event/bounded_map.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/target.h"

namespace rpcaudit::audit {

struct ServerKey {
  IpAddress address;

  auto operator<=>(const ServerKey&) const = default;
  void mix(HashMixer& mixer) const noexcept { mixer.add(address.bytes); }
};

// The calls of one server, as its policy judges them.
struct ServerTally {
  std::uint32_t policy = 0;  // an index into ServerPolicies
  std::uint64_t calls = 0;
  std::array<std::uint64_t, evaluate::kVerdictActionCount> actions{};
  // Calls that would be blocked on each target, where all are asked for.
  std::array<std::uint64_t, policy::kTargetCount> blocked_on{};
  bool is_controller = false;  // drsuapi or netlogon was called on it

  void add(const ServerTally& more) noexcept;
};

// Servers by address, in bounded memory.
class ServerTable {
 public:
  using Map = BoundedMap<ServerKey, ServerTally, 4096>;

  // The place of a server, which stays; Map::kNoPlace when there is none.
  [[nodiscard]] std::uint32_t place_of(const IpAddress& server) { return map_.place_of({server}); }
  // Calls that are judged alike. `count` is how many, or what a sum with it takes back. Where the
  // server has no place they are counted as overflow.
  void note(std::uint32_t place, std::uint32_t policy, const evaluate::Verdict& verdict,
            std::uint64_t count);
  void note_permitted(std::uint32_t place, std::uint32_t policy, std::uint64_t count);
  // Calls on the context were judged.
  void note_interface(std::uint32_t place, const dissect::RpcContext& context);
  // A call that is not judged: its server does not run Windows. The server is no silent one.
  void note_unjudged(const dissect::RpcContext& context);
  void add(const ServerTable& more);

  [[nodiscard]] const std::vector<Map::Entry>& entries() const noexcept { return map_.entries(); }
  [[nodiscard]] std::uint64_t overflow() const noexcept { return map_.overflow(); }

 private:
  Map map_;
};

// Counts calls for a ServerTable by their contexts. Nearly all are permitted on every target: those
// are summed up beside what else is known of their context, so that the table is not touched for
// each.
class ServerCounter {
 public:
  // The calls of one context that are not in the table yet.
  struct Sum {
    std::uint32_t generation = 0;  // of the context; 0: none yet
    std::uint32_t place = ServerTable::Map::kNoPlace;
    std::uint32_t policy = 0;
    std::uint32_t permitted = 0;
    bool has_interface = false;  // it was noted
  };

  // Borrows the table.
  explicit ServerCounter(ServerTable& table) : table_(table) {}

  // Counts a call. `sum` is that of the context's slot.
  void note(const dissect::RpcContext& context, std::uint32_t policy,
            const evaluate::Verdict& verdict, Sum& sum);
  // Puts what is summed up into the table. `sum_of(slot)` finds the sums that were used.
  template <typename SumOf>
  void settle(SumOf&& sum_of) {
    for (const std::uint32_t slot : used_) settle_one(sum_of(slot));
  }

 private:
  void settle_one(Sum& sum);

  ServerTable& table_;
  std::vector<std::uint32_t> used_;  // slots of contexts, once each
};

}  // namespace rpcaudit::audit
