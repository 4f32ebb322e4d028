#pragma once

#include <array>
#include <cstdint>

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

  // `count` is 1, or what a sum with it takes back.
  void note(const dissect::RpcContext& context, std::uint32_t policy,
            const evaluate::Verdict& verdict, std::uint64_t count);
  // A call that is not judged: its server does not run Windows. The server is no silent one.
  void note_unjudged(const dissect::RpcContext& context);
  void add(const ServerTable& more);

  [[nodiscard]] const std::vector<Map::Entry>& entries() const noexcept { return map_.entries(); }
  [[nodiscard]] std::uint64_t overflow() const noexcept { return map_.overflow(); }

 private:
  Map map_;
};

}  // namespace rpcaudit::audit
