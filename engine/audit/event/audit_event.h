#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dissect/rpc_observer.h"
#include "engine/audit/catalogue/catalogue.h"
#include "engine/audit/event/learned_endpoint.h"
#include "engine/evaluate/verdict.h"

namespace rpcaudit::audit {

// What the records of a presentation context and of its calls have in common. Kept by the auditor
// for as long as a record needs it; `slot` and `generation` name it for caches.
struct ContextInfo : dissect::ContextFactsOnWire {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  std::uint32_t revision = 0;               // another one after each change within the generation
  std::optional<CatalogueEntry> catalogue;  // of the abstract syntax
  std::string pipe;                         // RpcContext::pipe
  bool guest = false;                       // of an SMB session that the server let in as guest
  bool logon_unseen = false;                // of an SMB session, whose setup was not captured
  AnnouncedInterfaces announced;            // where the abstract syntax is not known
};

// Who speaks, as far as the wire shows it.
struct IdentityText {
  std::string_view user;
  std::string_view domain;
  bool null_session = false;
  std::string_view workstation = {};  // that the caller says to be at
  std::string_view service = {};      // that the caller means, `cifs/dc1.example`
};

// What became of policies that somebody wanted to be read.
enum class PolicyOutcome : std::uint8_t {
  taken_over,  // they judge from here on
  unchanged,   // they are the ones that judge already
  refused,     // they cannot judge, and the policies before go on
};
inline constexpr std::size_t kPolicyOutcomeCount = 3;

[[nodiscard]] std::string_view to_string(PolicyOutcome outcome) noexcept;
[[nodiscard]] std::string_view to_string(dissect::Outcome outcome) noexcept;
[[nodiscard]] std::string_view to_string(dissect::ContextResult result) noexcept;
[[nodiscard]] std::string_view to_string(dissect::OpeningAnswer answer) noexcept;
[[nodiscard]] std::string_view to_string(dissect::BlindnessKind kind) noexcept;

// One call with its outcome and, where there is a policy, its verdict.
struct CallEvent : dissect::CallFactsOnWire {
  bool has_interface = true;  // the context's interface is the call's
  bool provisional = false;   // the context was not acknowledged when the call was made
  bool reported = false;      // would block or undecidable, in an audit
  dissect::Outcome outcome = dissect::Outcome::unanswered;
  std::uint32_t status = 0;
  dissect::FrameReference answer;  // sequence 0 without one
  std::optional<evaluate::Verdict> verdict;
  std::uint32_t policy = 0;  // that the verdict is of: an index into ServerPolicies
};

// A proposal that the server refused, where the settings of its RPC runtime would stop the calls.
struct RefusedContext {
  evaluate::Verdict verdict;  // of the registration and RestrictRemoteClients, whatever is called
  std::uint32_t policy = 0;   // an index into ServerPolicies
};

// A TCP connection to a port of RPC that a client opened or tried to open, and what the IPsec rules
// of the server say of it.
struct ConnectionEvent {
  dissect::FrameReference frame;  // of the first SYN
  Endpoint client;
  Endpoint server;
  evaluate::ControlVerdict ipsec;
  evaluate::InForce in_force = evaluate::InForce::yes;
  dissect::OpeningAnswer answer = dissect::OpeningAnswer::unknown;
  std::uint32_t repeated = 0;  // SYNs after the first
  std::uint32_t policy = 0;    // an index into ServerPolicies
  std::uint32_t slot = 0;      // TcpOpening::slot
};

// What is said of the connection: IPsec passes what it does not concern.
[[nodiscard]] evaluate::VerdictAction action_of(const ConnectionEvent& connection) noexcept;
// The call was made on a context that was never acknowledged.
[[nodiscard]] bool is_provisional(const ContextInfo& context, const CallEvent& call) noexcept;
// Empty when the catalogue does not know it, or the call has no interface.
[[nodiscard]] std::string_view operation_of(const ContextInfo& context,
                                            const CallEvent& call) noexcept;

}  // namespace rpcaudit::audit
