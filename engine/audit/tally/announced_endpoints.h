#pragma once

#include <cstdint>
#include <map>

#include "dissect/rpc_observer.h"
#include "engine/audit/event/learned_endpoint.h"

namespace rpcaudit::audit {

// What endpoint mappers told each client of each server, for an hour. It labels later calls whose
// interface was not seen, because their bind was not; it proves nothing, so no verdict may rest on
// it. Bounded: what finds no place is counted.
class AnnouncedEndpoints {
 public:
  void note(const dissect::EndpointEntry& entry);
  // What is known of the context's endpoint when the context appears; nothing: count 0.
  [[nodiscard]] AnnouncedInterfaces find(const dissect::RpcContext& context) const;
  [[nodiscard]] std::uint64_t overflow() const noexcept { return overflow_; }

 private:
  static constexpr std::size_t kEndpointsMax = 16'384;

  struct Told {
    AnnouncedInterfaces what;
    Timestamp time;  // of the last announcement
  };

  void make_room(Timestamp now);

  std::map<LearnedEndpoint, Told> endpoints_;
  Timestamp swept_;
  std::uint64_t overflow_ = 0;
};

}  // namespace rpcaudit::audit
