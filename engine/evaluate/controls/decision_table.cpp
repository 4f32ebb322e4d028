#include "engine/evaluate/controls/decision_table.h"

#include <algorithm>
#include <cstddef>

namespace rpcaudit::evaluate {
namespace {

constexpr CarrierSet kTcp = carrier_bit(Carrier::tcp);
constexpr CarrierSet kHttp = carrier_bit(Carrier::http);
constexpr CarrierSet kUdp = carrier_bit(Carrier::datagram);
constexpr CarrierSet kPipe = carrier_bit(Carrier::pipe);
constexpr CarrierSet kStream = kTcp | kHttp;
constexpr CarrierSet kNotPipe = kStream | kUdp;
constexpr CarrierSet kEvery = kNotPipe | kPipe;

constexpr CallerSet kSecured = caller_bit(Caller::secured);
constexpr CallerSet kAnonymous = caller_bit(Caller::anonymous);
constexpr CallerSet kAnonymousAccount = caller_bit(Caller::anonymous_account);
constexpr CallerSet kNullSession = caller_bit(Caller::null_session);
constexpr CallerSet kUnseen = caller_bit(Caller::unseen);
constexpr CallerSet kAuthenticated = kSecured | kAnonymousAccount;
constexpr CallerSet kAnyone = kAuthenticated | kAnonymous | kNullSession | kUnseen;

constexpr ExemptionSet kPlain = exemption_bit(Exemption::none);
constexpr ExemptionSet kExempt = exemption_bit(Exemption::exempt);
constexpr ExemptionSet kUnknown = exemption_bit(Exemption::unknown);
constexpr ExemptionSet kAny = kPlain | kExempt | kUnknown;

using enum Answer;

// clang-format off
constexpr RemoteClientsRow kRemoteClients[] = {
    // transport, caller, exemption -> at 0 (none), 1 (authenticated), 2 (without exceptions)
    {"stream-secured", kStream, kSecured, kAny, {permit, permit, permit},
     "a call with RPC security is not anonymous"},
    {"stream-anonymous-account", kStream, kAnonymousAccount, kAny,
     {permit, contested_permit, contested_permit},
     "RPC security with the anonymous account of NTLM: no source says whether that counts"},
    {"tcp-anonymous", kTcp, kAnonymous, kPlain, {permit, block, block},
     "the RPC runtime rejects anonymous calls"},
    {"tcp-anonymous-exempt", kTcp, kAnonymous, kExempt, {permit, permit, block},
     "ALLOW_CALLBACKS_WITH_NO_AUTH and a security callback exempt the interface at 1, not at 2"},
    {"tcp-anonymous-unknown", kTcp, kAnonymous, kUnknown, {permit, unknown, block},
     "whether the interface is exempt at 1 depends on its registration"},
    {"http-anonymous", kHttp, kAnonymous, kPlain, {permit, contested_block, contested_block},
     "as over TCP; whether the authentication at the proxy counts is not documented"},
    {"http-anonymous-exempt", kHttp, kAnonymous, kExempt, {permit, permit, contested_block},
     "as over TCP; whether the authentication at the proxy counts is not documented"},
    {"http-anonymous-unknown", kHttp, kAnonymous, kUnknown, {permit, unknown, contested_block},
     "whether the interface is exempt at 1 depends on its registration"},
    {"stream-unseen", kStream, kUnseen, kPlain | kUnknown, {permit, unknown, unknown},
     "the capture does not show the call's security"},
    {"stream-unseen-exempt", kStream, kUnseen, kExempt, {permit, permit, unknown},
     "the capture does not show the call's security; at 1 the interface is exempt"},
    {"datagram", kUdp, kAnyone, kPlain | kUnknown, {permit, block, block},
     "calls over connectionless protocols always count as nonsecure"},
    {"datagram-exempt", kUdp, kAnyone, kExempt, {permit, contested_block, block},
     "connectionless calls fail if the value is set; that an exemption helps is not documented"},
    {"pipe-session", kPipe, kAuthenticated, kAny, {permit, permit, permit},
     "named pipes are exempt, and the call is authenticated"},
    {"pipe-null-session", kPipe, kNullSession, kAny, {permit, permit, contested_permit},
     "Microsoft's article exempts pipes from all restrictions; MS-RPCE says so of value 1 only"},
    {"pipe-unseen", kPipe, kUnseen, kAny, {permit, permit, contested_permit},
     "Microsoft's article exempts pipes from all restrictions; MS-RPCE says so of value 1 only"},
};

using enum RegistrationKind;

constexpr RegistrationRow kRegistration[] = {
    // kind, origin, transport, caller -> answer
    {"local-only-remote", local_only, Origin::remote, kEvery, kAnyone, block,
     "ALLOW_LOCAL_ONLY rejects calls of remote clients, over pipes too"},
    {"local-only-local", local_only, Origin::local, kNotPipe, kAnyone, block,
     "ALLOW_LOCAL_ONLY rejects local calls over every network protocol but pipes"},
    {"local-only-local-pipe", local_only, Origin::local, kPipe, kAnyone, block,
     "ALLOW_LOCAL_ONLY rejects calls that come through the SMB server, as every pipe call on the "
     "wire does"},
    {"secure-only-secured", secure_only, Origin::any, kEvery, kAuthenticated, permit,
     "the call is authenticated; since Vista the anonymous account of NTLM counts"},
    {"secure-only-anonymous", secure_only, Origin::any, kNotPipe, kAnonymous, block,
     "ALLOW_SECURE_ONLY rejects unauthenticated calls"},
    {"secure-only-pipe", secure_only, Origin::any, kPipe, kNullSession | kUnseen, permit,
     "ALLOW_SECURE_ONLY lets every SMB session through: since Vista also the null session"},
    {"secure-only-unseen", secure_only, Origin::any, kNotPipe, kUnseen, unknown,
     "whether the call is authenticated was not seen"},
    {"authenticated-only-secured", authenticated_only, Origin::any, kEvery, kAuthenticated, permit,
     "the call is authenticated; since Vista the anonymous account of NTLM counts"},
    {"authenticated-only-anonymous", authenticated_only, Origin::any, kNotPipe, kAnonymous, block,
     "a security callback without ALLOW_CALLBACKS_WITH_NO_AUTH, or ALLOW_SECURE_ONLY beside one, "
     "rejects unauthenticated calls"},
    {"authenticated-only-null-session", authenticated_only, Origin::any, kPipe, kNullSession,
     unknown, "whether a security callback is asked about a null session is not documented"},
    {"authenticated-only-unseen", authenticated_only, Origin::any, kEvery, kUnseen, unknown,
     "whether the call is authenticated was not seen"},
    {"callback-unknown-secured", callback_unknown, Origin::any, kEvery, kAuthenticated, permit,
     "the call is authenticated"},
    {"callback-unknown", callback_unknown, Origin::any, kEvery,
     kAnonymous | kNullSession | kUnseen, unknown,
     "a security callback without ALLOW_CALLBACKS_WITH_NO_AUTH would reject unauthenticated calls; "
     "whether there is one is not known"},
    {"open", open, Origin::any, kEvery, kAnyone, permit,
     "the registration itself rejects nobody"},
    {"unlisted-secured", unlisted, Origin::any, kEvery, kAuthenticated, none,
     "the registration is not known; of an authenticated call only ALLOW_LOCAL_ONLY asks"},
    {"unlisted", unlisted, Origin::any, kEvery, kAnonymous | kNullSession | kUnseen, unknown,
     "the registration is not known, and might reject unauthenticated calls"},
};
// clang-format on

}  // namespace

std::uint8_t remote_clients_row(Carrier carrier, Caller caller, Exemption exemption) noexcept {
  const auto* const row = std::find_if(
      std::begin(kRemoteClients), std::end(kRemoteClients), [&](const RemoteClientsRow& r) {
        return (r.carriers & carrier_bit(carrier)) != 0 && (r.callers & caller_bit(caller)) != 0 &&
               (r.exemptions & exemption_bit(exemption)) != 0;
      });
  return row == std::end(kRemoteClients) ? kNoRow : static_cast<std::uint8_t>(row - kRemoteClients);
}

std::uint8_t remote_clients_row_count() noexcept {
  return static_cast<std::uint8_t>(std::size(kRemoteClients));
}

const RemoteClientsRow& remote_clients_row(std::uint8_t index) noexcept {
  return kRemoteClients[std::min<std::size_t>(index, std::size(kRemoteClients) - 1)];
}

std::uint8_t registration_row(RegistrationKind kind, bool local, Carrier carrier,
                              Caller caller) noexcept {
  const Origin origin = local ? Origin::local : Origin::remote;
  const auto* const row = std::find_if(
      std::begin(kRegistration), std::end(kRegistration), [&](const RegistrationRow& r) {
        return r.kind == kind && (r.origin == Origin::any || r.origin == origin) &&
               (r.carriers & carrier_bit(carrier)) != 0 && (r.callers & caller_bit(caller)) != 0;
      });
  return row == std::end(kRegistration) ? kNoRow : static_cast<std::uint8_t>(row - kRegistration);
}

const RegistrationRow& registration_row(std::uint8_t index) noexcept {
  return kRegistration[std::min<std::size_t>(index, std::size(kRegistration) - 1)];
}

}  // namespace rpcaudit::evaluate
