// What shows that a policy is enforced where no call shows it: proposals that a server refused,
// connections that did not come about.

#include "engine/audit/event/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dissect/dissector.h"
#include "engine/audit/auditor.h"
#include "engine/audit/sink/json_sink.h"
#include "engine/audit/text/community_id.h"
#include "engine/policy/policy_text.h"
#include "tests/audit/string_target.h"
#include "tests/support/hex.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint32_t kAccessDenied = 5;
constexpr std::uint32_t kUnknownInterface = 0x1c01'0003;

struct RefusalCase {
  const char* name;
  dissect::Refusal refusal;
  std::uint16_t reason;
  std::uint32_t status;
  const char* enforced;
  const char* first_cause;
};

// C706 12.6.3.1; MS-RPCE 2.2.2.5.
constexpr RefusalCase kRefusals[] = {
    {"item_unspecified", dissect::Refusal::item, 0, 0, "consistent", "server_resources"},
    {"item_interface", dissect::Refusal::item, 1, 0, "unknown", "interface_not_registered"},
    {"item_transfer_syntax", dissect::Refusal::item, 2, 0, "unknown", "transfer_syntax"},
    {"item_limit", dissect::Refusal::item, 3, 0, "unknown", "server_resources"},
    {"nak_unspecified", dissect::Refusal::bind, 0, 0, "consistent", "server_resources"},
    {"nak_congestion", dissect::Refusal::bind, 1, 0, "unknown", "server_resources"},
    {"nak_version", dissect::Refusal::bind, 4, 0, "unknown", "protocol_version"},
    {"nak_authentication_type", dissect::Refusal::bind, 8, 0, "unknown", "authentication_type"},
    {"nak_invalid_checksum", dissect::Refusal::bind, 9, 0, "consistent", "minimum_level"},
    {"nak_other", dissect::Refusal::bind, 6, 0, "unknown", ""},
    {"fault_denied", dissect::Refusal::fault, 0, kAccessDenied, "consistent", "minimum_level"},
    {"fault_other", dissect::Refusal::fault, 0, kUnknownInterface, "unknown", ""},
};

audit::ContextInfo refused_drsuapi(const RefusalCase& row) {
  audit::ContextInfo context;
  context.abstract_syntax = kDrsuapi;
  context.refusal = row.refusal;
  context.reason = row.reason;
  context.refusal_status = row.status;
  return context;
}

TEST(Evidence, OfARefusalIsTheReasonThatTheServerGives) {
  for (const RefusalCase& row : kRefusals) {
    const audit::Evidence evidence =
        audit::evidence_of(refused_drsuapi(row), audit::RefusedContext{});
    EXPECT_EQ(to_string(evidence.enforced), row.enforced) << row.name;
    EXPECT_EQ(evidence.other_causes[0], row.first_cause) << row.name;
  }
}

TEST(Evidence, BadCredentialsAreACauseWhereThereAreAny) {
  audit::ContextInfo context = refused_drsuapi(kRefusals[8]);
  EXPECT_EQ(audit::evidence_of(context, audit::RefusedContext{}).other_causes[0], "minimum_level");
  context.auth = dissect::AuthNumbers{10, 2, 0};
  EXPECT_EQ(audit::evidence_of(context, audit::RefusedContext{}).other_causes[0],
            "bad_credentials");
}

// A call that was sent before the refusal came; only the RPC runtime refuses proposals.
TEST(Evidence, OfACallIsTheRefusalOfItsContext) {
  audit::CallEvent call;
  call.outcome = dissect::Outcome::unanswered;
  call.verdict.emplace();
  const audit::ContextInfo context = refused_drsuapi(kRefusals[4]);
  const std::pair<evaluate::Control, audit::Enforced> kControls[] = {
      {evaluate::Control::restrict_remote_clients, audit::Enforced::consistent},
      {evaluate::Control::interface_registration, audit::Enforced::consistent},
      {evaluate::Control::rpc_filter, audit::Enforced::unknown},
      {evaluate::Control::ipsec, audit::Enforced::unknown},
  };
  for (const auto& [control, enforced] : kControls) {
    call.verdict->control = control;
    EXPECT_EQ(audit::evidence_of(context, call).enforced, enforced) << to_string(control);
  }
}

// What IPsec stops gets no answer, so that a fault shows that it stops nothing.
TEST(Evidence, OfACallThatIpsecStopsIsContradictedByAnyAnswer) {
  const std::pair<evaluate::InForce, audit::Enforced> kForces[] = {
      {evaluate::InForce::yes, audit::Enforced::contradicted},
      {evaluate::InForce::planned, audit::Enforced::planned},
  };
  for (const dissect::Outcome outcome :
       {dissect::Outcome::fault, dissect::Outcome::rejected, dissect::Outcome::response}) {
    for (const auto& [force, enforced] : kForces) {
      audit::CallEvent call;
      call.outcome = outcome;
      call.status = kAccessDenied;
      call.verdict.emplace();
      call.verdict->control = evaluate::Control::ipsec;
      call.verdict->in_force = force;
      EXPECT_EQ(audit::evidence_of({}, call).enforced, enforced) << audit::to_string(outcome);
    }
  }
}

struct ConnectionCase {
  const char* name;
  dissect::OpeningAnswer answer;
  evaluate::InForce force;
  const char* enforced;
};

constexpr ConnectionCase kConnections[] = {
    {"accepted", dissect::OpeningAnswer::accepted, evaluate::InForce::yes, "contradicted"},
    {"no_answer", dissect::OpeningAnswer::none, evaluate::InForce::yes, "consistent"},
    {"refused", dissect::OpeningAnswer::refused, evaluate::InForce::yes, "unknown"},
    {"not_seen", dissect::OpeningAnswer::unknown, evaluate::InForce::yes, "unknown"},
    {"accepted_before", dissect::OpeningAnswer::accepted, evaluate::InForce::planned, "planned"},
    {"no_answer_before", dissect::OpeningAnswer::none, evaluate::InForce::planned, "planned"},
};

TEST(Evidence, OfAConnectionIsThatItHadNoAnswer) {
  for (const ConnectionCase& row : kConnections) {
    audit::ConnectionEvent connection;
    connection.answer = row.answer;
    connection.in_force = row.force;
    const audit::Evidence evidence = audit::evidence_of(connection);
    EXPECT_EQ(to_string(evidence.enforced), row.enforced) << row.name;
    const bool is_consistent = evidence.enforced == audit::Enforced::consistent;
    EXPECT_EQ(!evidence.other_causes[0].empty(), is_consistent) << row.name;
  }
}

// Frames through dissector and auditor.
class Sight {
 public:
  Sight() { options.mark_findings = true; }

  void add(Segment segment, std::int64_t second) {
    frames.add(segment);
    frames.set_time(frames.size() - 1, Timestamp{second * kNanosecondsPerSecond});
  }
  std::string records() {
    const evaluate::ServerPolicies policies(policy, {});
    options.policies = &policies;
    StringTarget target;
    audit::OutputBuffer buffer(target, false);
    audit::JsonSink sink(buffer, &policies, {}, std::size_t{1} << 19);
    const dissect::Limits limits;
    audit::Auditor auditor(limits, options, sink);
    dissect::Dissector dissector(limits, auditor, 1);
    dissector.process(frames.frames());
    dissector.advance(frames.frames());
    dissector.finish();
    buffer.flush();
    tally = auditor.tally();
    return target.text;
  }

  audit::AuditOptions options;
  policy::Policy policy;
  FrameList frames;
  audit::AuditTally tally;
};

void read(std::string_view text, policy::Policy& policy) {
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_policy(text, "rules.cmd", policy, diagnostics);
}

// How to configure RPC to use certain ports and how to help secure those ports by using IPsec.
constexpr std::string_view kRules =
    "ipseccmd -w REG -p P -r \"Block Inbound TCP 135 Rule\" -f *=0:135:TCP -n BLOCK\n"
    "ipseccmd -w REG -p P -r \"Block Inbound TCP 5001 Rule\" -f *=0:5001:TCP -n BLOCK\n"
    "ipseccmd -w REG -p P -r \"Block 443\" -f *=0:443:TCP -n BLOCK\n"
    "ipseccmd -w REG -p P -r \"Allow 135\" -f 10.77.0.9=0:135:TCP -n PASS -x\n";

constexpr std::uint32_t kAllowed = 0x0a4d'0009;
constexpr unsigned kSyn = 0x02;
constexpr unsigned kSynAck = 0x12;
constexpr unsigned kReset = 0x14;

Segment syn_to(std::uint16_t port) {
  Segment segment;
  segment.destination_port = port;
  segment.sequence = 1000;
  segment.flags = kSyn;
  return segment;
}

Segment answer_to(Segment segment, unsigned flags) {
  std::swap(segment.source, segment.destination);
  std::swap(segment.source_port, segment.destination_port);
  segment.acknowledgment = segment.sequence + 1;
  segment.flags = flags;
  return segment;
}

class ConnectionRecords : public testing::Test {
 protected:
  void SetUp() override { read(kRules, sight.policy); }

  Sight sight;
};

TEST_F(ConnectionRecords, OneForAConnectionThatTheRulesStop) {
  for (const int second : {0, 1, 3}) sight.add(syn_to(135), second);
  sight.add(answer_to(syn_to(80), kSynAck), 60);
  audit::CommunityId ids;
  const std::string id(ids.of({IpAddress::v4(0x0a4d'0002), 40'000},
                              {IpAddress::v4(0x0a4d'0001), 135}, audit::IpProtocol::tcp));
  EXPECT_EQ(sight.records(),
            "{\"timestamp\":\"1970-01-01T00:00:00.000000000Z\",\"event_type\":\"rpc_connection\","
            "\"schema\":1,"
            "\"frame\":1,\"src_ip\":\"10.77.0.2\",\"src_port\":40000,\"dest_ip\":\"10.77.0.1\","
            "\"dest_port\":135,\"proto\":\"TCP\","
            "\"community_id\":\"" +
                id +
                "\","
                "\"connection\":{\"answer\":\"none\",\"repeated\":2},"
                "\"verdict\":{\"action\":\"would_block\",\"control\":\"ipsec\","
                "\"rule\":\"Block Inbound TCP 135 Rule\",\"source\":\"rules.cmd:1\","
                "\"controls\":[{\"control\":\"ipsec\",\"action\":\"would_block\","
                "\"rule\":\"Block Inbound TCP 135 Rule\",\"source\":\"rules.cmd:1\"}],"
                "\"enforced\":\"consistent\","
                "\"other_causes\":[\"firewall\",\"host_unreachable\",\"one_sided_capture\"]}}\n");
}

TEST_F(ConnectionRecords, SayWhatBecameOfTheConnection) {
  const std::pair<unsigned, const char*> kAnswers[] = {
      {kSynAck, "\"answer\":\"accepted\"},"},
      {kReset, "\"answer\":\"refused\"},"},
  };
  for (const auto& [flags, text] : kAnswers) {
    Sight one;
    read(kRules, one.policy);
    one.options.write_all = true;
    one.add(syn_to(5001), 0);
    one.add(answer_to(syn_to(5001), flags), 1);
    EXPECT_THAT(one.records(), HasSubstr(text));
  }
}

// The calls on it are findings already.
TEST_F(ConnectionRecords, NoneForAConnectionThatCameAbout) {
  sight.add(syn_to(5001), 0);
  sight.add(answer_to(syn_to(5001), kSynAck), 1);
  EXPECT_THAT(sight.records(), IsEmpty());
  EXPECT_EQ(sight.tally.connections[static_cast<std::size_t>(evaluate::VerdictAction::would_block)],
            1u);
}

TEST_F(ConnectionRecords, AreOfPortsOfRpcAlone) {
  sight.add(syn_to(443), 0);
  sight.add(answer_to(syn_to(443), kReset), 1);
  EXPECT_THAT(sight.records(), IsEmpty());
  sight.policy.host.ports.static_ports.push_back({"NTDS", 443, {}});
  EXPECT_THAT(sight.records(), HasSubstr("\"dest_port\":443"));
}

TEST_F(ConnectionRecords, ThoseThatMayPassAreWrittenWithAllElse) {
  Segment syn = syn_to(135);
  syn.source = kAllowed;
  sight.add(syn, 0);
  sight.add(answer_to(syn, kSynAck), 1);
  EXPECT_THAT(sight.records(), IsEmpty());
  sight.options.write_all = true;
  const std::string text = sight.records();
  EXPECT_THAT(text, HasSubstr("\"verdict\":{\"action\":\"would_permit\",\"control\":\"ipsec\","
                              "\"rule\":\"Allow 135\""));
  EXPECT_THAT(text, Not(HasSubstr("enforced")));
  EXPECT_EQ(
      sight.tally.connections[static_cast<std::size_t>(evaluate::VerdictAction::would_permit)], 1u);
}

TEST_F(ConnectionRecords, ArePlannedBeforeThePolicyIsInForce) {
  sight.policy.host.effective_from = policy::Placed<std::int64_t>{10 * kNanosecondsPerSecond, {}};
  sight.add(syn_to(135), 9);
  sight.add(answer_to(syn_to(135), kReset), 9);
  EXPECT_THAT(sight.records(), HasSubstr("\"enforced\":\"planned\""));
}

TEST_F(ConnectionRecords, NoneWithoutRules) {
  sight.policy = {};
  sight.policy.host.restrict_remote_clients = {policy::RestrictRemoteClients::authenticated, {}};
  sight.add(syn_to(135), 0);
  sight.add(answer_to(syn_to(135), kReset), 1);
  EXPECT_THAT(sight.records(), IsEmpty());
}

// Too many wait: the oldest is written without its answer, which then goes nowhere.
TEST_F(ConnectionRecords, AreGivenUpLikeCalls) {
  sight.options.records_waiting_max = 1;
  sight.add(syn_to(135), 0);
  sight.add(syn_to(5001), 0);
  sight.add(answer_to(syn_to(135), kReset), 1);
  sight.add(answer_to(syn_to(5001), kReset), 1);
  const std::string text = sight.records();
  EXPECT_LT(text.find("\"dest_port\":135,"), text.find("\"answer\":\"unknown\""));
  EXPECT_LT(text.find("\"dest_port\":5001,"), text.find("\"answer\":\"refused\""));
  EXPECT_EQ(sight.tally.records_given_up, 1u);
}

class RefusedBinds : public testing::Test {
 protected:
  void SetUp() override {
    sight.policy.host.restrict_remote_clients = {policy::RestrictRemoteClients::authenticated, {}};
    policy::InterfaceRegistration plain;
    plain.interface = kDrsuapi.uuid;
    plain.has_callback = false;
    sight.policy.host.registrations.push_back(plain);
    connect();
  }
  void connect() {
    peers = TcpPeers();
    add(peers.syn());
    add(peers.syn_ack());
  }
  void add(const Segment& segment) { sight.add(segment, 20); }
  void say(bool client, const ByteVector& message) {
    for (const Segment& segment : peers.say(client, message)) add(segment);
  }
  static ByteVector bind_nak(const char* reason) {
    return make_pdu(dissect::PduType::bind_nak, {}, hex(std::string(reason) + " 01 0500"));
  }

  const Item drsuapi{0, kDrsuapi};
  TcpPeers peers;
  Sight sight;
};

constexpr const char* kUnspecified = "0000";
constexpr const char* kAuthenticationType = "0800";

TEST_F(RefusedBinds, AreFindingsWhereThePolicyRefusesToo) {
  say(true, make_bind({drsuapi}));
  say(false, bind_nak(kUnspecified));
  const std::string text = sight.records();
  EXPECT_THAT(text, HasSubstr("\"event_type\":\"rpc_context\",\"schema\":1,\"frame\":3,"));
  EXPECT_THAT(text, HasSubstr("\"result\":\"rejected\",\"reason\":0,"));
  EXPECT_THAT(text, HasSubstr("\"verdict\":{\"action\":\"would_block\","
                              "\"control\":\"restrict_remote_clients\",\"row\":\"tcp-anonymous\","
                              "\"value\":1,\"source\":\"policy\",\"controls\":["));
  EXPECT_THAT(text, HasSubstr("\"enforced\":\"consistent\","
                              "\"other_causes\":[\"server_resources\",\"minimum_level\"]}}\n"));
  EXPECT_EQ(sight.tally.refused_contexts, 1u);
}

TEST_F(RefusedBinds, AreNoneWhereTheReasonIsAnother) {
  say(true, make_bind({drsuapi}));
  say(false, bind_nak(kAuthenticationType));
  EXPECT_THAT(sight.records(), IsEmpty());
}

TEST_F(RefusedBinds, AreNoneWhereThePolicyWouldPermit) {
  say(true, make_bind({drsuapi}, {.auth = dissect::AuthNumbers{10, 6, 0}}));
  say(false, bind_nak(kUnspecified));
  EXPECT_THAT(sight.records(), IsEmpty());
}

TEST_F(RefusedBinds, AreNoneBeforeThePolicyIsInForce) {
  sight.policy.host.effective_from = policy::Placed<std::int64_t>{21 * kNanosecondsPerSecond, {}};
  say(true, make_bind({drsuapi}));
  say(false, bind_nak(kUnspecified));
  EXPECT_THAT(sight.records(), IsEmpty());
}

// RPC Interface Registration Flags: RPC_IF_ALLOW_LOCAL_ONLY, RPC_IF_ALLOW_SECURE_ONLY.
TEST_F(RefusedBinds, ShowRegistrationFlagsToo) {
  for (const std::uint32_t flag : {policy::kAllowLocalOnly, policy::kAllowSecureOnly}) {
    sight.policy.host.restrict_remote_clients.reset();
    sight.policy.host.registrations.back().flags = flag;
    sight.frames = {};
    connect();
    say(true, make_bind({drsuapi}));
    say(false, make_bind_ack({{2, 0}}));
    EXPECT_THAT(sight.records(), HasSubstr("\"control\":\"interface_registration\"")) << flag;
  }
}

TEST_F(RefusedBinds, OfAnAlterContextMayBeAFault) {
  say(true, make_bind({{0, kSamr}}));
  say(false, make_bind_ack({{}}));
  say(true, make_bind({drsuapi}, {.call_id = 2}, dissect::PduType::alter_context));
  say(false, make_fault(kAccessDenied, {.call_id = 2}));
  const std::string text = sight.records();
  EXPECT_THAT(text, HasSubstr("\"frame\":5,"));
  EXPECT_THAT(text, HasSubstr("\"result\":\"unanswered\""));
  EXPECT_THAT(text, HasSubstr("\"enforced\":\"consistent\""));
}

// The call is sent before the answer to its bind.
TEST_F(RefusedBinds, AreEvidenceForTheirCalls) {
  say(true, join({make_bind({drsuapi}), make_request({0, 3}, {.call_id = 2})}));
  say(false, bind_nak(kUnspecified));
  const std::string text = sight.records();
  const std::string call = text.substr(text.find("rpc_audit"));
  EXPECT_THAT(call, HasSubstr("\"provisional\":true"));
  EXPECT_THAT(call, HasSubstr("\"enforced\":\"consistent\""));
}

// A success on an association that is older than the policy says nothing of it.
struct AssociationCase {
  const char* name;
  std::int64_t effective_from;  // seconds; the bind is at 20, the call at 30
  bool bind_is_seen;
  const char* enforced;
};

constexpr AssociationCase kAssociations[] = {
    {"younger", 10, true, "contradicted"},
    {"older", 25, true, "unknown"},
    {"of_unknown_age", 10, false, "unknown"},
    {"planned", 40, true, "planned"},
};

TEST(Association, AnswersSayOnlyWhatIsYoungerThanThePolicy) {
  for (const AssociationCase& row : kAssociations) {
    Sight sight;
    read("rpc filter\nadd rule layer=um actiontype=block\nadd filter\n", sight.policy);
    sight.policy.host.effective_from =
        policy::Placed<std::int64_t>{row.effective_from * kNanosecondsPerSecond, {}};
    TcpPeers peers;
    const auto say = [&](bool client, const ByteVector& message, std::int64_t second) {
      for (const Segment& segment : peers.say(client, message)) sight.add(segment, second);
    };
    if (row.bind_is_seen) {
      sight.add(peers.syn(), 20);
      sight.add(peers.syn_ack(), 20);
      say(true, make_bind({{0, kDrsuapi}}), 20);
      say(false, make_bind_ack({{}}), 20);
    }
    // On a context that was added later.
    say(true, make_bind({{1, kDrsuapi}}, {.call_id = 2}, dissect::PduType::alter_context), 28);
    say(false, make_bind_ack({{}}, {.call_id = 2}, dissect::PduType::alter_context_response), 28);
    say(true, make_request({1, 3}, {.call_id = 3}), 30);
    say(false, make_response(1, {.call_id = 3}), 30);
    EXPECT_THAT(sight.records(), HasSubstr("\"enforced\":\"" + std::string(row.enforced) + "\""))
        << row.name;
  }
}

}  // namespace
}  // namespace rpcaudit::test
