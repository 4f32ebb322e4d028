#include "engine/audit/tally/announced_endpoints.h"

#include <algorithm>

namespace rpcaudit::audit {
namespace {

// A full table is searched for what is too old at most this often.
constexpr std::int64_t kSweepInterval = 60 * kNanosecondsPerSecond;

bool is_old(Timestamp told, Timestamp now) noexcept {
  return nanoseconds_between(told, now) > kLearnedAge;
}

void add(const dissect::SyntaxId& interface, AnnouncedInterfaces& known) noexcept {
  const auto end = known.interfaces.begin() + known.count;
  if (std::find(known.interfaces.begin(), end, interface) != end) return;
  if (known.count == AnnouncedInterfaces::kMax) {
    known.more = true;
    return;
  }
  known.interfaces[known.count++] = interface;
}

}  // namespace

void AnnouncedEndpoints::note(const dissect::EndpointEntry& entry) {
  if (entry.source != dissect::EndpointSource::mapped &&
      entry.source != dissect::EndpointSource::listed)
    return;
  // Datagrams and connections of one pair of hosts may be dissected apart.
  if (transport_of(entry.carrier).is_datagram) return;
  const bool may_be_joined_midway = entry.protocol == dissect::TowerProtocol::ncacn_ip_tcp ||
                                    entry.protocol == dissect::TowerProtocol::ncacn_np ||
                                    entry.protocol == dissect::TowerProtocol::ncacn_http;
  if (!may_be_joined_midway) return;
  LearnedEndpoint place = place_told(entry);
  auto found = endpoints_.find(place);
  if (found == endpoints_.end()) {
    if (endpoints_.size() == kEndpointsMax) make_room(entry.frame.timestamp);
    if (endpoints_.size() == kEndpointsMax) {
      ++overflow_;
      return;
    }
    found = endpoints_.try_emplace(std::move(place)).first;
  } else if (is_old(found->second.time, entry.frame.timestamp)) {
    found->second.what = {};
  }
  found->second.time = entry.frame.timestamp;
  add(entry.interface, found->second.what);
}

void AnnouncedEndpoints::make_room(Timestamp now) {
  if (nanoseconds_between(swept_, now) < kSweepInterval) return;
  swept_ = now;
  std::erase_if(endpoints_, [&](const auto& told) { return is_old(told.second.time, now); });
}

AnnouncedInterfaces AnnouncedEndpoints::find(const dissect::RpcContext& context) const {
  if (endpoints_.empty()) return {};
  const auto found = endpoints_.find(place_used(context));
  if (found == endpoints_.end()) return {};
  return is_old(found->second.time, context.frame.timestamp) ? AnnouncedInterfaces{}
                                                             : found->second.what;
}

}  // namespace rpcaudit::audit
