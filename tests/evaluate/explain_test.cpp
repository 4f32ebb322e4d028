#include "engine/evaluate/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/evaluate/policy_builder.h"

namespace rpcaudit::evaluate {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> filter_notes(const Explanation& explanation) {
  std::vector<std::string> notes;
  for (const FilterFinding& finding : explanation.filters) {
    notes.push_back(std::to_string(finding.filter) + (finding.decided ? "! " : " ") + finding.note);
  }
  return notes;
}

TEST(Explain, SaysOfEveryFilterWhyItDidNotDecide) {
  const policy::Policy written = policy_of({
      block({}),
      block({interface(kSamr)}),
      permit({interface(kSamr), number(policy::Field::opnum, 7)}),
      go_on({interface(kSamr), number(policy::Field::auth_level, 0)}),
      audited(block({interface(kSamr), number(policy::Field::protocol, 1)})),
      permit({image("lsass.exe")}),
      on_layer(policy::Layer::epmap, block({})),
  });
  EXPECT_THAT(filter_notes(explain(written, {}, samr_over_tcp(), {})),
              ElementsAre("4 only logs, having audit=enable",
                          "3 leaves the decision to the filters after it", "2 does not match",
                          "1! decides", "5 not reached: a heavier filter decides",
                          "0 not reached: a heavier filter decides",
                          "6 not for this layer, but for `epmap`"));
}

TEST(Explain, SaysWhichFiltersMayDecide) {
  const policy::Policy written = policy_of({
      block({caller("D:(A;;CC;;;BA)")}),
      permit({interface(kSamr)}),
      block({}),
  });
  const Explanation explanation = explain(written, {}, samr_over_tcp(), {});
  EXPECT_EQ(text(explanation.verdict), "undecidable by 0 ?remote_user_token");
  EXPECT_THAT(filter_notes(explanation),
              ElementsAre("0 may match and decide", "1 decides if nothing before it does",
                          "2 not reached: a heavier filter decides"));
  EXPECT_EQ(explanation.filters[0].conditions[0].note,
            "whether the caller is `BA` is not on the wire");
}

TEST(Explain, ShowsWhatEachConditionWantedAndWhatWasSeen) {
  const policy::Policy written =
      policy_of({block({interface(kDrsuapi), number(policy::Field::opnum, 0),
                        number(policy::Field::opnum, 3), image("a.exe")})});
  const Explanation explanation = explain(written, {}, samr_over_tcp(), {});
  ASSERT_EQ(explanation.filters.size(), 1u);
  const std::vector<ConditionFinding>& conditions = explanation.filters[0].conditions;
  ASSERT_EQ(conditions.size(), 4u);
  EXPECT_EQ(conditions[0].seen, to_string(kSamr));
  EXPECT_EQ(conditions[0].truth, Truth::no);
  EXPECT_EQ(conditions[1].seen, "0");
  EXPECT_EQ(conditions[1].truth, Truth::yes);
  EXPECT_EQ(conditions[2].truth, Truth::no);
  EXPECT_EQ(conditions[3].seen, "not on the wire");
  EXPECT_EQ(conditions[3].truth, Truth::unknown);
}

// Pipe names come from the wire: nothing of them may steer a terminal.
TEST(Explain, MakesUntrustedTextPrintable) {
  ContextFacts context = samr_over_pipe();
  context.pipe = "\\PIPE\\a\x1b[2J";
  const policy::Policy written = policy_of({block({pipe("\\PIPE\\samr")})});
  const Explanation explanation = explain(written, {}, context, {});
  EXPECT_EQ(explanation.filters[0].conditions[0].seen.find('\x1b'), std::string::npos);
}

std::string note_on(const policy::Condition& condition, const ContextFacts& context,
                    const CallFacts& call) {
  return explain(policy_of({block({condition})}), {}, context, call).filters[0].conditions[0].note;
}

// [semantics] 3.7.3: a difference in case, or of two names of one server process.
TEST(Explain, NotesPipesThatNearlyMatch) {
  EXPECT_THAT(note_on(pipe("\\PIPE\\SAMR"), samr_over_pipe(), {}), HasSubstr("case only"));
  EXPECT_THAT(note_on(pipe("\\PIPE\\lsass"), samr_over_pipe(), {}), HasSubstr("another name"));
  EXPECT_THAT(note_on(pipe("\\pipe\\netlogon"), samr_over_pipe(), {}), HasSubstr("another name"));
  EXPECT_THAT(note_on(pipe("\\PIPE\\spoolss"), samr_over_pipe(), {}), IsEmpty());
  EXPECT_THAT(note_on(pipe("\\PIPE\\samr"), samr_over_pipe(), {}), IsEmpty());
  ContextFacts both = samr_over_pipe();
  both.pipe_of_server = "\\pipe\\lsass";
  EXPECT_THAT(note_on(pipe("\\PIPE\\samr"), both, {}), HasSubstr("the client opened"));
  EXPECT_THAT(note_on(pipe("\\pipe\\lsass"), both, {}), IsEmpty());
  EXPECT_THAT(note_on(pipe("\\PIPE\\LSASS"), both, {}), HasSubstr("case only"));
}

// [semantics] 3.5.4: Windows is believed to compare the number in network byte order.
TEST(Explain, NotesTheByteOrderOfAddresses) {
  EXPECT_THAT(note_on(address(policy::Field::remote_addr_v4, "2.0.0.10"), samr_over_tcp(), {}),
              HasSubstr("which would match"));
  EXPECT_THAT(note_on(address(policy::Field::remote_addr_v4, "10.0.0.2"), samr_over_tcp(), {}),
              HasSubstr("not to match"));
  EXPECT_THAT(note_on(address(policy::Field::remote_addr_v4, "10.0.0.3"), samr_over_tcp(), {}),
              IsEmpty());
  ContextFacts palindrome = samr_over_tcp();
  palindrome.remote_address = parse_ip("10.1.1.10").value();
  EXPECT_THAT(note_on(address(policy::Field::remote_addr_v4, "10.1.1.10"), palindrome, {}),
              IsEmpty());
}

TEST(Explain, NotesFieldsThatTheTransportDoesNotHave) {
  EXPECT_THAT(note_on(number(policy::Field::local_port, 445), samr_over_pipe(), {}),
              HasSubstr("not port 445"));
  EXPECT_THAT(note_on(number(policy::Field::protocol, 1),
                      samr_over(dissect::ProtocolSequence::ncadg_ip_udp), {}),
              HasSubstr("datagram"));
  EXPECT_THAT(note_on(address(policy::Field::remote_addr_v4, "10.0.0.2"), samr_over_pipe(), {}),
              HasSubstr("25H2"));
}

TEST(Explain, NotesTheOtherReadingOfSecurity) {
  CallFacts call;
  call.auth_type = 16;
  call.auth_type_other = 9;
  EXPECT_THAT(note_on(number(policy::Field::auth_type, 9), samr_over_tcp(), call),
              HasSubstr("9, which matches"));
  EXPECT_THAT(note_on(number(policy::Field::auth_type, 16), samr_over_tcp(), call),
              HasSubstr("9, which does not match"));
  EXPECT_THAT(note_on(number(policy::Field::auth_type, 10), samr_over_tcp(), call), IsEmpty());
}

TEST(Explain, SaysWhatOtherReadingsGive) {
  const policy::Policy audited_block = policy_of({audited(block({interface(kSamr)}))});
  EXPECT_THAT(
      explain(audited_block, {}, samr_over_tcp(), {}).notes,
      ElementsAre("filters with audit=enable only logged: would_permit",
                  HasSubstr("filters with audit=enable applied: would_block by `block um")));
  const policy::Policy by_address =
      policy_of({block({address(policy::Field::remote_addr_v4, "10.0.0.2")})});
  EXPECT_THAT(
      explain(by_address, {}, samr_over_pipe(), {}).notes,
      ElementsAre(
          "with no addresses on named pipes, and the server's names of them: would_permit"));
  const policy::Policy only_continue = policy_of({go_on({})});
  EXPECT_THAT(explain(only_continue, {}, samr_over_tcp(), {}).notes,
              ElementsAre(HasSubstr("only `continue` filters match")));
  CallFacts call;
  call.auth_level = call.auth_level_other = 1;
  call.auth_level_other = 0;
  const policy::Policy by_level = policy_of({block({number(policy::Field::auth_level, 1)})});
  EXPECT_THAT(explain(by_level, {}, samr_over_tcp(), call).notes,
              ElementsAre("with authentication type 0 and level 0, as other sources read the "
                          "call: would_permit"));
}

}  // namespace
}  // namespace rpcaudit::evaluate
