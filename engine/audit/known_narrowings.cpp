#include "engine/audit/known_narrowings.h"

#include <algorithm>
#include <cstring>

namespace rpcaudit::audit {
namespace {

constexpr std::size_t kEntries = 128;
constexpr std::size_t kCandidatesMax = 128;

}  // namespace

KnownNarrowings::KnownNarrowings(const evaluate::ServerPolicies& policies)
    : policies_(policies), entries_(kEntries) {}

std::size_t KnownNarrowings::place_of(std::uint32_t policy,
                                      const evaluate::ContextFacts& facts) const noexcept {
  std::uint64_t hash = policy * 31u + static_cast<std::uint64_t>(facts.protocol);
  for (std::size_t at = 0; at < facts.if_uuid->bytes.size(); at += sizeof hash) {
    std::uint64_t word = 0;
    std::memcpy(&word, facts.if_uuid->bytes.data() + at, sizeof word);
    hash = (hash ^ word) * 0x9e37'79b9'7f4a'7c15;
  }
  return hash >> 32 & (kEntries - 1);
}

const Narrowing* KnownNarrowings::find(std::uint32_t policy,
                                       const evaluate::ContextFacts& facts) const noexcept {
  if (!facts.if_uuid) return nullptr;
  const Entry& entry = entries_[place_of(policy, facts)];
  if (entry.policy != policy || entry.protocol != facts.protocol ||
      entry.version != facts.if_version.value_or(0) || entry.interface != *facts.if_uuid) {
    return nullptr;
  }
  const bool is_named = policies_.compiled(policy).names_client(facts.remote_address) ||
                        policies_.survey(policy).names_client(facts.remote_address);
  return is_named ? nullptr : &entry.narrowing;
}

void KnownNarrowings::keep(std::uint32_t policy, const evaluate::ContextFacts& facts,
                           const evaluate::NarrowedPolicy& own,
                           const std::vector<evaluate::NarrowedPolicy>& variants) {
  if (!own.is_of_interface() || !policies_.survey(policy).is_of_interface(facts, variants)) return;
  const auto is_large = [](const evaluate::NarrowedPolicy& one) {
    return one.candidate_count() > kCandidatesMax;
  };
  if (is_large(own) || std::any_of(variants.begin(), variants.end(), is_large)) return;
  entries_[place_of(policy, facts)] = {
      policy, facts.protocol, facts.if_version.value_or(0), *facts.if_uuid, {own, variants}};
}

}  // namespace rpcaudit::audit
