#include <gtest/gtest.h>

#include <algorithm>

#include "engine/audit/report/summary.h"
#include "engine/audit/sink/event_5712.h"
#include "engine/audit/sink/text_sink.h"
#include "engine/policy/netsh/netsh_script.h"
#include "tests/audit/audit_feed.h"

namespace rpcaudit::test {
namespace {

class TextTest : public testing::Test {
 protected:
  TextTest() {
    std::vector<policy::Diagnostic> diagnostics;
    policy::read_netsh_script(
        "add rule layer=um actiontype=block\n"
        "add condition field=opnum matchtype=equal data=3\n"
        "add filter\n"
        "add rule layer=um actiontype=permit\n"
        "add condition field=opnum matchtype=equal data=9\n"
        "add filter\n",
        "folder/block-dcsync.netsh.txt", policy, diagnostics);
    context.client = drsuapi_context().client;
    context.server = drsuapi_context().server;
    context.abstract_syntax = dissect::SyntaxId{kDrsuapi, 4, 0};
    context.catalogue = audit::find_interface(kDrsuapi);
    context.result = dissect::ContextResult::accepted;
    call.frame = frame_at(4711, 123'456'789);
    call.opnum = 3;
    call.auth = dissect::AuthNumbers{10, 6, 0};
    call.outcome = dissect::Outcome::response;
    call.verdict.emplace();
    call.verdict->action = evaluate::VerdictAction::would_block;
    call.verdict->filters.action = evaluate::VerdictAction::would_block;
    call.verdict->control = evaluate::Control::rpc_filter;
    call.verdict->filters.filter = 0;
    who.user = "user1";
    who.domain = "LAB77";
  }

  std::string line(bool colour) {
    StringTarget target;
    audit::OutputBuffer out(target, false);
    const evaluate::ServerPolicies policies(policy, {});
    audit::TextSink sink(out, &policies, {}, colour);
    sink.on_call(context, call, who);
    out.flush();
    return target.text;
  }

  policy::Policy policy;
  audit::ContextInfo context;
  audit::CallEvent call;
  audit::IdentityText who;
};

TEST_F(TextTest, WouldBlockReadsAsASentence) {
  EXPECT_EQ(line(false),
            "2026-11-20 14:03:12.123Z  WOULD BLOCK  10.77.0.21 -> 10.77.0.1:49153  "
            "drsuapi.IDL_DRSGetNCChanges  as LAB77\\user1 (NTLM, privacy)  "
            "by filter block-dcsync.netsh.txt:1  outcome: response  [frame 4711]\n");
  EXPECT_NE(line(true).find("\033[1;31mWOULD BLOCK\033[0m"), std::string::npos);
}

TEST_F(TextTest, ACallWithoutSecuritySaysWhoseSessionItIs) {
  struct Case {
    const char* user;
    bool guest;
    bool logon_unseen;
    const char* said;
  };
  constexpr Case kCases[] = {
      {"bob", false, false, "  as bob (no security on the call)  "},
      {"bob", true, false, "  as bob (guest, no security on the call)  "},
      {"", true, false, "  as guest, without security  "},
      {"", false, true, "  in a session whose logon was not seen  "},
      {"", false, false, "  without security  "},
  };
  call.auth.reset();
  for (const Case& row : kCases) {
    who = {row.user, {}, false};
    context.guest = row.guest;
    context.logon_unseen = row.logon_unseen;
    EXPECT_NE(line(false).find(row.said), std::string::npos) << line(false);
  }
}

TEST_F(TextTest, UndecidableNamesTheFields) {
  call.verdict->action = evaluate::VerdictAction::undecidable;
  call.verdict->filters.action = evaluate::VerdictAction::undecidable;
  call.verdict->filters.unseen = evaluate::field_bit(policy::Field::image_name);
  who = {};
  call.auth.reset();
  EXPECT_EQ(line(false),
            "2026-11-20 14:03:12.123Z  UNDECIDABLE  10.77.0.21 -> 10.77.0.1:49153  "
            "drsuapi.IDL_DRSGetNCChanges  without security  "
            "perhaps by filter block-dcsync.netsh.txt:1  not seen: image_name  "
            "outcome: response  [frame 4711]\n");
}

// [semantics] 5.4.
TEST_F(TextTest, ACallThatAuditEnableHasLoggedIsSaidToBe) {
  call.verdict->action = evaluate::VerdictAction::would_permit;
  call.verdict->control = evaluate::Control::none;
  call.verdict->filters.filter = evaluate::kNoFilter;
  call.verdict->event_5712.filter = 1;
  call.verdict->event_5712.keywords = evaluate::AuditKeywords::success;
  EXPECT_NE(line(false).find("  by no filter  logged as success (event 5712) by filter "
                             "block-dcsync.netsh.txt:4  outcome:"),
            std::string::npos);
  call.verdict->event_5712.keywords = evaluate::AuditKeywords::perhaps;
  EXPECT_NE(line(false).find("  perhaps logged (event 5712) by filter"), std::string::npos);
}

// [semantics] 5.5: the order, the groups and the names of the event; what is not on the wire is
// left empty.
TEST_F(TextTest, ACallReadsAsEvent5712InTheOrderOfWindows) {
  const dissect::RpcContext proposed = drsuapi_context();
  dissect::RpcCall made = call_in(4711, 3, 0);
  made.auth = dissect::AuthNumbers{10, 6, 0};
  made.identity.user = "user1";
  made.identity.domain = "LAB77";
  const evaluate::ContextFacts facts = evaluate::context_facts(proposed);
  const evaluate::CallFacts of_call = evaluate::call_facts(proposed, made);
  evaluate::Verdict verdict;
  verdict.event_5712.keywords = evaluate::AuditKeywords::failure;
  verdict.event_5712.filter = 0;
  const std::string key = to_string(policy.filters[0].key);
  EXPECT_EQ(
      audit::event_5712_text(
          {made, facts, of_call, policy::TargetProfile(policy::Target::ws2025), policy, verdict}),
      "event    5712, Audit Failure: A Remote Procedure Call (RPC) was attempted.\n"
      "         Subject:\n"
      "           SID:\n"
      "           Name:                     user1\n"
      "           Account Domain:           LAB77\n"
      "           LogonId:\n"
      "         Process Information:\n"
      "           PID:\n"
      "           Name:\n"
      "         Network Information:\n"
      "           Remote IP Address:        10.77.0.21\n"
      "           Remote Port:              50000\n"
      "         RPC Attributes:\n"
      "           Interface UUID:           e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
      "           Protocol Sequence:        ncacn_ip_tcp\n"
      "           Authentication Service:   10\n"
      "           Authentication Level:     6\n"
      "           OpNum:                    3\n"
      "         Not in the event:\n"
      "           Filter Key:               " +
          key +
          "\n"
          "           Filter:                   block-dcsync.netsh.txt:1  block um opnum=3\n"
          "           Frame:                    4711\n");
  verdict.event_5712.keywords = evaluate::AuditKeywords::none;
  EXPECT_EQ(
      audit::event_5712_text({made, facts, of_call, policy::TargetProfile(), policy, verdict}), "");
}

// [semantics] 5.5: before Windows Server 2025 without the operation, and zeros for pipes.
TEST_F(TextTest, EarlierVersionsWriteNoOperationAndNoAddressOfPipes) {
  dissect::RpcContext proposed = drsuapi_context();
  proposed.protocol = dissect::ProtocolSequence::ncacn_np;
  const dissect::RpcCall made = call_in(4711, 3, 0);
  const evaluate::ContextFacts facts = evaluate::context_facts(proposed);
  const evaluate::CallFacts of_call = evaluate::call_facts(proposed, made);
  evaluate::Verdict verdict;
  verdict.event_5712.keywords = evaluate::AuditKeywords::success;
  verdict.event_5712.filter = 1;
  const std::string text = audit::event_5712_text(
      {made, facts, of_call, policy::TargetProfile(policy::Target::ws2019), policy, verdict});
  EXPECT_NE(text.find("Audit Success"), std::string::npos) << text;
  EXPECT_NE(
      text.find("Remote IP Address:        0.0.0.0\n           Remote Port:              0\n"),
      std::string::npos)
      << text;
  EXPECT_EQ(text.find("OpNum"), std::string::npos) << text;
}

TEST_F(TextTest, PipesFaultsAndHostileNames) {
  context.pipe = "\\PIPE\\x\033[2J";
  context.server.port = 445;
  call.outcome = dissect::Outcome::fault;
  call.status = 5;
  who.user = "evil\nuser";
  const std::string text = line(false);
  EXPECT_NE(text.find("10.77.0.1:445 \\PIPE\\x\\x1b[2J"), std::string::npos) << text;
  EXPECT_NE(text.find("LAB77\\evil\\x0auser"), std::string::npos) << text;
  EXPECT_NE(text.find("outcome: fault 0x00000005"), std::string::npos) << text;
}

// Beside the counts, because they are not the whole truth.
TEST_F(TextTest, SummarySaysThatCallsInEncryptedSessionsAreNotCounted) {
  audit::AuditTally tally;
  dissect::Blindness encrypted;
  encrypted.kind = dissect::BlindnessKind::smb_encrypted;
  encrypted.bytes = 3764;
  encrypted.messages = 22;
  tally.note_blindness(encrypted);
  EXPECT_NE(
      audit::summary_text({}, tally, nullptr)
          .find("answers     none\n"
                "unseen      the calls in 1 SMB session: 22 encrypted messages, 3,764 bytes\n"),
      std::string::npos);
}

TEST_F(TextTest, SummaryHasWhatWasFoundAndWhatWasNotSeen) {
  const evaluate::ServerPolicies policies(policy, {});
  audit::AuditTally tally;
  tally.prepare(policies);
  tally.calls = 1234;
  tally.depends_on_target = 2;
  tally.outcomes[static_cast<std::size_t>(dissect::Outcome::response)] = 1234;
  for (int i = 0; i < 3; ++i) {
    tally.note_verdict(0, *call.verdict);
    tally.note_finding(context, call, who);
  }
  tally.note_verdict(0, {});
  dissect::Blindness gap;
  gap.bytes = 1460;
  tally.note_blindness(gap);
  audit::RunFacts run;
  run.inputs = {"a.pcap"};
  run.frames = 5000;
  run.first = Timestamp{kNoon};
  run.last = Timestamp{kNoon + 90 * kNanosecondsPerSecond};
  run.not_seen = {{7, "frames cut by the snap length"}};
  run.problems = {"a.pcap: ends within a frame"};
  EXPECT_EQ(audit::summary_text(run, tally, &policies),
            "input       a.pcap\n"
            "            5,000 frames, 0 bytes\n"
            "observed    2026-11-20 14:03:12.000 to 2026-11-20 14:04:42.000 UTC (1 min 30 s)\n"
            "calls       1,234 seen, 4 judged: 3 would be blocked, 0 undecidable, "
            "1 would be permitted\n"
            "target      2 verdicts depend on the version of Windows (see --target)\n"
            "answers     1,234 response\n"
            "\n"
            "Which filters decide\n"
            "           3  would block   block-dcsync.netsh.txt:1  block um opnum=3\n"
            "           1  call that no filter matches\n"
            "           1  filter decided no call\n"
            "\n"
            "What would change\n"
            "           3  would block   10.77.0.21 -> 10.77.0.1  drsuapi.IDL_DRSGetNCChanges  "
            "as LAB77\\user1\n"
            "           3  calls to be blocked that succeeded here and would start to fail\n"
            "\n"
            "What was not seen (blind spots)\n"
            "           1  gap in an RPC connection, 1,460 bytes\n"
            "           7  frames cut by the snap length\n"
            "           -  what was lost to the problems below\n"
            "problem: a.pcap: ends within a frame\n");
}

TEST_F(TextTest, SummaryFitsAScreenHoweverMuchThereIs) {
  const evaluate::ServerPolicies policies(policy, {});
  audit::AuditTally tally;
  tally.prepare(policies);
  for (std::uint32_t i = 0; i < 6000; ++i) {
    context.client.address = IpAddress::v4(i);
    tally.note_verdict(0, *call.verdict);
    tally.note_finding(context, call, who);
  }
  for (std::size_t i = 0; i < dissect::kBlindnessKindCount; ++i) {
    dissect::Blindness blindness;
    blindness.kind = static_cast<dissect::BlindnessKind>(i);
    tally.note_blindness(blindness);
  }
  EXPECT_GE(tally.activities.overflow(), 6000u - 4096u);
  const std::string text = audit::summary_text({}, tally, &policies);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 45);
  EXPECT_NE(text.find("5,988  calls in 4,"), std::string::npos) << text;
}

TEST_F(TextTest, ActivitiesRememberAFewUsers) {
  audit::ActivityTable table;
  for (const char* user : {"a", "b", "a", "c", "d"}) {
    who.user = user;
    table.note(context, call, who, false);
  }
  const std::vector<const audit::Activity*> all = table.sorted();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]->count, 5u);
  EXPECT_EQ(all[0]->user_count, 3u);
  EXPECT_EQ(audit::account_of(all[0]->users[2].text()), "LAB77\\c");
  EXPECT_TRUE(all[0]->more_users);
  EXPECT_EQ(all[0]->contradicted, 5u);
}

}  // namespace
}  // namespace rpcaudit::test
