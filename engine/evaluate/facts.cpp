#include "engine/evaluate/facts.h"

#include <array>

namespace rpcaudit::evaluate {
namespace {

// RPC_C_AUTHN_* and RPC_C_AUTHN_LEVEL_* of rpcdce.h.
constexpr std::uint8_t kAuthNone = 0;
constexpr std::uint8_t kAuthNegotiate = 9;
constexpr std::uint8_t kAuthNtlm = 10;
constexpr std::uint8_t kAuthKerberos = 16;
constexpr std::uint8_t kLevelDefault = 0;
constexpr std::uint8_t kLevelNone = 1;
constexpr std::uint8_t kLevelConnect = 2;
constexpr std::uint8_t kLevelCall = 3;
constexpr std::uint8_t kLevelPacket = 4;
constexpr std::uint8_t kLevelPrivacy = 6;

// Interfaces that only DCOM has ([MS-DCOM] 1.9).
constexpr std::array<Uuid, 5> kDcomInterfaces{
    uuid("000001a0-0000-0000-c000-000000000046"),  // IRemoteSCMActivator
    uuid("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57"),  // IActivation
    uuid("99fcfec4-5260-101b-bbcb-00aa0021347a"),  // IObjectExporter
    uuid("00000131-0000-0000-c000-000000000046"),  // IRemUnknown
    uuid("00000143-0000-0000-c000-000000000046"),  // IRemUnknown2
};

// The interface of calls on the context: a rejected one has none, nor has one that only negotiated
// features, and what was never proposed is not known.
const dissect::SyntaxId* usable_interface(const dissect::RpcContext& context) noexcept {
  if (context.origin == dissect::ContextOrigin::implied || !context.abstract_syntax) return nullptr;
  if (context.result == dissect::ContextResult::rejected) return nullptr;
  if (context.result == dissect::ContextResult::negotiated) return nullptr;
  return &*context.abstract_syntax;
}

// The server takes 0 (DEFAULT) for CONNECT and processes CALL as PKT ([MS-RPCE] 2.2.1.1.8).
std::uint8_t processed_level(std::uint8_t level) noexcept {
  if (level == kLevelDefault) return kLevelConnect;
  return level == kLevelCall ? kLevelPacket : level;
}

void set_security(const dissect::AuthNumbers& numbers, const dissect::SecurityIdentity& identity,
                  CallFacts& facts) noexcept {
  facts.auth_type = numbers.type;
  facts.auth_type_other = numbers.type;
  if (numbers.type == kAuthNegotiate && identity.mechanism != 0) {
    facts.auth_type = identity.mechanism;
  }
  facts.auth_level = processed_level(numbers.level);
  facts.auth_level_other = facts.auth_level;
}

// A call without security of its own. Over a pipe the engine was seen to report nothing (0, 0) for
// some interfaces and NTLM with privacy for others; elsewhere level NONE or DEFAULT.
void set_no_security(dissect::ProtocolSequence protocol, CallFacts& facts) noexcept {
  if (transport_of(protocol).is_pipe) {
    facts.auth_type = kAuthNone;
    facts.auth_level = kLevelDefault;
    facts.auth_type_other = kAuthNtlm;
    facts.auth_level_other = kLevelPrivacy;
    return;
  }
  facts.auth_type = kAuthNone;
  facts.auth_type_other = kAuthNone;
  facts.auth_level = kLevelNone;
  facts.auth_level_other = kLevelDefault;
}

void set_caller(bool anonymous, CallFacts& facts) noexcept {
  facts.anonymous = truth_of(anonymous);
  facts.authenticated = truth_of(!anonymous);
}

// Who the caller is, as far as its token matters. A call without security has no token of its own:
// over a pipe it has that of the SMB session, elsewhere the server sees an anonymous caller. A
// guest is neither anonymous nor one of Authenticated Users, whatever name was given.
void set_identity(const dissect::RpcContext& context, const dissect::SecurityIdentity& identity,
                  CallFacts& facts) noexcept {
  const dissect::ProtocolSequence protocol = context.protocol;
  if (identity.null_session) return set_caller(true, facts);
  const bool by_session = transport_of(protocol).is_pipe && facts.auth_type == kAuthNone;
  if (by_session && !facts.auth_unseen && context.smb && context.smb->guest) {
    facts.anonymous = Truth::no;
    facts.authenticated = Truth::no;
    return;
  }
  const bool kerberos = facts.auth_type == kAuthKerberos || identity.mechanism == kAuthKerberos;
  if (!identity.user.empty() || kerberos) return set_caller(false, facts);
  if (facts.auth_unseen || transport_of(protocol).is_pipe) return;
  if (facts.auth_type == kAuthNone || facts.auth_level == kLevelNone) set_caller(true, facts);
}

std::uint32_t load(Bytes bytes, std::size_t at, std::size_t size, bool big) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t from = big ? at + i : at + size - 1 - i;
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[from]);
  }
  return value;
}

// Whether a stub begins with an ORPCTHIS ([MS-DCOM] 2.2.13.3): version 5.1 to 5.7, flags 0 or 1,
// a reserved zero. The byte order of the stub is not told, so both are tried. The structure takes
// 32 bytes; a shorter prefix may be all that was captured.
Truth begins_with_orpcthis(Bytes body) noexcept {
  constexpr std::size_t kOrpcThisSize = 32;
  if (body.size() < 12) return Truth::unknown;
  for (const bool big : {false, true}) {
    const std::uint32_t minor = load(body, 2, 2, big);
    const bool plausible = load(body, 0, 2, big) == 5 && minor >= 1 && minor <= 7 &&
                           load(body, 4, 4, big) <= 1 && load(body, 8, 4, big) == 0;
    if (plausible) return body.size() < kOrpcThisSize ? Truth::unknown : Truth::yes;
  }
  return Truth::no;
}

Truth is_dcom(const dissect::RpcContext& context, const dissect::RpcCall& call) noexcept {
  const dissect::SyntaxId* interface = usable_interface(context);
  if (interface != nullptr) {
    for (const Uuid& known : kDcomInterfaces) {
      if (interface->uuid == known) return Truth::yes;
    }
  }
  // Calls to objects name one; of the rest, only those on a known interface are known to be none.
  if (!call.object || call.object->is_nil()) {
    return interface == nullptr ? Truth::unknown : Truth::no;
  }
  return begins_with_orpcthis(call.body);
}

PipeOpener smb_caller(const dissect::RpcContext& context) noexcept {
  if (!context.smb) return PipeOpener::unseen;
  const dissect::SecurityIdentity& identity = context.smb->identity;
  if (context.smb->guest || identity.null_session) return PipeOpener::null_or_guest;
  const bool shown = !identity.user.empty() || identity.mechanism == kAuthKerberos;
  return shown ? PipeOpener::account : PipeOpener::unseen;
}

void forget_caller(ContextFacts& context, CallFacts& call) noexcept {
  context.smb_caller = PipeOpener::unseen;
  call.anonymous = Truth::unknown;
  call.authenticated = Truth::unknown;
  call.token = nullptr;
}

}  // namespace

void forget_doubtful(dissect::Doubts doubts, ContextFacts& context, CallFacts& call) noexcept {
  forget_caller(context, call);
  if (!concerns_more_than_caller(doubts)) return;
  context.if_uuid.reset();
  context.if_version.reset();
  context.pipe.reset();
  context.pipe_of_server.reset();
  context.image_name.reset();
  call = {};
  call.opnum.reset();
  call.auth_unseen = true;
  call.dcom = Truth::unknown;
}

ContextFacts context_facts(const dissect::RpcContext& context) noexcept {
  ContextFacts facts;
  facts.protocol = context.protocol;
  if (const dissect::SyntaxId* interface = usable_interface(context)) {
    facts.if_uuid = interface->uuid;
    facts.if_version = interface->version_major;
  }
  facts.local_address = context.server.address;
  facts.remote_address = context.client.address;
  facts.local_port = context.server.port;
  facts.remote_port = context.client.port;
  if (!transport_of(context.protocol).is_pipe) return facts;
  if (!context.pipe.empty()) facts.pipe = context.pipe;
  if (!context.secondary_address.empty()) facts.pipe_of_server = context.secondary_address;
  facts.smb_caller = smb_caller(context);
  return facts;
}

CallFacts call_facts(const dissect::RpcContext& context, const dissect::RpcCall& call) noexcept {
  CallFacts facts;
  facts.opnum = call.opnum;
  facts.auth_unseen = call.auth_unseen;
  if (call.auth) {
    set_security(*call.auth, call.identity, facts);
  } else if (call.connection_auth) {
    set_security(*call.connection_auth, call.identity, facts);
  } else if (!call.auth_unseen) {
    set_no_security(context.protocol, facts);
  }
  set_identity(context, call.identity, facts);
  facts.dcom = is_dcom(context, call);
  return facts;
}

}  // namespace rpcaudit::evaluate
