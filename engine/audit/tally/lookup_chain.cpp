#include "engine/audit/tally/lookup_chain.h"

#include <algorithm>

#include "engine/evaluate/verdict.h"

namespace rpcaudit::audit {
namespace {

// Whether that is where endpoint mappers are themselves: who asked one knew the place before
// ([MS-RPCE] 2.1.1.1, 2.1.1.2, 2.1.2.1 and [MS-RPCH] 2.1, well-known endpoints).
bool is_where_mappers_are(const LearnedEndpoint& place) noexcept {
  switch (place.protocol) {
    case dissect::TowerProtocol::ncacn_ip_tcp:
    case dissect::TowerProtocol::ncadg_ip_udp: return place.port == 135;
    case dissect::TowerProtocol::ncacn_http: return place.port == 593;
    case dissect::TowerProtocol::ncacn_np: return place.pipe == "epmapper";
    default: return false;
  }
}

dissect::SyntaxId major_only(dissect::SyntaxId interface) noexcept {
  interface.version_minor = 0;
  return interface;
}

}  // namespace

LookupChain::LookupChain(const dissect::Limits& limits, ListingFilter& filter,
                         LookupConsequences& sums)
    : filter_(filter), sums_(sums), contexts_(limits.context_slots()) {}

LookupChain::Asker LookupChain::asker_of(const dissect::RpcContext& mapper) noexcept {
  return {mapper.client.address, mapper.server.address, transport_of(mapper.protocol).is_datagram};
}

void LookupChain::note_hidden(const dissect::RpcContext& mapper, dissect::EndpointSource source,
                              const dissect::SyntaxId& interface, std::uint32_t policy,
                              std::uint32_t filter) {
  const Question question{asker_of(mapper), source, major_only(interface)};
  if (questions_.size() == LookupConsequences::kEndpointsMax && !questions_.contains(question)) {
    ++sums_.overflow;
    return;
  }
  questions_.try_emplace(question, policy, filter);
}

void LookupChain::note_listing(const dissect::RpcContext& mapper, EpmListing listing) {
  const Asker asker = asker_of(mapper);
  if (listings_.size() == LookupConsequences::kEndpointsMax && !listings_.contains(asker)) {
    ++sums_.overflow;
    return;
  }
  listings_.insert_or_assign(asker, std::move(listing));
}

void LookupChain::forget_questions() noexcept {
  questions_.clear();
  listings_.clear();
}

void LookupChain::note_answer(const dissect::EndpointEntry& entry) {
  const bool by_datagram = transport_of(entry.carrier).is_datagram;
  if ((entry.protocol == dissect::TowerProtocol::ncadg_ip_udp) != by_datagram) return;
  const Asker asker{entry.client.address, entry.mapper.address, by_datagram};
  const auto question = questions_.find({asker, entry.source, major_only(entry.interface)});
  if (question != questions_.end()) return learn(entry, question->second, false);
  if (entry.source != dissect::EndpointSource::listed) return;
  const auto found = listings_.find(asker);
  if (found == listings_.end()) return;
  const std::uint32_t filter = filter_.blocks(found->second, entry.interface);
  if (filter != evaluate::kNoFilter) learn(entry, {found->second.policy, filter}, true);
}

void LookupChain::learn(const dissect::EndpointEntry& entry, const Hiding& hiding, bool listed) {
  LearnedEndpoint learned = place_told(entry);
  if (is_where_mappers_are(learned)) return;
  learned.interface = major_only(entry.interface);
  learned.is_listed = listed;
  auto found = sums_.endpoints.find(learned);
  if (found == sums_.endpoints.end()) {
    if (sums_.endpoints.size() == LookupConsequences::kEndpointsMax) {
      ++sums_.overflow;
      return;
    }
    found = sums_.endpoints.try_emplace(std::move(learned)).first;
    found->second.policy = hiding.first;
    found->second.filter = hiding.second;
    found->second.lookup = entry.frame;
  }
  found->second.learned = entry.frame.timestamp;
}

void LookupChain::note_context(const dissect::RpcContext& context) {
  if (sums_.endpoints.empty()) return;
  ContextUse& use = contexts_[context.key.slot];
  use = {};
  if (!context.abstract_syntax) return;
  LearnedEndpoint used = place_used(context);
  used.interface = major_only(*context.abstract_syntax);
  use.consequence = find_fresh(used, context.frame.timestamp);
  if (use.consequence != nullptr) return;
  used.is_listed = true;
  use.consequence = find_fresh(used, context.frame.timestamp);
}

LookupConsequence* LookupChain::find_fresh(const LearnedEndpoint& used, Timestamp now) {
  const auto found = sums_.endpoints.find(used);
  if (found == sums_.endpoints.end()) return nullptr;
  const std::int64_t age = nanoseconds_between(found->second.learned, now);
  return age <= kLearnedAge ? &found->second : nullptr;
}

void LookupChain::note_call(const dissect::RpcContext& context) {
  if (sums_.endpoints.empty()) return;
  ContextUse& use = contexts_[context.key.slot];
  if (use.consequence == nullptr) return;
  if (!use.counted) ++use.consequence->contexts;
  use.counted = true;
  ++use.consequence->calls;
}

void LookupConsequences::add(const LookupConsequences& more) {
  overflow += more.overflow;
  for (const auto& [endpoint, other] : more.endpoints) {
    const auto [found, is_new] = endpoints.try_emplace(endpoint, other);
    if (is_new) continue;
    LookupConsequence& sum = found->second;
    if (other.lookup.sequence < sum.lookup.sequence) {
      sum.lookup = other.lookup;
      sum.policy = other.policy;
      sum.filter = other.filter;
    }
    sum.contexts += other.contexts;
    sum.calls += other.calls;
  }
}

std::vector<const std::pair<const LearnedEndpoint, LookupConsequence>*> LookupConsequences::sorted(
    bool listed) const {
  std::vector<const std::pair<const LearnedEndpoint, LookupConsequence>*> all;
  for (const auto& entry : endpoints) {
    if (entry.second.calls != 0 && entry.first.is_listed == listed) all.push_back(&entry);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto* a, const auto* b) { return a->second.calls > b->second.calls; });
  return all;
}

std::uint64_t LookupConsequences::calls(bool listed) const {
  std::uint64_t sum = 0;
  for (const auto& [endpoint, consequence] : endpoints) {
    if (endpoint.is_listed == listed) sum += consequence.calls;
  }
  return sum;
}

}  // namespace rpcaudit::audit
