#include "engine/audit/lookup_chain.h"

#include <algorithm>
#include <cctype>

namespace rpcaudit {
namespace {

std::string pipe_name(std::string_view text) {
  std::string name(text);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  constexpr std::string_view kPrefix = "\\pipe\\";
  const std::size_t at = name.find(kPrefix);
  return at == std::string::npos ? name : name.substr(at + kPrefix.size());
}

SyntaxId major_only(SyntaxId interface) noexcept {
  interface.version_minor = 0;
  return interface;
}

}  // namespace

LearnedEndpoint place_told(const EndpointEntry& entry) {
  LearnedEndpoint place;
  place.client = entry.client.address;
  place.server = entry.mapper.address;
  place.protocol = entry.protocol;
  place.port = entry.port.value_or(0);
  if (entry.protocol == TowerProtocol::ncacn_np) place.pipe = pipe_name(entry.name);
  return place;
}

LearnedEndpoint place_used(const RpcContext& context) {
  LearnedEndpoint place;
  place.client = context.client.address;
  place.server = context.server.address;
  switch (context.protocol) {
    case ProtocolSequence::ncacn_ip_tcp: place.protocol = TowerProtocol::ncacn_ip_tcp; break;
    case ProtocolSequence::ncacn_np: place.protocol = TowerProtocol::ncacn_np; break;
    case ProtocolSequence::ncadg_ip_udp: place.protocol = TowerProtocol::ncadg_ip_udp; break;
    case ProtocolSequence::ncacn_http: place.protocol = TowerProtocol::ncacn_http; break;
  }
  if (place.protocol == TowerProtocol::ncacn_np) {
    place.pipe = pipe_name(context.pipe);
  } else {
    place.port = context.server.port;
  }
  return place;
}

LookupChain::LookupChain(const Limits& limits, LookupConsequences& sums)
    : sums_(sums), contexts_(limits.context_slots()) {}

void LookupChain::note_hidden(const RpcContext& mapper, const SyntaxId& interface,
                              std::uint32_t policy, std::uint32_t filter) {
  const Question question{mapper.client.address, mapper.server.address, major_only(interface),
                          mapper.protocol == ProtocolSequence::ncadg_ip_udp};
  if (questions_.size() == LookupConsequences::kEndpointsMax && !questions_.contains(question)) {
    ++sums_.overflow;
    return;
  }
  questions_.try_emplace(question, policy, filter);
}

void LookupChain::note_answer(const EndpointEntry& entry) {
  if (entry.source != EndpointSource::mapped || questions_.empty()) return;
  const bool by_datagram = entry.carrier == ProtocolSequence::ncadg_ip_udp;
  if ((entry.protocol == TowerProtocol::ncadg_ip_udp) != by_datagram) return;
  const SyntaxId interface = major_only(entry.interface);
  const auto question =
      questions_.find({entry.client.address, entry.mapper.address, interface, by_datagram});
  if (question == questions_.end()) return;
  LearnedEndpoint learned = place_told(entry);
  learned.interface = interface;
  auto found = sums_.endpoints.find(learned);
  if (found == sums_.endpoints.end()) {
    if (sums_.endpoints.size() == LookupConsequences::kEndpointsMax) {
      ++sums_.overflow;
      return;
    }
    found = sums_.endpoints.try_emplace(std::move(learned)).first;
    found->second.policy = question->second.first;
    found->second.filter = question->second.second;
    found->second.lookup = entry.frame;
  }
  found->second.learned = entry.frame.timestamp;
}

void LookupChain::note_context(const RpcContext& context) {
  if (sums_.endpoints.empty()) return;
  ContextUse& use = contexts_[context.key.slot];
  use = {};
  if (!context.abstract_syntax) return;
  LearnedEndpoint used = place_used(context);
  used.interface = major_only(*context.abstract_syntax);
  const auto found = sums_.endpoints.find(used);
  if (found == sums_.endpoints.end()) return;
  const std::int64_t age = context.frame.timestamp.nanoseconds - found->second.learned.nanoseconds;
  if (age <= kLearnedAge) use.consequence = &found->second;
}

void LookupChain::note_call(const RpcContext& context) {
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

std::vector<const std::pair<const LearnedEndpoint, LookupConsequence>*> LookupConsequences::sorted()
    const {
  std::vector<const std::pair<const LearnedEndpoint, LookupConsequence>*> all;
  for (const auto& entry : endpoints) {
    if (entry.second.calls != 0) all.push_back(&entry);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto* a, const auto* b) { return a->second.calls > b->second.calls; });
  return all;
}

std::uint64_t LookupConsequences::calls() const {
  std::uint64_t sum = 0;
  for (const auto& [endpoint, consequence] : endpoints) sum += consequence.calls;
  return sum;
}

}  // namespace rpcaudit
