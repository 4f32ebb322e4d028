// What the controls besides the filters need of other traffic: look-ups before calls, ports in use,
// and what the wire says of a verdict.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "engine/audit/call_judge.h"
#include "engine/audit/event/evidence.h"
#include "engine/audit/report/control_summary.h"
#include "engine/audit/tally/audit_tally.h"
#include "engine/audit/tally/control_monitor.h"
#include "engine/policy/policy_text.h"
#include "tests/audit/audit_feed.h"

namespace rpcaudit::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Uuid kMapper = uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa");
constexpr dissect::AuthNumbers kPrivacy{10, 6, 0};

policy::HostSettings restricted(policy::RestrictRemoteClients value) {
  policy::HostSettings host;
  host.restrict_remote_clients = {value, {}};
  policy::InterfaceRegistration registration;
  registration.interface = kDrsuapi;
  registration.flags = policy::kAllowCallbacksWithNoAuth;
  registration.has_callback = true;
  host.registrations.push_back(registration);
  return host;
}

evaluate::Verdict judge(const evaluate::HostControls& controls, const dissect::RpcContext& context,
                        const dissect::RpcCall& call) {
  evaluate::Verdict verdict;
  controls.apply(controls.narrow(evaluate::context_facts(context)),
                 evaluate::call_facts(context, call), verdict);
  return verdict;
}

struct Lookups {
  const char* name;
  bool anonymous;      // a look-up without security was seen before
  bool authenticated;  // one with
  bool call_is_authenticated;
  std::optional<bool> client_setting;
  evaluate::Lookup expected;
};

// RPC Interface Restriction, "EnableAuthEpResolution": the query is anonymous unless the key is set
// and the call itself is authenticated.
const Lookups kLookups[] = {
    {"none_seen", false, false, true, {}, evaluate::Lookup::unaffected},
    {"anonymous", true, false, true, {}, evaluate::Lookup::needs_auth},
    {"authenticated", false, true, true, {}, evaluate::Lookup::authenticated},
    {"both", true, true, true, {}, evaluate::Lookup::authenticated},
    {"client_sets_it", true, false, true, true, evaluate::Lookup::authenticated},
    {"client_does_not", false, true, true, false, evaluate::Lookup::refused},
    {"anonymous_call", true, false, false, {}, evaluate::Lookup::unreachable},
    {"anonymous_call_client_sets_it", true, true, false, true, evaluate::Lookup::unreachable},
};

TEST(ControlMonitor, TellsWhoWouldNotFindItsServer) {
  for (const Lookups& row : kLookups) {
    policy::HostSettings host = restricted(policy::RestrictRemoteClients::authenticated);
    dissect::RpcContext context = drsuapi_context();
    if (row.client_setting) {
      policy::ClientSettings client;
      client.address = context.client.address;
      client.enable_auth_ep_resolution = {*row.client_setting, {}};
      host.clients.push_back(client);
    }
    const evaluate::HostControls controls(host);
    audit::ControlTally tally;
    audit::ControlMonitor monitor(tally);
    dissect::RpcContext mapper = context;
    mapper.server.port = 135;
    mapper.abstract_syntax = dissect::SyntaxId{kMapper, 3, 0};
    const auto look_up = [&](std::optional<dissect::AuthNumbers> auth) {
      dissect::RpcCall call = call_in(1, 3, 0);
      call.auth = auth;
      evaluate::Verdict verdict = judge(controls, mapper, call);
      monitor.note_call(controls, mapper, call, verdict);
    };
    if (row.anonymous) look_up(std::nullopt);
    if (row.authenticated) look_up(kPrivacy);
    dissect::RpcCall call = call_in(2, 3, 0);
    if (row.call_is_authenticated) call.auth = kPrivacy;
    evaluate::Verdict verdict = judge(controls, context, call);
    monitor.note_call(controls, context, call, verdict);
    EXPECT_EQ(verdict.action, evaluate::VerdictAction::would_permit) << row.name;
    EXPECT_EQ(verdict.lookup.outcome, row.expected) << row.name;
  }
}

TEST(ControlMonitor, StaticPortsAndPipesNeedNoLookup) {
  policy::HostSettings host = restricted(policy::RestrictRemoteClients::authenticated);
  const dissect::RpcContext context = drsuapi_context();
  const auto lookup_over = [&](const dissect::RpcContext& other) {
    const evaluate::HostControls controls(host);
    audit::ControlTally tally;
    audit::ControlMonitor monitor(tally);
    const dissect::RpcCall call = call_in(2, 3, 0);
    evaluate::Verdict verdict = judge(controls, other, call);
    monitor.note_call(controls, other, call, verdict);
    return verdict.lookup.outcome;
  };
  EXPECT_EQ(lookup_over(context), evaluate::Lookup::unreachable);
  dissect::RpcContext pipe = context;
  pipe.protocol = dissect::ProtocolSequence::ncacn_np;
  EXPECT_EQ(lookup_over(pipe), evaluate::Lookup::unaffected);
  host.ports.static_ports.push_back({"NTDS", context.server.port, {}});
  EXPECT_EQ(lookup_over(context), evaluate::Lookup::unaffected);
}

// A call that is stopped anyway loses nothing more.
TEST(ControlMonitor, ABlockedCallHasNoLookupToLose) {
  const evaluate::HostControls controls(
      restricted(policy::RestrictRemoteClients::without_exceptions));
  audit::ControlTally tally;
  audit::ControlMonitor monitor(tally);
  const dissect::RpcContext context = drsuapi_context();
  const dissect::RpcCall call = call_in(2, 3, 0);
  evaluate::Verdict verdict = judge(controls, context, call);
  monitor.note_call(controls, context, call, verdict);
  EXPECT_EQ(verdict.action, evaluate::VerdictAction::would_block);
  EXPECT_EQ(verdict.lookup.outcome, evaluate::Lookup::unaffected);
}

TEST(ControlMonitor, CountsAtEachValueOnlyWhatTheValueAdds) {
  for (const bool filters_block : {false, true}) {
    policy::HostSettings host = restricted(policy::RestrictRemoteClients::none);
    host.what_if_restrict_remote_clients = true;
    const evaluate::HostControls controls(host);
    audit::AuditTally tally;
    audit::ControlMonitor monitor(tally.other_controls);
    const dissect::RpcContext context = drsuapi_context();
    const dissect::RpcCall call = call_in(2, 3, 0);
    evaluate::Verdict verdict;
    if (filters_block) {
      verdict.filters.filter = 0;
      verdict.filters.action = evaluate::VerdictAction::would_block;
    }
    controls.apply(controls.narrow(evaluate::context_facts(context)),
                   evaluate::call_facts(context, call), verdict);
    monitor.note_call(controls, context, call, verdict);
    policy::Policy policy;
    policy.host = host;
    const std::string text = audit::control_summary(tally, evaluate::ServerPolicies(policy, {}));
    EXPECT_THAT(text, HasSubstr("at RestrictRemoteClients=0 no call is affected\n"));
    EXPECT_THAT(text, HasSubstr("at RestrictRemoteClients=1 no call is affected\n"));
    const auto loss =
        HasSubstr("at RestrictRemoteClients=2 this 1 client loses this 1 operation\n");
    if (filters_block) {
      EXPECT_THAT(text, Not(loss));
    } else {
      EXPECT_THAT(text, loss);
    }
  }
}

// How to configure RPC to use certain ports: "The server may require more than 20 TCP ports."
TEST(ControlTally, CountsPortsAtOnceAndInAll) {
  const auto use = [](audit::ControlTally& tally, std::uint16_t port, std::int64_t from,
                      std::int64_t to) {
    audit::ControlMonitor monitor(tally);
    dissect::RpcContext context = drsuapi_context();
    context.server.port = port;
    for (const std::int64_t time : {from, to}) {
      context.frame.timestamp.nanoseconds = time;
      monitor.note_context(context);
    }
  };
  audit::ControlTally first;
  use(first, 5001, 10, 20);
  use(first, 5002, 20, 30);    // at 20 both are in use
  use(first, 135, 1, 90);      // no port of a range
  audit::ControlTally second;  // of another pair of hosts
  use(second, 5003, 40, 50);
  use(second, 5001, 45, 60);  // in use from 10 to 60 together
  first.add(second);
  const std::vector<audit::ServerPorts> servers = first.port_use();
  ASSERT_EQ(servers.size(), 1u);
  EXPECT_EQ(servers[0].ports, 3u);
  EXPECT_EQ(servers[0].at_once, 2u);
}

TEST(ControlSummary, SaysWhetherTheRangeIsLargeEnough) {
  audit::AuditTally tally;
  audit::ControlMonitor monitor(tally.other_controls);
  for (const auto port : std::to_array<std::uint16_t>({5001, 5002, 6000})) {
    dissect::RpcContext context = drsuapi_context();
    context.server.port = port;
    monitor.note_context(context);
  }
  const auto summary = [&](policy::PortRange range) {
    policy::Policy policy;
    policy.host.ports.ranges.push_back({range, {}});
    return audit::control_summary(tally, evaluate::ServerPolicies(policy, {}));
  };
  const std::string large = summary({5001, 5021});
  EXPECT_THAT(large, HasSubstr("Ports (RPC services are given 5001-5021: 21 ports)\n"));
  EXPECT_THAT(large, HasSubstr("10.77.0.1 used 3 ports, 3 at once: 18 left\n"));
  EXPECT_THAT(large, HasSubstr("1  contexts outside the range: 10.77.0.1:6000  drsuapi\n"));
  EXPECT_THAT(large, Not(HasSubstr(":5001 ")));
  EXPECT_THAT(summary({5001, 5002}), HasSubstr("3 at once: the range is too small\n"));
}

struct Evidence {
  const char* name;
  dissect::Outcome outcome;
  std::uint32_t status;
  evaluate::InForce force;
  const char* enforced;
};

constexpr Evidence kEvidence[] = {
    {"denied", dissect::Outcome::fault, 5, evaluate::InForce::yes, "consistent"},
    {"denied_by_result", dissect::Outcome::fault, 0x8007'0005, evaluate::InForce::yes,
     "consistent"},
    {"rejected_datagram", dissect::Outcome::rejected, 5, evaluate::InForce::yes, "consistent"},
    {"other_fault", dissect::Outcome::fault, 0x1c01'0002, evaluate::InForce::yes, "unknown"},
    {"answered", dissect::Outcome::response, 0, evaluate::InForce::yes, "contradicted"},
    {"unanswered", dissect::Outcome::unanswered, 0, evaluate::InForce::yes, "unknown"},
    {"answered_before", dissect::Outcome::response, 0, evaluate::InForce::planned, "planned"},
    {"denied_before", dissect::Outcome::fault, 5, evaluate::InForce::planned, "planned"},
    {"answered_on_older", dissect::Outcome::response, 0, evaluate::InForce::older_association,
     "unknown"},
    {"denied_on_older", dissect::Outcome::fault, 5, evaluate::InForce::older_association,
     "consistent"},
};

TEST(Evidence, AnAnswerIsEvidenceOnlyOnceThePolicyIsInForce) {
  for (const Evidence& row : kEvidence) {
    audit::CallEvent call;
    call.outcome = row.outcome;
    call.status = row.status;
    call.verdict.emplace();
    call.verdict->in_force = row.force;
    EXPECT_EQ(to_string(audit::evidence_of({}, call).enforced), row.enforced) << row.name;
  }
}

TEST(Evidence, ThePolicyIsInForceFromItsTimeOn) {
  policy::HostSettings host;
  EXPECT_EQ(evaluate::HostControls(host).in_force(0, 0), evaluate::InForce::yes);
  host.effective_from = policy::Placed<std::int64_t>{100, {}};
  const evaluate::HostControls controls(host);
  EXPECT_EQ(controls.in_force(50, 99), evaluate::InForce::planned);
  EXPECT_EQ(controls.in_force(99, 100), evaluate::InForce::older_association);
  EXPECT_EQ(controls.in_force(100, 100), evaluate::InForce::yes);
}

// The rule for a port stops packets of both directions: those of a connection that the host opened
// from it, too.
TEST(ControlMonitor, CountsWhatBecomesOfConnectionsThatIpsecStops) {
  std::vector<policy::Diagnostic> diagnostics;
  policy::Policy policy;
  policy::read_policy(
      "rpccfg -pe 5001-5002 -d 0\n"
      "ipseccmd -w REG -p P -r \"Block 5001\" -f *=0:5001:TCP -n BLOCK -x\n",
      "ports.cmd", policy, diagnostics);
  audit::AuditTally tally;
  audit::ControlMonitor monitor(tally.other_controls);
  const evaluate::HostControls controls(policy.host);
  const IpAddress server = IpAddress::v4(0x0a4d'0001);
  const Endpoint peer{IpAddress::v4(0x0a4d'0015), 40'000};
  const auto from = [&](const Endpoint& client, const Endpoint& target,
                        dissect::OpeningAnswer answer) {
    dissect::TcpOpening opening;
    opening.client = client;
    opening.server = target;
    opening.answer = answer;
    return opening;
  };
  monitor.note_opening(controls, from(peer, {server, 5001}, dissect::OpeningAnswer::none));
  monitor.note_opening(controls, from(peer, {server, 5001}, dissect::OpeningAnswer::none));
  monitor.note_opening(controls, from(peer, {server, 5001}, dissect::OpeningAnswer::refused));
  monitor.note_opening(controls, from(peer, {server, 5002}, dissect::OpeningAnswer::accepted));
  monitor.note_opening(controls, from(peer, {server, 443}, dissect::OpeningAnswer::accepted));
  monitor.note_outgoing(controls, from({server, 5001}, peer, dissect::OpeningAnswer::accepted));
  monitor.note_outgoing(controls, from({server, 5001}, peer, dissect::OpeningAnswer::none));
  monitor.note_outgoing(controls, from({server, 60'000}, peer, dissect::OpeningAnswer::accepted));
  const std::string text = audit::control_summary(tally, evaluate::ServerPolicies(policy, {}));
  EXPECT_THAT(text, HasSubstr("2  attempts to connect that its rules would stop had no answer"));
  EXPECT_THAT(text, HasSubstr("1  attempts to connect that its rules would stop were refused"));
  EXPECT_THAT(text, Not(HasSubstr("were accepted")));
  EXPECT_THAT(text, HasSubstr("1  connections that 10.77.0.1 opened itself would fail"));
  EXPECT_THAT(text, HasSubstr("1  connections that 10.77.0.1 opened from 1 port of the range\n"));
  EXPECT_THAT(text,
              HasSubstr("1  connections without RPC in sight to 10.77.0.1:5002, in the range\n"));
  EXPECT_THAT(text, Not(HasSubstr(":443")));
}

TEST(ControlMonitor, PortsThatAMapperAnnouncesCountToo) {
  audit::AuditTally tally;
  audit::ControlMonitor monitor(tally.other_controls);
  dissect::EndpointEntry entry;
  entry.mapper = {IpAddress::v4(0x0a4d'0001), 135};
  entry.interface = {kDrsuapi, 4, 0};
  entry.protocol = dissect::TowerProtocol::ncacn_ip_tcp;
  for (const auto port : std::to_array<std::uint16_t>({6000, 6001, 135})) {
    entry.port = port;
    monitor.note_endpoint(entry);
  }
  entry.protocol = dissect::TowerProtocol::ncadg_ip_udp;
  entry.port = 6002;
  monitor.note_endpoint(entry);
  policy::Policy policy;
  policy.host.ports.ranges.push_back({{5001, 5021}, {}});
  const std::string text = audit::control_summary(tally, evaluate::ServerPolicies(policy, {}));
  EXPECT_THAT(text, HasSubstr("10.77.0.1 used 2 ports, 2 at once: 19 left\n"));
  EXPECT_THAT(text,
              HasSubstr("0  contexts outside the range: 10.77.0.1:6000  drsuapi  (announced)\n"));
}

struct System {
  const char* name;
  const char* interface;
  std::optional<bool> said;
  bool runs_windows;
};

// [semantics] 7.2.
TEST(OtherSystems, AreThoseThatTheTrafficOrTheDeploymentShows) {
  const System kSystems[] = {
      {"drsuapi", "e3514235-4b06-11d1-ab04-00c04fc2dcd2", {}, true},
      {"said_not_to", "e3514235-4b06-11d1-ab04-00c04fc2dcd2", false, false},
      {"profinet_device", "dea00001-6c97-11d1-8271-00a02442df7d", {}, false},
      {"profinet_parameter_server", "dea00004-6c97-11d1-8271-00a02442df7d", {}, false},
      {"profinet_on_windows", "dea00002-6c97-11d1-8271-00a02442df7d", true, true},
      {"nearly_profinet", "dea10001-6c97-11d1-8271-00a02442df7d", {}, true},
  };
  for (const System& row : kSystems) {
    policy::HostSettings host;
    host.is_windows = row.said;
    dissect::RpcContext context = drsuapi_context();
    context.abstract_syntax = dissect::SyntaxId{parse_uuid(row.interface).value(), 1, 0};
    EXPECT_EQ(audit::runs_windows(host, context), row.runs_windows) << row.name;
  }
}

}  // namespace
}  // namespace rpcaudit::test
