#include "engine/evaluate/facts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace rpcaudit::evaluate {
namespace {

constexpr Uuid kSamr = uuid("12345778-1234-abcd-ef00-0123456789ac");
constexpr Uuid kRemoteActivator = uuid("000001a0-0000-0000-c000-000000000046");
constexpr Uuid kObject = uuid("00000001-0000-0000-c000-000000000046");

dissect::RpcContext context_over(dissect::ProtocolSequence protocol) {
  dissect::RpcContext context;
  context.protocol = protocol;
  context.abstract_syntax = dissect::SyntaxId{kSamr, 1, 2};
  context.result = dissect::ContextResult::accepted;
  context.client = {IpAddress::v4(0x0a00'0002), 50000};
  context.server = {IpAddress::v4(0x0a00'0001), 445};
  return context;
}

dissect::RpcCall call_with(std::uint8_t type, std::uint8_t level) {
  dissect::RpcCall call;
  call.opnum = 5;
  call.auth = dissect::AuthNumbers{type, level, 0};
  return call;
}

// type/level, with the other reading where there is one.
std::string security(const CallFacts& facts) {
  std::string text = std::to_string(facts.auth_type) + '/' + std::to_string(facts.auth_level);
  if (facts.auth_type_other != facts.auth_type || facts.auth_level_other != facts.auth_level) {
    text += " or " + std::to_string(facts.auth_type_other) + '/' +
            std::to_string(facts.auth_level_other);
  }
  return text;
}

std::string caller(const CallFacts& facts) {
  if (facts.anonymous == Truth::yes && facts.authenticated == Truth::no) return "anonymous";
  if (facts.anonymous == Truth::no && facts.authenticated == Truth::yes) return "authenticated";
  if (facts.anonymous == facts.authenticated) return "unknown";
  return "contradictory";
}

// [semantics] 1.2.11.
TEST(ContextFacts, LocalIsTheServerAndRemoteItsClient) {
  const ContextFacts facts = context_facts(context_over(dissect::ProtocolSequence::ncacn_ip_tcp));
  EXPECT_EQ(facts.local_address, IpAddress::v4(0x0a00'0001));
  EXPECT_EQ(facts.remote_address, IpAddress::v4(0x0a00'0002));
  EXPECT_EQ(facts.local_port, 445);
}

// [semantics] 3.2.1: the platform's field has 16 bits, so that only the major version is compared.
TEST(ContextFacts, VersionIsTheMajorOne) {
  const ContextFacts facts = context_facts(context_over(dissect::ProtocolSequence::ncacn_ip_tcp));
  EXPECT_EQ(facts.if_uuid, kSamr);
  EXPECT_EQ(facts.if_version, 1);
}

TEST(ContextFacts, AnUnansweredContextCarriesItsInterface) {
  dissect::RpcContext context = context_over(dissect::ProtocolSequence::ncacn_ip_tcp);
  context.result = dissect::ContextResult::unanswered;
  EXPECT_EQ(context_facts(context).if_uuid, kSamr);
}

TEST(ContextFacts, RefusedNegotiatedAndImpliedContextsHaveNoInterface) {
  dissect::RpcContext context = context_over(dissect::ProtocolSequence::ncacn_ip_tcp);
  for (const dissect::ContextResult result :
       {dissect::ContextResult::rejected, dissect::ContextResult::negotiated}) {
    context.result = result;
    EXPECT_FALSE(context_facts(context).if_uuid);
    EXPECT_FALSE(context_facts(context).if_version);
  }
  context.result = dissect::ContextResult::unanswered;
  context.origin = dissect::ContextOrigin::implied;
  EXPECT_FALSE(context_facts(context).if_uuid);
}

TEST(ContextFacts, OnlyNamedPipesHaveAPipeAndOnlyWhenItWasSeen) {
  dissect::RpcContext context = context_over(dissect::ProtocolSequence::ncacn_np);
  EXPECT_FALSE(context_facts(context).pipe);
  context.pipe = "\\PIPE\\samr";
  EXPECT_EQ(context_facts(context).pipe, "\\PIPE\\samr");
  EXPECT_FALSE(context_facts(context).pipe_of_server);
  context.secondary_address = "\\pipe\\lsass";
  EXPECT_EQ(context_facts(context).pipe_of_server, "\\pipe\\lsass");
}

struct SecurityCase {
  const char* name;
  dissect::ProtocolSequence protocol;
  std::uint8_t type;
  std::uint8_t level;
  std::uint8_t mechanism;
  const char* expected;
};

// [semantics] 3.3.1, 3.3.2, 3.3.5: the trailer of the call, SPNEGO as what it chose, 0 on the wire
// as CONNECT, 3 as 4.
constexpr SecurityCase kSecurityCases[] = {
    {"ntlm_privacy", dissect::ProtocolSequence::ncacn_ip_tcp, 10, 6, 0, "10/6"},
    {"kerberos_over_a_pipe", dissect::ProtocolSequence::ncacn_np, 16, 5, 0, "16/5"},
    {"spnego_chose_kerberos", dissect::ProtocolSequence::ncacn_ip_tcp, 9, 6, 16, "16/6 or 9/6"},
    {"spnego_chose_ntlm", dissect::ProtocolSequence::ncacn_ip_tcp, 9, 5, 10, "10/5 or 9/5"},
    {"spnego_choice_unseen", dissect::ProtocolSequence::ncacn_ip_tcp, 9, 5, 0, "9/5"},
    {"level_default_is_connect", dissect::ProtocolSequence::ncacn_ip_tcp, 10, 0, 0, "10/2"},
    {"level_call_is_packet", dissect::ProtocolSequence::ncacn_ip_tcp, 10, 3, 0, "10/4"},
    {"datagram_netlogon", dissect::ProtocolSequence::ncadg_ip_udp, 68, 6, 0, "68/6"},
};

TEST(CallFacts, SecurityIsThatOfTheTrailerAsTheServerProcessesIt) {
  for (const SecurityCase& row : kSecurityCases) {
    dissect::RpcCall call = call_with(row.type, row.level);
    call.identity.mechanism = row.mechanism;
    EXPECT_EQ(security(call_facts(context_over(row.protocol), call)), row.expected) << row.name;
  }
}

// [semantics] 3.3.3, 3.3.4: without security level NONE, 0 in the other reading; over pipes 0/0 was
// seen, and 10/6.
TEST(CallFacts, WithoutATrailerSourcesDifferOnTheLevel) {
  const dissect::RpcCall call;
  const auto of = [&call](dissect::ProtocolSequence protocol) {
    return security(call_facts(context_over(protocol), call));
  };
  EXPECT_EQ(of(dissect::ProtocolSequence::ncacn_ip_tcp), "0/1 or 0/0");
  EXPECT_EQ(of(dissect::ProtocolSequence::ncadg_ip_udp), "0/1 or 0/0");
  EXPECT_EQ(of(dissect::ProtocolSequence::ncacn_http), "0/1 or 0/0");
  EXPECT_EQ(of(dissect::ProtocolSequence::ncacn_np), "0/0 or 10/6");
}

// At level CONNECT peers leave the trailer out of requests.
TEST(CallFacts, TheConnectionsSecurityStandsInForAnOmittedTrailer) {
  dissect::RpcCall call;
  call.connection_auth = dissect::AuthNumbers{10, 2, 0};
  EXPECT_EQ(security(call_facts(context_over(dissect::ProtocolSequence::ncacn_ip_tcp), call)),
            "10/2");
}

TEST(CallFacts, AnUncapturedTrailerLeavesSecurityAndCallerUnknown) {
  dissect::RpcCall call;
  call.auth_unseen = true;
  const CallFacts facts = call_facts(context_over(dissect::ProtocolSequence::ncacn_ip_tcp), call);
  EXPECT_TRUE(facts.auth_unseen);
  EXPECT_EQ(caller(facts), "unknown");
}

dissect::SecurityIdentity null_session() {
  dissect::SecurityIdentity identity;
  identity.null_session = true;
  return identity;
}

dissect::SecurityIdentity of_user(std::string_view user) {
  dissect::SecurityIdentity identity;
  identity.user = user;
  return identity;
}

dissect::SecurityIdentity by_mechanism(std::uint8_t mechanism) {
  dissect::SecurityIdentity identity;
  identity.mechanism = mechanism;
  return identity;
}

struct CallerCase {
  const char* name;
  dissect::ProtocolSequence protocol;
  std::optional<dissect::AuthNumbers> auth;
  dissect::SecurityIdentity identity;
  const char* expected;
};

// [semantics] 3.4.3: a null session is ANONYMOUS LOGON, a user or a ticket an authenticated user; a
// call without security has no token but, over a pipe, that of the file session.
const CallerCase kCallerCases[] = {
    {"null session", dissect::ProtocolSequence::ncacn_ip_tcp, dissect::AuthNumbers{10, 2, 0},
     null_session(), "anonymous"},
    {"null session of a pipe",
     dissect::ProtocolSequence::ncacn_np,
     {},
     null_session(),
     "anonymous"},
    {"NTLM user", dissect::ProtocolSequence::ncacn_ip_tcp, dissect::AuthNumbers{10, 6, 0},
     of_user("alice"), "authenticated"},
    {"NTLM user not seen",
     dissect::ProtocolSequence::ncacn_ip_tcp,
     dissect::AuthNumbers{10, 6, 0},
     {},
     "unknown"},
    {"Kerberos",
     dissect::ProtocolSequence::ncacn_ip_tcp,
     dissect::AuthNumbers{16, 6, 0},
     {},
     "authenticated"},
    {"Kerberos by SPNEGO", dissect::ProtocolSequence::ncacn_ip_tcp, dissect::AuthNumbers{9, 6, 0},
     by_mechanism(16), "authenticated"},
    {"SPNEGO unseen",
     dissect::ProtocolSequence::ncacn_ip_tcp,
     dissect::AuthNumbers{9, 6, 0},
     {},
     "unknown"},
    {"no security over TCP", dissect::ProtocolSequence::ncacn_ip_tcp, {}, {}, "anonymous"},
    {"no security over UDP", dissect::ProtocolSequence::ncadg_ip_udp, {}, {}, "anonymous"},
    {"no security over a pipe", dissect::ProtocolSequence::ncacn_np, {}, {}, "unknown"},
    {"file session of a user",
     dissect::ProtocolSequence::ncacn_np,
     {},
     of_user("bob"),
     "authenticated"},
    {"secure channel",
     dissect::ProtocolSequence::ncacn_ip_tcp,
     dissect::AuthNumbers{68, 6, 0},
     {},
     "unknown"},
};

TEST(CallFacts, TheCallerIsKnownAsFarAsTheWireShows) {
  for (const CallerCase& row : kCallerCases) {
    dissect::RpcCall call;
    call.auth = row.auth;
    call.identity = row.identity;
    EXPECT_EQ(caller(call_facts(context_over(row.protocol), call)), row.expected) << row.name;
  }
}

// A guest has the rights of the guest account, which is not in Authenticated Users; security of the
// call's own names another caller.
TEST(CallFacts, AGuestIsNeitherAnonymousNorAuthenticated) {
  dissect::RpcContext context = context_over(dissect::ProtocolSequence::ncacn_np);
  context.smb.emplace().guest = true;
  dissect::RpcCall call;
  call.identity = of_user("nobody");
  const CallFacts guest = call_facts(context, call);
  EXPECT_EQ(guest.anonymous, Truth::no);
  EXPECT_EQ(guest.authenticated, Truth::no);
  call.auth = dissect::AuthNumbers{10, 6, 0};
  EXPECT_EQ(caller(call_facts(context, call)), "authenticated");
}

std::vector<std::byte> orpcthis(bool big, std::uint8_t version, std::size_t size) {
  std::vector<std::byte> bytes(size);
  bytes[big ? 1 : 0] = std::byte{version};
  bytes[big ? 3 : 2] = std::byte{7};
  return bytes;
}

Truth dcom(const Uuid& interface, std::optional<Uuid> object, const std::vector<std::byte>& body) {
  dissect::RpcContext context = context_over(dissect::ProtocolSequence::ncacn_ip_tcp);
  context.abstract_syntax->uuid = interface;
  dissect::RpcCall call;
  call.object = object;
  call.body = body;
  return call_facts(context, call).dcom;
}

// [semantics] 3.6.1: activation interfaces, or an object and a stub that begins with an ORPCTHIS.
TEST(CallFacts, DcomIsAKnownInterfaceOrAnObjectWithAnOrpcThis) {
  EXPECT_EQ(dcom(kRemoteActivator, {}, {}), Truth::yes);
  EXPECT_EQ(dcom(kSamr, kObject, orpcthis(false, 5, 40)), Truth::yes);
  EXPECT_EQ(dcom(kSamr, kObject, orpcthis(true, 5, 40)), Truth::yes);
}

TEST(CallFacts, AnObjectAloneDoesNotMakeDcom) {
  EXPECT_EQ(dcom(kSamr, kObject, orpcthis(false, 4, 40)), Truth::no);
  EXPECT_EQ(dcom(kSamr, Uuid{}, orpcthis(false, 5, 40)), Truth::no);  // the nil object is none
  EXPECT_EQ(dcom(kSamr, {}, orpcthis(false, 5, 40)), Truth::no);
}

// [semantics] 3.6.2.
TEST(CallFacts, AnObjectWithAHiddenOrCutStubMayBeDcom) {
  EXPECT_EQ(dcom(kSamr, kObject, {}), Truth::unknown);
  EXPECT_EQ(dcom(kSamr, kObject, orpcthis(false, 5, 31)), Truth::unknown);
}

TEST(CallFacts, AnUnknownInterfaceMayBeDcom) {
  dissect::RpcContext context = context_over(dissect::ProtocolSequence::ncacn_ip_tcp);
  context.abstract_syntax.reset();
  EXPECT_EQ(call_facts(context, dissect::RpcCall{}).dcom, Truth::unknown);
}

}  // namespace
}  // namespace rpcaudit::evaluate
