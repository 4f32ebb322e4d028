#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/audit/event/audit_event.h"

namespace rpcaudit::audit {

// What the server in fact did with something that the policy would stop.
enum class Enforced : std::uint8_t {
  unknown,
  consistent,    // it denied access, refused or did not answer, which other causes may have
  contradicted,  // it answered
  planned,       // the policy was not in force yet
};

[[nodiscard]] std::string_view to_string(Enforced enforced) noexcept;

// What the wire shows of a policy being enforced. Never proof: other causes are known to look the
// same. Names are stable; those not used are empty and stand last.
struct Evidence {
  static constexpr std::size_t kCausesMax = 3;

  Enforced enforced = Enforced::unknown;
  std::array<std::string_view, kCausesMax> other_causes{};

  void add(std::string_view cause) noexcept;
};

[[nodiscard]] Evidence evidence_of(const ContextInfo& context, const CallEvent& call) noexcept;
// The evidence of a refused proposal, by the reason that the server gives.
[[nodiscard]] Evidence evidence_of(const ContextInfo& context,
                                   const RefusedContext& refused) noexcept;
// The evidence of a connection: a blocking IPsec rule drops packets without an answer.
[[nodiscard]] Evidence evidence_of(const ConnectionEvent& connection) noexcept;

}  // namespace rpcaudit::audit
