#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dissect/rpc_observer.h"
#include "engine/audit/announced_endpoints.h"
#include "engine/audit/catalogue.h"
#include "engine/evaluate/verdict.h"

namespace rpcaudit {

// What the records of a presentation context and of its calls have in common. Kept by the auditor
// for as long as a record needs it; `slot` and `generation` name it for caches.
struct ContextInfo {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  FrameReference frame;
  ProtocolSequence protocol = ProtocolSequence::ncacn_ip_tcp;
  ContextOrigin origin = ContextOrigin::proposed;
  ContextResult result = ContextResult::unanswered;
  std::uint16_t reason = 0;
  std::uint16_t context_id = 0;
  std::uint32_t call_id = 0;
  Endpoint client;
  Endpoint server;
  std::optional<SyntaxId> abstract_syntax;
  std::optional<SyntaxId> transfer_syntax;
  std::optional<CatalogueEntry> catalogue;  // of the abstract syntax
  std::optional<AuthNumbers> auth;
  std::string pipe;
  bool guest = false;             // of an SMB session that the server let in as guest
  AnnouncedInterfaces announced;  // where the abstract syntax is not known
};

// Who speaks, as far as the wire shows it.
struct IdentityText {
  std::string_view user;
  std::string_view domain;
  bool null_session = false;
};

// What the server in fact did with a call that the policy would have blocked.
enum class Enforced : std::uint8_t {
  unknown,
  consistent,    // it denied access, which other causes may have
  contradicted,  // it answered
  planned,       // the policy was not in force yet
};

[[nodiscard]] std::string_view to_string(Enforced enforced) noexcept;
[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;
[[nodiscard]] std::string_view to_string(ContextResult result) noexcept;
[[nodiscard]] std::string_view to_string(BlindnessKind kind) noexcept;

// One call with its outcome and, where there is a policy, its verdict.
struct CallEvent {
  FrameReference frame;
  std::uint32_t call_id = 0;
  std::uint16_t context_id = 0;
  std::uint16_t opnum = 0;
  std::optional<Uuid> object;
  std::optional<Uuid> activity;
  std::uint32_t sequence = 0;
  std::optional<EndpointQuestion> question;
  std::optional<AuthNumbers> auth;
  std::optional<AuthNumbers> connection_auth;
  std::optional<std::array<Endpoint, 2>> carrier;  // where its connection is not the context's
  bool has_interface = true;                       // the context's interface is the call's
  bool provisional = false;  // the context was not acknowledged when the call was made
  bool reported = false;     // would block or undecidable, in an audit
  Outcome outcome = Outcome::unanswered;
  std::uint32_t status = 0;
  FrameReference answer;  // sequence 0 without one
  std::optional<Verdict> verdict;
  std::uint32_t policy = 0;  // that the verdict is of: an index into ServerPolicies
};

// The call was made on a context that was never acknowledged.
[[nodiscard]] bool is_provisional(const ContextInfo& context, const CallEvent& call) noexcept;
[[nodiscard]] Enforced enforced(const CallEvent& call) noexcept;
// What else than the policy is known to deny such a call where access was denied; empty when
// nothing is, or access was not denied.
[[nodiscard]] std::string_view other_cause(const ContextInfo& context,
                                           const CallEvent& call) noexcept;
// Empty when the catalogue does not know it, or the call has no interface.
[[nodiscard]] std::string_view operation_of(const ContextInfo& context,
                                            const CallEvent& call) noexcept;

}  // namespace rpcaudit
