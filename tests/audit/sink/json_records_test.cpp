#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "engine/audit/sink/record_values.h"
#include "engine/policy/netsh/netsh_script.h"
#include "tests/audit/audit_feed.h"

namespace rpcaudit::test {
namespace {

using testing::_;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kBlockScript =
    "rpc filter\n"
    "add rule layer=um actiontype=block filterkey=7f0c5f4e-5b0e-4a51-9b5e-0d6f1a7700ff\n"
    "add condition field=if_uuid matchtype=equal data=e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
    "add condition field=opnum matchtype=equal data=3\n"
    "add filter\n";

// An auditor between a feed of callbacks and the text of its records.
class Records {
 public:
  explicit Records(audit::AuditOptions options, std::string_view script = {})
      : buffer_(target_, false) {
    if (!script.empty()) {
      std::vector<policy::Diagnostic> diagnostics;
      policy::Policy policy;
      policy::read_netsh_script(script, "policy.txt", policy, diagnostics);
      options.policies = &policies_.emplace(
          std::move(policy),
          evaluate::EvaluationOptions{policy::Layer::um, {}, policy::Target::documented});
    }
    const auto name = [](std::uint32_t input) -> std::string_view {
      return input == 0 ? "a.pcap" : "b\".pcap";
    };
    sink_.emplace(buffer_, options.policies, name, kContextsMax);
    auditor_.emplace(limits_, options, *sink_);
  }

  audit::Auditor& feed() { return *auditor_; }
  // A proposed context with its result.
  void open(dissect::RpcContext& context, dissect::ContextResult result) {
    auditor_->on_context(context);
    context.result = result;
    auditor_->on_context_result(context);
  }
  const std::string& text() {
    buffer_.flush();
    return target_.text;
  }
  // Everything that can be flushed is.
  const std::string& finished() {
    auditor_->on_watermark(kEnd);
    return text();
  }

 private:
  static constexpr std::size_t kContextsMax = std::size_t{1} << 19;

  StringTarget target_;
  audit::OutputBuffer buffer_;
  dissect::Limits limits_;
  std::optional<evaluate::ServerPolicies> policies_;
  std::optional<audit::JsonSink> sink_;
  std::optional<audit::Auditor> auditor_;
};

audit::AuditOptions everything() {
  audit::AuditOptions options;
  options.write_all = true;
  options.write_blindness = true;
  return options;
}

audit::AuditOptions findings() {
  audit::AuditOptions options;
  options.mark_findings = true;
  return options;
}

std::string flow() {
  audit::CommunityId id;
  const dissect::RpcContext context = drsuapi_context();
  return "\"src_ip\":\"10.77.0.21\",\"src_port\":50000,\"dest_ip\":\"10.77.0.1\","
         "\"dest_port\":49153,\"proto\":\"TCP\",\"community_id\":\"" +
         std::string(id.of(context.client, context.server, audit::IpProtocol::tcp)) +
         "\",\"pcap\":\"a.pcap\"";
}

std::string flow_of_context() {
  audit::ContextInfo context;
  static_cast<dissect::ContextFactsOnWire&>(context) = drsuapi_context();
  return flow() + ",\"flow_id\":" + std::to_string(audit::flow_id(context));
}

constexpr std::string_view kInterface =
    "\"interface\":\"e3514235-4b06-11d1-ab04-00c04fc2dcd2\",\"version\":\"4.0\","
    "\"interface_name\":\"drsuapi\"";

TEST(JsonRecords, ContextThenCallWithItsAnswer) {
  Records records(everything());
  dissect::RpcContext context = drsuapi_context();
  context.auth = dissect::AuthNumbers{10, 6, 0};
  records.open(context, dissect::ContextResult::accepted);
  dissect::RpcCall call = call_in(20, 3, 0);
  call.auth = dissect::AuthNumbers{10, 6, 0};
  call.identity.user = "user1";
  call.identity.domain = "LAB77";
  records.feed().on_call(context, call);
  records.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  records.feed().on_context_closed(context.key);
  EXPECT_EQ(records.finished(),
            std::string(
                "{\"timestamp\":\"2026-11-20T14:03:12.000000000Z\",\"event_type\":\"rpc_"
                "context\",\"schema\":1,"
                "\"frame\":10," +
                flow_of_context() + ",\"rpc\":{\"transport\":\"ncacn_ip_tcp\"," +
                std::string(kInterface) +
                ",\"call_id\":1,\"context_id\":0,\"auth_type\":10,\"auth_type_name\":\"NTLM\","
                "\"auth_level\":6,\"auth_level_name\":\"privacy\","
                "\"result\":\"accepted\","
                "\"transfer_syntax\":\"8a885d04-1ceb-11c9-9fe8-08002b104860\"}}\n"
                "{\"timestamp\":\"2026-11-20T14:03:12.000020000Z\",\"event_type\":\"rpc_call\","
                "\"schema\":1,"
                "\"frame\":20," +
                flow_of_context() + ",\"rpc\":{\"transport\":\"ncacn_ip_tcp\"," +
                std::string(kInterface) +
                ",\"operation\":\"IDL_DRSGetNCChanges\",\"operation_alias\":"
                "\"DRSGetNCChanges\",\"techniques\":[\"T1003.006\"],\"call_id\":2,\"context_id\":0,"
                "\"opnum\":3,\"auth_type\":10,\"auth_type_name\":\"NTLM\",\"auth_level\":6,"
                "\"auth_level_name\":\"privacy\",\"user\":\"user1\","
                "\"domain\":\"LAB77\",\"outcome\":\"response\",\"outcome_frame\":21,"
                "\"rtt\":0.000000500}}\n"));
}

TEST(JsonRecords, PipeObjectAndFault) {
  Records records(everything());
  dissect::RpcContext context = drsuapi_context();
  context.protocol = dissect::ProtocolSequence::ncacn_np;
  context.pipe = "\\PIPE\\lsarpc";
  context.abstract_syntax = dissect::SyntaxId{kUnknown, 1, 2};
  records.open(context, dissect::ContextResult::accepted);
  dissect::RpcCall call = call_in(20, 7, 0);
  call.object = kDrsuapi;
  records.feed().on_call(context, call);
  records.feed().on_outcome(outcome_of(call, dissect::Outcome::fault, 0x1c01'0003));
  const std::string text = records.finished();
  EXPECT_NE(text.find("\"rpc\":{\"transport\":\"ncacn_np\","
                      "\"interface\":\"00112233-4455-6677-8899-aabbccddeeff\",\"version\":\"1.2\","
                      "\"call_id\":2,\"context_id\":0,\"opnum\":7,"
                      "\"object\":\"e3514235-4b06-11d1-ab04-00c04fc2dcd2\","
                      "\"pipe\":\"\\\\PIPE\\\\lsarpc\",\"outcome\":\"fault\","
                      "\"status\":\"0x1c010003\",\"status_name\":\"nca_s_unk_if\","
                      "\"outcome_frame\":21,\"rtt\":0.000000500}}\n"),
            std::string::npos)
      << text;
}

TEST(JsonRecords, DatagramHasActivityAndSequenceButNoIds) {
  Records records(everything());
  dissect::RpcContext context = drsuapi_context();
  context.protocol = dissect::ProtocolSequence::ncadg_ip_udp;
  context.origin = dissect::ContextOrigin::implied;
  records.feed().on_context(context);
  dissect::RpcCall call = call_in(20, 0, 0);
  call.activity = kUnknown;
  call.sequence = 5;
  call.object = Uuid{};
  records.feed().on_call(context, call);
  records.feed().on_outcome({call.key, dissect::Outcome::one_way, 0, {}});
  const std::string text = records.finished();
  EXPECT_NE(text.find("\"proto\":\"UDP\""), std::string::npos) << text;
  EXPECT_NE(text.find("\"opnum\":0,\"activity\":\"00112233-4455-6677-8899-aabbccddeeff\","
                      "\"sequence\":5,\"outcome\":\"one_way\"}}\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("call_id"), std::string::npos);
  EXPECT_EQ(text.find("rpc_context"), std::string::npos) << "implied contexts have no record";
}

struct ResultCase {
  const char* name;
  dissect::ContextResult before;  // when the call is made
  dissect::ContextResult after;
  bool provisional;
  bool has_interface;
};

constexpr ResultCase kResults[] = {
    {"accepted", dissect::ContextResult::accepted, dissect::ContextResult::accepted, false, true},
    {"rejected", dissect::ContextResult::rejected, dissect::ContextResult::rejected, false, false},
    {"negotiated", dissect::ContextResult::negotiated, dissect::ContextResult::negotiated, false,
     false},
    {"never_answered", dissect::ContextResult::unanswered, dissect::ContextResult::unanswered, true,
     true},
    {"answered_late", dissect::ContextResult::unanswered, dissect::ContextResult::accepted, false,
     true},
    {"rejected_late", dissect::ContextResult::unanswered, dissect::ContextResult::rejected, true,
     true},
};

TEST(JsonRecords, InterfaceAndProvisionalFollowTheResult) {
  for (const ResultCase& row : kResults) {
    Records records(everything());
    dissect::RpcContext context = drsuapi_context();
    records.feed().on_context(context);
    context.result = row.before;
    const dissect::RpcCall call = call_in(20, 0, 0);
    if (row.before != dissect::ContextResult::unanswered) records.feed().on_context_result(context);
    records.feed().on_call(context, call);
    records.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
    context.result = row.after;
    if (row.before == dissect::ContextResult::unanswered) {
      records.feed().on_watermark(kEnd);
      EXPECT_EQ(records.text(), "") << row.name << ": waits for the result";
      records.feed().on_context_result(context);
    }
    const std::string text = records.finished();
    const std::string line = text.substr(text.find('\n') + 1);
    EXPECT_EQ(line.find("\"provisional\":true") != std::string::npos, row.provisional) << row.name;
    EXPECT_EQ(line.find("\"interface\"") != std::string::npos, row.has_interface) << row.name;
    const bool has_reason = text.find("\"reason\":0") != std::string::npos;
    EXPECT_EQ(has_reason, row.after == dissect::ContextResult::rejected ||
                              row.after == dissect::ContextResult::negotiated)
        << row.name;
  }
}

TEST(JsonRecords, BlindnessWithAndWithoutAConnection) {
  Records records(everything());
  dissect::Blindness blindness;
  blindness.kind = dissect::BlindnessKind::gap;
  blindness.frame = frame_at(30, 0);
  blindness.client = drsuapi_context().client;
  blindness.server = drsuapi_context().server;
  blindness.bytes = 1460;
  records.feed().on_blindness(blindness);
  dissect::Blindness other;
  other.kind = dissect::BlindnessKind::unfinished_fragments;
  other.frame = frame_at(31, 0);
  other.frame.input = 1;
  other.frame.vlan = 42;
  other.messages = 2;
  records.feed().on_blindness(other);
  EXPECT_EQ(records.finished(),
            std::string("{\"timestamp\":\"2026-11-20T14:03:12.000000000Z\",\"event_type\":\"rpc_"
                        "blind\",\"schema\":1,"
                        "\"frame\":30," +
                        flow() +
                        ",\"blind\":{\"kind\":\"gap\",\"bytes\":1460}}\n"
                        "{\"timestamp\":\"2026-11-20T14:03:12.000000000Z\",\"event_type\":\"rpc_"
                        "blind\",\"schema\":1,"
                        "\"frame\":31,\"vlan\":42,\"pcap\":\"b\\\".pcap\","
                        "\"blind\":{\"kind\":\"unfinished_fragments\",\"messages\":2}}\n"));
}

TEST(JsonRecords, BlindnessOfAnSmbSessionSaysWhichAndSinceWhen) {
  Records records(everything());
  dissect::Blindness blindness;
  blindness.kind = dissect::BlindnessKind::smb_encrypted;
  blindness.frame = frame_at(30, 0);
  blindness.client = drsuapi_context().client;
  blindness.server = drsuapi_context().server;
  blindness.bytes = 9715;
  blindness.messages = 47;
  blindness.since = frame_at(14, 0);
  blindness.smb_session = 0x8000'0000'8806'c35e;
  records.feed().on_blindness(blindness);
  EXPECT_NE(records.finished().find(
                ",\"blind\":{\"kind\":\"smb_encrypted\",\"bytes\":9715,\"messages\":47,"
                "\"since_frame\":14,\"session\":\"0x800000008806c35e\"}}\n"),
            std::string::npos);
}

struct VerdictCase {
  const char* name;
  dissect::Outcome outcome;
  std::uint32_t status;
  const char* enforced;
};

constexpr VerdictCase kVerdicts[] = {
    {"answered", dissect::Outcome::response, 0, "contradicted"},
    {"denied", dissect::Outcome::fault, 5, "consistent"},
    {"denied_as_hresult", dissect::Outcome::fault, 0x8007'0005, "consistent"},
    {"other_fault", dissect::Outcome::fault, 0x1c01'0002, "unknown"},
    {"unanswered", dissect::Outcome::unanswered, 0, "unknown"},
};

TEST(JsonRecords, VerdictSaysWhatDecidedAndWhatHappened) {
  for (const VerdictCase& row : kVerdicts) {
    Records records(findings(), kBlockScript);
    dissect::RpcContext context = drsuapi_context();
    records.open(context, dissect::ContextResult::accepted);
    const dissect::RpcCall harmless = call_in(19, 0, 1);
    records.feed().on_call(context, harmless);
    const dissect::RpcCall call = call_in(20, 3, 0);
    records.feed().on_call(context, call);
    records.feed().on_outcome(outcome_of(harmless, dissect::Outcome::response, 0));
    records.feed().on_outcome(outcome_of(call, row.outcome, row.status));
    const std::string text = records.finished();
    EXPECT_EQ(text.find('\n'), text.size() - 1) << "only the finding is written";
    EXPECT_NE(text.find("\"event_type\":\"rpc_audit\""), std::string::npos) << text;
    const std::string verdict =
        "},\"verdict\":{\"action\":\"would_block\",\"control\":\"rpc_filter\","
        "\"layer\":\"um\",\"filter\":\"7f0c5f4e-5b0e-4a51-9b5e-0d6f1a7700ff\","
        "\"rule_name\":\"block-um-ea0e2244\",\"source\":\"policy.txt:2\","
        "\"conditions\":[\"if_uuid=e3514235-4b06-11d1-ab04-00c04fc2dcd2\",\"opnum=3\"],"
        "\"depends_on_target\":true,\"targets\":{\"would_permit\":[\"ws2008\",\"ws2008r2\","
        "\"ws2012r2\",\"ws2016\"]},\"controls\":[{\"control\":\"rpc_"
        "filter\","
        "\"action\":\"would_block\"}],\"severity\":\"high\",\"enforced\":\"" +
        std::string(row.enforced) +
        (row.enforced == std::string_view("consistent")
             ? "\",\"other_causes\":[\"minimum_level\"]}}\n"
             : "\"}}\n");
    EXPECT_TRUE(text.ends_with(verdict)) << row.name << "\n" << text;
    const audit::AuditTally& tally = records.feed().tally();
    EXPECT_EQ(tally.judged, 2u);
    EXPECT_EQ(tally.count(evaluate::VerdictAction::would_block), 1u);
    EXPECT_EQ(tally.filters[0][static_cast<std::size_t>(evaluate::VerdictAction::would_block)], 1u);
    EXPECT_EQ(tally.no_filter, 1u);
    EXPECT_EQ(tally.activities.sorted().size(), 1u);
  }
}

// [semantics] 5.1, 5.4: a permit with audit=enable has the call logged, and so written here, too; a
// block with it is a finding.
TEST(JsonRecords, WhatAuditEnableHasLoggedIsWrittenWithTheFilterThatLogsIt) {
  const std::string script =
      "rpc filter\n"
      "add rule layer=um actiontype=permit audit=enable "
      "filterkey=7f0c5f4e-5b0e-4a51-9b5e-0d6f1a7700ff\n"
      "add condition field=opnum matchtype=equal data=3\nadd filter\n"
      "add rule layer=um actiontype=block audit=enable\n"
      "add condition field=opnum matchtype=equal data=4\nadd filter\n";
  Records records(findings(), script);
  dissect::RpcContext context = drsuapi_context();
  records.open(context, dissect::ContextResult::accepted);
  for (std::uint16_t opnum = 2; opnum < 5; ++opnum) {
    const dissect::RpcCall call = call_in(20u + opnum, opnum, opnum);
    records.feed().on_call(context, call);
    records.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  }
  std::istringstream lines(records.finished());
  std::string permitted;
  std::string blocked;
  std::string more;
  std::getline(lines, permitted);
  std::getline(lines, blocked);
  EXPECT_THAT(permitted,
              HasSubstr("\"verdict\":{\"action\":\"would_permit\",\"event_5712\":{\"keywords\":"
                        "\"audit_success\",\"layer\":\"um\",\"filter\":\"7f0c5f4e-5b0e-4a51-9b5e-"
                        "0d6f1a7700ff\",\"rule_name\":\"permit-um-"));
  EXPECT_THAT(permitted, HasSubstr("\"event_type\":\"rpc_call\""));
  EXPECT_THAT(blocked, HasSubstr("\"event_type\":\"rpc_audit\""));
  EXPECT_THAT(blocked, HasSubstr("\"audit_only\":true"));
  EXPECT_THAT(blocked, HasSubstr("\"event_5712\":{\"keywords\":\"audit_failure\""));
  EXPECT_FALSE(std::getline(lines, more)) << more;
  const audit::AuditTally& tally = records.feed().tally();
  EXPECT_EQ(tally.count(evaluate::AuditKeywords::success), 1u);
  EXPECT_EQ(tally.count(evaluate::AuditKeywords::failure), 1u);
  EXPECT_EQ(tally.audit_only, 1u);
}

// [semantics] 2.2: Windows judges at dispatch, so that a bind alone is never a finding.
TEST(JsonRecords, ABindWithoutACallIsNoFinding) {
  Records records(findings(), kBlockScript);
  dissect::RpcContext context = drsuapi_context();
  records.open(context, dissect::ContextResult::accepted);
  records.feed().on_context_closed(context.key);
  EXPECT_EQ(records.finished(), "");
  EXPECT_EQ(records.feed().tally().judged, 0u);
}

// [semantics] 2.7: a call is judged, whatever was said of the same call before.
TEST(JsonRecords, EveryCallOfAContextIsJudged) {
  Records records(findings(), kBlockScript);
  dissect::RpcContext context = drsuapi_context();
  records.open(context, dissect::ContextResult::accepted);
  for (std::uint32_t i = 0; i < 3; ++i) {
    const dissect::RpcCall call = call_in(20 + i, 3, i);
    records.feed().on_call(context, call);
    records.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  }
  const std::string text = records.finished();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_EQ(records.feed().tally().count(evaluate::VerdictAction::would_block), 3u);
}

// [semantics] 2.8.
TEST(JsonRecords, CallsOverLoopbackAreJudgedByFiltersLikeOthers) {
  Records records(findings(), kBlockScript);
  dissect::RpcContext context = drsuapi_context();
  context.client.address = context.server.address = IpAddress::v4(0x7f00'0001);
  records.open(context, dissect::ContextResult::accepted);
  const dissect::RpcCall call = call_in(20, 3, 0);
  records.feed().on_call(context, call);
  records.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  EXPECT_THAT(records.finished(), HasSubstr("\"action\":\"would_block\""));
}

TEST(JsonRecords, WithAPolicyEveryCallOfALogHasAVerdict) {
  Records records(everything(), kBlockScript);
  dissect::RpcContext context = drsuapi_context();
  records.open(context, dissect::ContextResult::accepted);
  const dissect::RpcCall call = call_in(20, 0, 0);
  records.feed().on_call(context, call);
  records.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  EXPECT_NE(records.finished().find(
                ",\"verdict\":{\"action\":\"would_permit\",\"depends_on_target\":true,"
                "\"targets\":{\"would_block\":[\"ws2019\",\"ws2022\",\"w10\"]},"
                "\"controls\":[{\"control\":"
                "\"rpc_filter\",\"action\":\"would_permit\"}]}}\n"),
            std::string::npos)
      << records.text();
}

TEST(JsonRecords, UndecidableNamesWhatWasNotSeen) {
  Records records(findings(),
                  "add rule layer=um actiontype=block\n"
                  "add condition field=image_name matchtype=equal data=lsass.exe\n"
                  "add filter\n");
  dissect::RpcContext context = drsuapi_context();
  records.open(context, dissect::ContextResult::accepted);
  const dissect::RpcCall call = call_in(20, 0, 0);
  records.feed().on_call(context, call);
  records.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  EXPECT_NE(records.finished().find("\"action\":\"undecidable\""), std::string::npos);
  EXPECT_NE(records.text().find("\"unseen\":[\"image_name\"]"), std::string::npos)
      << records.text();
}

// A call over a pipe has the rights of the SMB session, unless it has security of its own.
TEST(JsonRecords, CallersOfPipesAreThoseOfTheirSession) {
  Records records(everything());
  dissect::RpcContext context = drsuapi_context();
  context.protocol = dissect::ProtocolSequence::ncacn_np;
  context.smb.emplace().guest = true;
  records.open(context, dissect::ContextResult::accepted);
  dissect::RpcCall guest = call_in(20, 0, 0);
  guest.identity.user = "nobody";
  dissect::RpcCall named = call_in(22, 0, 1);
  named.auth = dissect::AuthNumbers{10, 6, 0};
  dissect::RpcCall anonymous = call_in(24, 0, 2);
  anonymous.identity.null_session = true;
  anonymous.auth = dissect::AuthNumbers{10, 2, 0};
  for (const dissect::RpcCall& call : {guest, named, anonymous}) {
    records.feed().on_call(context, call);
    records.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  }
  std::istringstream text(records.finished());
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  EXPECT_THAT(lines, ElementsAre(_, HasSubstr("\"user\":\"nobody\",\"guest\":true"),
                                 Not(HasSubstr("guest")), HasSubstr("\"null_session\":true")));
}

// Whatever a name holds, the line stays one JSON object.
TEST(JsonRecords, HostileNamesStayInsideTheirString) {
  Records records(everything());
  dissect::RpcContext context = drsuapi_context();
  context.pipe = "\\PIPE\\a\"}\n{\"b";
  context.protocol = dissect::ProtocolSequence::ncacn_np;
  records.open(context, dissect::ContextResult::accepted);
  dissect::RpcCall call = call_in(20, 0, 0);
  call.frame.input = 1;
  call.identity.user = "x\"\\\n\xff\x01";
  records.feed().on_call(context, call);
  records.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  const std::string text = records.finished();
  ASSERT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  rapidjson::Document document;
  document.Parse(text.substr(text.find('\n') + 1).c_str());
  ASSERT_FALSE(document.HasParseError()) << text;
  EXPECT_STREQ(document["pcap"].GetString(), "b\".pcap");
  EXPECT_STREQ(document["rpc"]["pipe"].GetString(), "\\PIPE\\a\"}\n{\"b");
  EXPECT_STREQ(document["rpc"]["user"].GetString(), "x\"\\\n\xef\xbf\xbd\x01");
}

}  // namespace
}  // namespace rpcaudit::test
