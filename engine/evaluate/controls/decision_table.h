#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/policy/host_settings.h"

namespace rpcaudit::evaluate {

// Who may call whom, by transport, caller, registration flags and RestrictRemoteClients: the whole
// of it in two tables. Sources: Microsoft, "RPC Interface Restriction for Windows Server", and the
// page on interface registration flags; where they leave something open the row says `contested`.

// What a call comes over, as far as it matters here.
enum class Carrier : std::uint8_t { tcp, http, datagram, pipe };

using CarrierSet = std::uint8_t;
constexpr CarrierSet carrier_bit(Carrier carrier) noexcept {
  return static_cast<CarrierSet>(1U << static_cast<unsigned>(carrier));
}

// Who calls. A pipe brings the authentication of its SMB session with it; other transports have
// none of their own, so there a call without RPC security is anonymous.
enum class Caller : std::uint8_t {
  secured,            // RPC security of level CONNECT at least, or a pipe of a real SMB session
  anonymous,          // no RPC security, not over a pipe
  anonymous_account,  // RPC security, but with NTLM's anonymous account
  null_session,       // no RPC security, over a pipe of a null or guest session
  unseen,             // the trailer was not captured, or the setup of the SMB session not seen
};

using CallerSet = std::uint8_t;
constexpr CallerSet caller_bit(Caller caller) noexcept {
  return static_cast<CallerSet>(1U << static_cast<unsigned>(caller));
}

// Whether the registration takes the interface out of RestrictRemoteClients = 1.
enum class Exemption : std::uint8_t {
  none,     // ALLOW_CALLBACKS_WITH_NO_AUTH not given, or without a callback, which it needs
  exempt,   // the flag, and a security callback
  unknown,  // the registration is not known
};

using ExemptionSet = std::uint8_t;
constexpr ExemptionSet exemption_bit(Exemption exemption) noexcept {
  return static_cast<ExemptionSet>(1U << static_cast<unsigned>(exemption));
}

enum class Answer : std::uint8_t {
  permit,
  block,
  unknown,           // depends on what is not known
  contested,         // the sources contradict each other
  contested_permit,  // the best reading permits, another would not
  contested_block,   // the best reading blocks, another would not
  none,              // the control has nothing to say
};

// One row of RestrictRemoteClients, for callers from another host.
struct RemoteClientsRow {
  std::string_view name;  // stable
  CarrierSet carriers;
  CallerSet callers;
  ExemptionSet exemptions;
  std::array<Answer, policy::kRestrictRemoteClientsCount> at;  // by value: 0, 1, 2
  std::string_view why;
};

// One row of what registration flags alone do.
enum class Origin : std::uint8_t { remote, local, any };
enum class RegistrationKind : std::uint8_t {
  local_only,          // ALLOW_LOCAL_ONLY
  secure_only,         // ALLOW_SECURE_ONLY, and no callback that asks for more
  authenticated_only,  // there is, or may be, a callback without ALLOW_CALLBACKS_WITH_NO_AUTH
  callback_unknown,    // neither flag, and it is not known whether there is a callback
  open,                // neither flag nor callback, or ALLOW_CALLBACKS_WITH_NO_AUTH
  unlisted,            // the policy does not say
};

struct RegistrationRow {
  std::string_view name;  // stable
  RegistrationKind kind;
  Origin origin;
  CarrierSet carriers;
  CallerSet callers;
  Answer answer;
  std::string_view why;
};

inline constexpr std::uint8_t kNoRow = 0xff;

// The index of the one row that covers the call; kNoRow for calls that do not exist (a null session
// is of a pipe, an anonymous call is of anything else).
[[nodiscard]] std::uint8_t remote_clients_row(Carrier carrier, Caller caller,
                                              Exemption exemption) noexcept;
[[nodiscard]] std::uint8_t remote_clients_row_count() noexcept;
[[nodiscard]] const RemoteClientsRow& remote_clients_row(std::uint8_t index) noexcept;

[[nodiscard]] std::uint8_t registration_row(RegistrationKind kind, bool local, Carrier carrier,
                                            Caller caller) noexcept;
[[nodiscard]] const RegistrationRow& registration_row(std::uint8_t index) noexcept;

}  // namespace rpcaudit::evaluate
