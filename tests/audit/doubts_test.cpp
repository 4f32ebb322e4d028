// Calls of which the wire leaves several readings: undecidable unless all readings agree.

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "engine/audit/report/summary.h"
#include "engine/audit/sink/text_sink.h"
#include "engine/policy/netsh/netsh_script.h"
#include "tests/audit/audit_feed.h"

namespace rpcaudit::test {
namespace {

constexpr const char* kDrsuapiText = "e3514235-4b06-11d1-ab04-00c04fc2dcd2";

std::string rule(std::string_view layer, std::string_view action,
                 std::initializer_list<std::string> conditions) {
  std::string text = "rpc filter\nadd rule layer=";
  text.append(layer).append(" actiontype=").append(action).append("\n");
  for (const std::string& condition : conditions) {
    text += "add condition field=" + condition + "\n";
  }
  return text + "add filter\n";
}

std::string equal(const std::string& field, const std::string& data) {
  return field + " matchtype=equal data=" + data;
}

const std::string kInterface = equal("if_uuid", kDrsuapiText);
const std::string kOpnum3 = equal("opnum", "3");
const std::string kClient = equal("remote_addr_v4", "10.77.0.21");
const std::string kImage = equal("image_name", "svchost.exe");
const std::string kAnonymous = equal("remote_user_token", "D:(A;;CC;;;AN)");

dissect::Doubts doubts_of(dissect::Doubt doubt) {
  dissect::Doubts doubts;
  doubts.add(doubt);
  return doubts;
}

// An audit by one policy, whose records are written down in a line each.
class DoubtAudit {
 public:
  explicit DoubtAudit(const std::string& script, bool write_all = true) {
    std::vector<policy::Diagnostic> diagnostics;
    policy::Policy policy;
    policy::read_netsh_script(script, "policy.txt", policy, diagnostics);
    policies_.emplace(std::move(policy), evaluate::EvaluationOptions{
                                             policy::Layer::um, {}, policy::Target::documented});
    audit::AuditOptions options;
    options.policies = &*policies_;
    options.write_all = write_all;
    options.mark_findings = true;
    sink_.emplace(buffer_, &*policies_, nullptr, 4096);
    auditor_.emplace(limits_, options, *sink_);
    context_.result = dissect::ContextResult::unanswered;
    auditor_->on_context(context_);
    context_.result = dissect::ContextResult::accepted;
    auditor_->on_context_result(context_);
  }

  audit::Auditor& feed() { return *auditor_; }
  const dissect::RpcContext& context() const { return context_; }

  // The record of the only call.
  std::string record() {
    auditor_->on_watermark(kEnd);
    buffer_.flush();
    const std::size_t at = target_.text.find("\"event_type\":\"rpc_call\"");
    const std::size_t found = target_.text.find("\"event_type\":\"rpc_audit\"");
    const std::size_t begin = std::min(at, found);
    return begin == std::string::npos ? "" : target_.text.substr(begin);
  }

 private:
  StringTarget target_;
  audit::OutputBuffer buffer_{target_, false};
  dissect::Limits limits_;
  std::optional<evaluate::ServerPolicies> policies_;
  std::optional<audit::JsonSink> sink_;
  std::optional<audit::Auditor> auditor_;
  dissect::RpcContext context_ = drsuapi_context();
};

std::string outcome_in(const std::string& record) {
  const auto part = [&record](std::string_view key, char end) -> std::string {
    const std::size_t at = record.find(key);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + key.size();
    return record.substr(begin, record.find(end, begin) - begin);
  };
  const std::string unseen = part("\"unseen\":[", ']');
  return part("\"verdict\":{\"action\":\"", '"') + (unseen.empty() ? "" : " " + unseen);
}

struct DoubtCase {
  const char* name;
  std::string script;
  dissect::Doubt doubt;
  std::uint16_t opnum;
  const char* expected;
};

using enum dissect::Doubt;

const DoubtCase kCases[] = {
    {"another reading would be blocked", rule("um", "block", {kInterface, kOpnum3}), tcp_conflict,
     9, "undecidable \"tcp_conflict\""},
    {"the reading that was told would be", rule("um", "block", {kInterface, kOpnum3}), urgent_data,
     3, "undecidable \"urgent_data\""},
    {"all calls of the client are blocked", rule("um", "block", {kClient}), tcp_conflict, 9,
     "would_block"},
    {"every filter permits", rule("um", "permit", {kInterface}), tcp_conflict, 9, "would_permit"},
    {"all calls of the client are permitted first",
     rule("um", "permit", {kClient, equal("local_port", "49153")}) + rule("um", "block", {kClient}),
     decoy, 9, "would_permit"},
    {"who calls does not matter", rule("um", "block", {kInterface, kOpnum3}), identity_conflict, 3,
     "would_block"},
    {"only who calls matters", rule("um", "block", {kInterface, kAnonymous}), identity_conflict, 3,
     "undecidable \"identity_conflict\""},
    {"a field is never seen, whatever the reading", rule("um", "block", {kInterface, kImage}),
     tcp_conflict, 3, "undecidable \"image_name\",\"tcp_conflict\""},
    {"the call may ask an endpoint mapper", rule("epmap", "block", {kInterface}), datagram_conflict,
     9, "undecidable \"datagram_conflict\""},
};

TEST(Doubts, MakeACallUndecidableUnlessEveryReadingAgrees) {
  for (const DoubtCase& row : kCases) {
    DoubtAudit audit(row.script);
    dissect::RpcCall call = call_in(20, row.opnum, 0);
    call.doubts = doubts_of(row.doubt);
    audit.feed().on_call(audit.context(), call);
    audit.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
    const std::string record = audit.record();
    EXPECT_EQ(outcome_in(record), row.expected) << row.name;
    const std::string kinds = "\"doubts\":[\"" + std::string(to_string(row.doubt)) + "\"]";
    EXPECT_NE(record.find(kinds), std::string::npos) << record;
    EXPECT_EQ(audit.feed().tally().in_doubt, 1u);
  }
}

TEST(Doubts, ThatComeLaterChangeTheRecordThatWaits) {
  for (const DoubtCase& row : kCases) {
    DoubtAudit audit(row.script);
    const dissect::RpcCall call = call_in(20, row.opnum, 0);
    audit.feed().on_call(audit.context(), call);
    audit.feed().on_doubt(call.key, doubts_of(row.doubt));
    audit.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
    const std::string record = audit.record();
    EXPECT_EQ(outcome_in(record), row.expected) << row.name;
    const bool is_finding = record.find("rpc_audit") != std::string::npos;
    EXPECT_EQ(is_finding, std::string_view(row.expected) != "would_permit") << row.name;
    const audit::AuditTally& tally = audit.feed().tally();
    EXPECT_EQ(tally.in_doubt, 1u);
    EXPECT_EQ(tally.judged, 1u) << row.name;
    EXPECT_EQ(tally.count(evaluate::VerdictAction::would_permit) +
                  tally.count(evaluate::VerdictAction::would_block) +
                  tally.count(evaluate::VerdictAction::undecidable),
              1u)
        << row.name;
  }
}

// In an audit without --all permitted calls have no record that could be changed.
TEST(Doubts, ThatComeTooLateForARecordAreCounted) {
  DoubtAudit audit(rule("um", "block", {kInterface, kOpnum3}), false);
  const dissect::RpcCall call = call_in(20, 9, 0);
  audit.feed().on_call(audit.context(), call);
  audit.feed().on_doubt(call.key, doubts_of(tcp_conflict));
  audit.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  EXPECT_EQ(audit.record(), "");
  const audit::AuditTally& tally = audit.feed().tally();
  EXPECT_EQ(tally.count(evaluate::VerdictAction::undecidable), 1u);
  EXPECT_EQ(tally.count(evaluate::VerdictAction::would_permit), 0u);
  EXPECT_EQ(tally.in_doubt_unwritten, 1u);
  const std::string summary = audit::summary_text({}, tally, nullptr);
  EXPECT_NE(summary.find("1  call in doubt once judged"), std::string::npos) << summary;
  EXPECT_EQ(summary.find("none found"), std::string::npos) << summary;
}

TEST(Doubts, AfterTheOutcomeAreOfNoCall) {
  DoubtAudit audit(rule("um", "block", {kInterface, kOpnum3}));
  const dissect::RpcCall call = call_in(20, 9, 0);
  audit.feed().on_call(audit.context(), call);
  audit.feed().on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  audit.feed().on_doubt(call.key, doubts_of(tcp_conflict));
  EXPECT_EQ(outcome_in(audit.record()), "would_permit");
}

TEST(Doubts, StandInTextAndSummary) {
  StringTarget target;
  audit::OutputBuffer buffer(target, false);
  audit::TextSink sink(buffer, nullptr, nullptr, false);
  audit::ContextInfo context;
  audit::CallEvent call;
  call.doubts = doubts_of(tcp_conflict);
  call.doubts.add(decoy);
  sink.on_call(context, call, {});
  buffer.flush();
  EXPECT_NE(target.text.find("  in doubt: tcp_conflict, decoy"), std::string::npos) << target.text;
}

}  // namespace
}  // namespace rpcaudit::test
