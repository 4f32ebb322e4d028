#pragma once

#include <cstdint>
#include <vector>

#include "engine/evaluate/server_policies.h"

namespace rpcaudit::audit {

// A policy, and its variants on other targets, narrowed for contexts.
struct Narrowing {
  evaluate::NarrowedPolicy own;
  std::vector<evaluate::NarrowedPolicy> variants;  // by TargetSurvey
};

// Narrowings that many contexts share: most filters look at nothing but the interface of a context
// and the protocol sequence that it came over, and most contexts are of few interfaces.
//
// Bounded: a narrowing takes the place of another one, and one against many filters is not kept.
class KnownNarrowings {
 public:
  // Borrows the policies.
  explicit KnownNarrowings(const evaluate::ServerPolicies& policies);

  // For contexts of these facts; nullptr when it is not known. Valid until the next keep().
  [[nodiscard]] const Narrowing* find(std::uint32_t policy,
                                      const evaluate::ContextFacts& facts) const noexcept;
  // The policy and its survey were narrowed for a context of these facts.
  void keep(std::uint32_t policy, const evaluate::ContextFacts& facts,
            const evaluate::NarrowedPolicy& own,
            const std::vector<evaluate::NarrowedPolicy>& variants);

 private:
  struct Entry {
    std::uint32_t policy = evaluate::kNoPolicy;
    dissect::ProtocolSequence protocol{};
    std::uint16_t version = 0;
    Uuid interface;
    Narrowing narrowing;
  };

  [[nodiscard]] std::size_t place_of(std::uint32_t policy,
                                     const evaluate::ContextFacts& facts) const noexcept;

  const evaluate::ServerPolicies& policies_;
  std::vector<Entry> entries_;
};

}  // namespace rpcaudit::audit
