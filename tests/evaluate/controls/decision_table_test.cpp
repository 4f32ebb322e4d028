// RestrictRemoteClients and registration flags, cell by cell: Microsoft's "RPC Interface
// Restriction for Windows Server", its policy's help text, and the page on interface registration
// flags.

#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "engine/evaluate/controls/decision_table.h"
#include "engine/evaluate/controls/host_controls.h"

namespace rpcaudit::evaluate {
namespace {

constexpr std::uint32_t kNone = 0;
constexpr std::uint32_t kExempting = policy::kAllowCallbacksWithNoAuth;
constexpr Uuid kInterface = uuid("12345678-1234-abcd-ef00-01234567cffb");

// How a call arrives: as in the first two columns of the table.
enum class Call {
  tcp_connect,  // RPC security of level CONNECT
  tcp_privacy,
  tcp_anonymous,
  tcp_null_account,  // RPC security by NTLM's anonymous account
  tcp_cut,           // the trailer was not captured
  http_privacy,
  http_anonymous,
  udp_privacy,
  udp_anonymous,
  pipe_account,  // no RPC security, over the pipe of a user's SMB session
  pipe_null,
  pipe_unknown,
  pipe_null_privacy,  // RPC security inside the pipe of a null session
};

struct Facts {
  ContextFacts context;
  CallFacts call;
};

Facts facts_of(Call kind) {
  Facts facts;
  facts.context.if_uuid = kInterface;
  facts.context.local_address = IpAddress::v4(0x0a00'0001);
  facts.context.remote_address = IpAddress::v4(0x0a00'0002);
  const auto over = [&](dissect::ProtocolSequence protocol, std::uint8_t level) {
    facts.context.protocol = protocol;
    facts.call.auth_level = level;
    facts.call.auth_type = level >= 2 ? 10 : 0;
  };
  using enum dissect::ProtocolSequence;
  switch (kind) {
    case Call::tcp_connect: over(ncacn_ip_tcp, 2); break;
    case Call::tcp_privacy: over(ncacn_ip_tcp, 6); break;
    case Call::tcp_anonymous: over(ncacn_ip_tcp, 1); break;
    case Call::tcp_null_account:
      over(ncacn_ip_tcp, 2);
      facts.call.anonymous = Truth::yes;
      break;
    case Call::tcp_cut:
      over(ncacn_ip_tcp, 0);
      facts.call.auth_unseen = true;
      break;
    case Call::http_privacy: over(ncacn_http, 6); break;
    case Call::http_anonymous: over(ncacn_http, 1); break;
    case Call::udp_privacy: over(ncadg_ip_udp, 6); break;
    case Call::udp_anonymous: over(ncadg_ip_udp, 1); break;
    case Call::pipe_account:
      over(ncacn_np, 0);
      facts.context.smb_caller = PipeOpener::account;
      break;
    case Call::pipe_null:
      over(ncacn_np, 0);
      facts.context.smb_caller = PipeOpener::null_or_guest;
      break;
    case Call::pipe_unknown: over(ncacn_np, 0); break;
    case Call::pipe_null_privacy:
      over(ncacn_np, 6);
      facts.context.smb_caller = PipeOpener::null_or_guest;
      break;
  }
  return facts;
}

// `?` is undecidable, `*` marks that another reading gives something else.
std::string word(const ControlVerdict& verdict) {
  std::string text;
  switch (verdict.action) {
    case ControlAction::not_judged: text = "-"; break;
    case ControlAction::not_applicable: text = "n/a"; break;
    case ControlAction::would_permit: text = "allow"; break;
    case ControlAction::would_block: text = "DENY"; break;
    case ControlAction::undecidable: text = "?"; break;
  }
  return verdict.readings_differ ? text + '*' : text;
}

enum class Callback { no, yes, unknown };

policy::HostSettings host_with(std::uint32_t flags, Callback callback) {
  policy::HostSettings host;
  policy::InterfaceRegistration registration;
  registration.interface = kInterface;
  registration.flags = flags;
  if (callback != Callback::unknown) registration.has_callback = callback == Callback::yes;
  host.registrations.push_back(registration);
  return host;
}

Verdict judge(const policy::HostSettings& host, const Facts& facts) {
  const HostControls controls(host);
  Verdict verdict;
  controls.apply(controls.narrow(facts.context), facts.call, verdict);
  return verdict;
}

std::string at(policy::HostSettings host, policy::RestrictRemoteClients value, Call call) {
  host.restrict_remote_clients = {value, {}};
  return word(judge(host, facts_of(call)).controls[Control::restrict_remote_clients]);
}

struct Cell {
  const char* name;
  Call call;
  std::uint32_t flags;
  Callback callback;
  const char* none;  // RestrictRemoteClients 0, 1, 2
  const char* authenticated;
  const char* without_exceptions;
};

void PrintTo(const Cell& cell, std::ostream* out) { *out << cell.name; }

// clang-format off
constexpr Cell kCells[] = {
  // name                  call                     flags        callback           0, 1, 2
  {"tcp_connect", Call::tcp_connect, kNone, Callback::no, "allow", "allow", "allow"},
  {"tcp_privacy", Call::tcp_privacy, kExempting, Callback::yes, "allow", "allow", "allow"},
  {"tcp_anonymous", Call::tcp_anonymous, kNone, Callback::no, "allow", "DENY", "DENY"},
  {"tcp_exempt", Call::tcp_anonymous, kExempting, Callback::yes, "allow", "allow", "DENY"},
  {"tcp_no_callback", Call::tcp_anonymous, kExempting, Callback::no, "allow", "DENY", "DENY"},
  {"callback_unsure", Call::tcp_anonymous, kExempting, Callback::unknown, "allow", "?", "DENY"},
  {"tcp_callback_alone", Call::tcp_anonymous, kNone, Callback::yes, "allow", "DENY", "DENY"},
  {"tcp_no_cache", Call::tcp_anonymous, policy::kSecNoCache, Callback::no, "allow", "DENY", "DENY"},
  {"tcp_null_account", Call::tcp_null_account, kNone, Callback::no, "allow", "allow*", "allow*"},
  {"tcp_cut", Call::tcp_cut, kNone, Callback::no, "allow", "?", "?"},
  {"tcp_cut_exempt", Call::tcp_cut, kExempting, Callback::yes, "allow", "allow", "?"},
  {"http_privacy", Call::http_privacy, kNone, Callback::no, "allow", "allow", "allow"},
  {"http_anonymous", Call::http_anonymous, kNone, Callback::no, "allow", "DENY*", "DENY*"},
  {"http_exempt", Call::http_anonymous, kExempting, Callback::yes, "allow", "allow", "DENY*"},
  {"udp_privacy", Call::udp_privacy, kNone, Callback::no, "allow", "DENY", "DENY"},
  {"udp_anonymous", Call::udp_anonymous, kNone, Callback::no, "allow", "DENY", "DENY"},
  {"udp_exempt", Call::udp_privacy, kExempting, Callback::yes, "allow", "DENY*", "DENY"},
  {"pipe_account", Call::pipe_account, kNone, Callback::no, "allow", "allow", "allow"},
  {"pipe_null", Call::pipe_null, kNone, Callback::no, "allow", "allow", "allow*"},
  {"pipe_null_exempt", Call::pipe_null, kExempting, Callback::yes, "allow", "allow", "allow*"},
  {"pipe_unknown", Call::pipe_unknown, kNone, Callback::no, "allow", "allow", "allow*"},
  {"pipe_null_privacy", Call::pipe_null_privacy, kNone, Callback::no, "allow", "allow", "allow"},
};
// clang-format on

class RemoteClientsCells : public testing::TestWithParam<Cell> {};

TEST_P(RemoteClientsCells, AreAsDocumented) {
  const Cell& cell = GetParam();
  const policy::HostSettings host = host_with(cell.flags, cell.callback);
  EXPECT_EQ(at(host, policy::RestrictRemoteClients::none, cell.call), cell.none);
  EXPECT_EQ(at(host, policy::RestrictRemoteClients::authenticated, cell.call), cell.authenticated);
  EXPECT_EQ(at(host, policy::RestrictRemoteClients::without_exceptions, cell.call),
            cell.without_exceptions);
}

INSTANTIATE_TEST_SUITE_P(Table, RemoteClientsCells, testing::ValuesIn(kCells),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(RemoteClients, AnUnknownRegistrationIsUndecidableAndNamesIt) {
  policy::HostSettings host;
  host.restrict_remote_clients = {policy::RestrictRemoteClients::authenticated, {}};
  const Verdict verdict = judge(host, facts_of(Call::tcp_anonymous));
  EXPECT_EQ(verdict.action, VerdictAction::undecidable);
  EXPECT_EQ(verdict.control, Control::restrict_remote_clients);
  EXPECT_EQ(verdict.controls[Control::restrict_remote_clients].unseen,
            fact_bit(ControlFact::registration));
}

TEST(RemoteClients, TheEndpointMapperIsDeniedToAnonymousCallersFromOneOn) {
  policy::HostSettings host;
  Facts facts = facts_of(Call::tcp_anonymous);
  facts.context.if_uuid = uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa");
  const char* expected[] = {"allow", "DENY", "DENY"};
  for (std::size_t value = 0; value < policy::kRestrictRemoteClientsCount; ++value) {
    host.restrict_remote_clients = {static_cast<policy::RestrictRemoteClients>(value), {}};
    EXPECT_EQ(word(judge(host, facts).controls[Control::restrict_remote_clients]), expected[value])
        << value;
  }
}

TEST(RemoteClients, TheEditionDecidesWhatAnAbsentValueMeans) {
  policy::HostSettings host = host_with(kNone, Callback::no);
  EXPECT_EQ(
      word(judge(host, facts_of(Call::tcp_anonymous)).controls[Control::restrict_remote_clients]),
      "-");
  host.edition = policy::Edition::server;
  EXPECT_EQ(
      word(judge(host, facts_of(Call::tcp_anonymous)).controls[Control::restrict_remote_clients]),
      "allow");
  host.edition = policy::Edition::client;
  EXPECT_EQ(
      word(judge(host, facts_of(Call::tcp_anonymous)).controls[Control::restrict_remote_clients]),
      "DENY");
  host.restrict_remote_clients = {policy::RestrictRemoteClients::none, {}};
  EXPECT_EQ(
      word(judge(host, facts_of(Call::tcp_anonymous)).controls[Control::restrict_remote_clients]),
      "allow");
}

TEST(RemoteClients, DoesNotConcernCallsFromTheServerItself) {
  policy::HostSettings host;
  host.restrict_remote_clients = {policy::RestrictRemoteClients::without_exceptions, {}};
  Facts facts = facts_of(Call::tcp_anonymous);
  facts.context.remote_address = facts.context.local_address;
  EXPECT_EQ(word(judge(host, facts).controls[Control::restrict_remote_clients]), "n/a");
  facts.context.remote_address = IpAddress::v4(0x7f00'0001);
  EXPECT_EQ(word(judge(host, facts).controls[Control::restrict_remote_clients]), "n/a");
  facts.context.remote_address = parse_ip("::1").value();
  EXPECT_EQ(word(judge(host, facts).controls[Control::restrict_remote_clients]), "n/a");
  host.treat_loopback_as_remote = true;
  EXPECT_EQ(word(judge(host, facts).controls[Control::restrict_remote_clients]), "DENY");
}

struct RegistrationCell {
  const char* name;
  std::uint32_t flags;
  Callback callback;
  Call call;
  const char* remote;
  const char* local;  // the caller is on the server itself
};

void PrintTo(const RegistrationCell& cell, std::ostream* out) { *out << cell.name; }

constexpr std::uint32_t kLocal = policy::kAllowLocalOnly;
constexpr std::uint32_t kSecure = policy::kAllowSecureOnly;

// clang-format off
constexpr RegistrationCell kRegistrations[] = {
  {"open", kNone, Callback::no, Call::tcp_anonymous, "allow", "allow"},
  {"exempting", kExempting, Callback::yes, Call::tcp_anonymous, "allow", "allow"},
  {"callback_alone", kNone, Callback::yes, Call::tcp_anonymous, "DENY", "DENY"},
  {"callback_alone_secured", kNone, Callback::yes, Call::tcp_privacy, "allow", "allow"},
  {"callback_alone_null_user", kNone,   Callback::yes, Call::tcp_null_account, "allow", "allow"},
  {"callback_alone_pipe", kNone, Callback::yes, Call::pipe_account, "allow", "allow"},
  {"callback_alone_pipe_null", kNone, Callback::yes, Call::pipe_null, "?", "?"},
  {"callback_unknown", kNone, Callback::unknown, Call::tcp_anonymous, "?", "?"},
  {"callback_unknown_secured", kNone, Callback::unknown, Call::tcp_privacy, "allow", "allow"},
  {"secure_only", kSecure, Callback::no, Call::tcp_anonymous, "DENY", "DENY"},
  {"secure_exempting", kSecure | kExempting, Callback::yes, Call::tcp_anonymous, "DENY", "DENY"},
  {"secure_only_connect", kSecure, Callback::no, Call::tcp_connect, "allow", "allow"},
  {"secure_only_null_account", kSecure, Callback::no, Call::tcp_null_account, "allow", "allow"},
  {"secure_only_http", kSecure, Callback::no, Call::http_anonymous, "DENY", "DENY"},
  {"secure_only_udp", kSecure, Callback::no, Call::udp_anonymous, "DENY", "DENY"},
  {"secure_only_udp_privacy", kSecure, Callback::no, Call::udp_privacy, "allow", "allow"},
  {"secure_only_pipe", kSecure, Callback::no, Call::pipe_account, "allow", "allow"},
  {"secure_only_pipe_null", kSecure, Callback::no, Call::pipe_null, "allow", "allow"},
  {"secure_callback_pipe_null", kSecure, Callback::yes, Call::pipe_null, "?", "?"},
  {"secure_unsure_pipe_null", kSecure, Callback::unknown, Call::pipe_null, "?", "?"},
  {"secure_only_pipe_unknown", kSecure, Callback::no, Call::pipe_unknown, "allow", "allow"},
  {"secure_only_cut", kSecure, Callback::no, Call::tcp_cut, "?", "?"},
  {"local_only_tcp", kLocal, Callback::no, Call::tcp_privacy, "DENY", "DENY"},
  {"local_only_http", kLocal, Callback::no, Call::http_privacy, "DENY", "DENY"},
  {"local_only_udp", kLocal, Callback::no, Call::udp_privacy, "DENY", "DENY"},
  {"local_only_pipe", kLocal, Callback::no, Call::pipe_account, "DENY", "DENY"},
  {"no_cache", policy::kSecNoCache, Callback::no, Call::tcp_anonymous, "allow", "allow"},
};
// clang-format on

class RegistrationCells : public testing::TestWithParam<RegistrationCell> {};

TEST_P(RegistrationCells, AreAsDocumented) {
  const RegistrationCell& cell = GetParam();
  const policy::HostSettings host = host_with(cell.flags, cell.callback);
  Facts facts = facts_of(cell.call);
  EXPECT_EQ(word(judge(host, facts).controls[Control::interface_registration]), cell.remote);
  facts.context.remote_address = facts.context.local_address;
  EXPECT_EQ(word(judge(host, facts).controls[Control::interface_registration]), cell.local);
}

INSTANTIATE_TEST_SUITE_P(Table, RegistrationCells, testing::ValuesIn(kRegistrations),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Registration, OfAnUnlistedInterfaceOnlyUnauthenticatedCallsAreInDoubt) {
  policy::HostSettings host = host_with(kSecure, Callback::no);
  Facts facts = facts_of(Call::tcp_anonymous);
  facts.context.if_uuid = uuid("367abb81-9844-35f1-ad32-98f038001003");
  EXPECT_EQ(word(judge(host, facts).controls[Control::interface_registration]), "?");
  facts.call.auth_level = 6;
  EXPECT_EQ(word(judge(host, facts).controls[Control::interface_registration]), "-");
  host.registrations.clear();
  facts.call.auth_level = 1;
  EXPECT_EQ(word(judge(host, facts).controls[Control::interface_registration]), "-")
      << "no registration is part of the policy";
}

// Every call that can exist meets exactly one row of each table.
TEST(DecisionTables, CoverEveryCallOnce) {
  for (unsigned c = 0; c < 4; ++c) {
    for (unsigned who = 0; who < 5; ++who) {
      const auto carrier = static_cast<Carrier>(c);
      const auto caller = static_cast<Caller>(who);
      const bool is_pipe = carrier == Carrier::pipe;
      if ((caller == Caller::null_session && !is_pipe) ||
          (caller == Caller::anonymous && is_pipe)) {
        continue;
      }
      for (unsigned e = 0; e < 3; ++e) {
        unsigned rows = 0;
        for (std::uint8_t i = 0; i < remote_clients_row_count(); ++i) {
          const RemoteClientsRow& row = remote_clients_row(i);
          rows += (row.carriers & carrier_bit(carrier)) != 0 &&
                          (row.callers & caller_bit(caller)) != 0 &&
                          (row.exemptions & exemption_bit(static_cast<Exemption>(e))) != 0
                      ? 1u
                      : 0u;
        }
        EXPECT_EQ(rows, 1u) << c << ' ' << who << ' ' << e;
      }
      for (unsigned k = 0; k < 5; ++k) {
        for (const bool local : {false, true}) {
          const auto kind = static_cast<RegistrationKind>(k);
          EXPECT_NE(registration_row(kind, local, carrier, caller), kNoRow)
              << c << ' ' << who << ' ' << k;
        }
      }
    }
  }
}

}  // namespace
}  // namespace rpcaudit::evaluate
