// What single conditions mean, and how those of one filter combine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/evaluate/policy_builder.h"

namespace rpcaudit::evaluate {
namespace {

using namespace test;
using enum policy::MatchType;

constexpr Truth kNo = Truth::no;
constexpr Truth kMaybe = Truth::unknown;
constexpr Truth kYes = Truth::yes;

struct NumberCase {
  policy::MatchType match;
  std::uint64_t low;
  std::uint64_t high;
  std::uint16_t opnum;
  Truth expected;
};

// [semantics] 1.3.1, 1.3.3, 1.3.5: the match types on numbers; ranges include both ends, flags
// compare bits.
constexpr NumberCase kNumberCases[] = {
    {equal, 3, 3, 3, kYes},
    {equal, 3, 3, 4, kNo},
    {greater, 3, 3, 3, kNo},
    {greater, 3, 3, 4, kYes},
    {less, 3, 3, 3, kNo},
    {less, 3, 3, 2, kYes},
    {less, 0, 0, 0, kNo},
    {greater_or_equal, 3, 3, 3, kYes},
    {greater_or_equal, 3, 3, 2, kNo},
    {less_or_equal, 3, 3, 3, kYes},
    {less_or_equal, 3, 3, 4, kNo},
    {range, 3, 5, 2, kNo},
    {range, 3, 5, 3, kYes},
    {range, 3, 5, 5, kYes},
    {range, 3, 5, 6, kNo},
    {range, 5, 3, 4, kNo},
    {all_set, 6, 6, 7, kYes},
    {all_set, 6, 6, 4, kNo},
    {all_set, 0, 0, 0, kYes},
    {any_set, 6, 6, 4, kYes},
    {any_set, 6, 6, 1, kNo},
    {none_set, 6, 6, 1, kYes},
    {none_set, 6, 6, 2, kNo},
    {greater, 0xffff, 0xffff, 0xffff, kNo},
    {greater, std::numeric_limits<std::uint64_t>::max(), 0, 0xffff, kNo},
};

TEST(Conditions, NumbersCompareAsTheirMatchTypeSays) {
  for (const NumberCase& row : kNumberCases) {
    CallFacts call;
    call.opnum = row.opnum;
    EXPECT_EQ(
        truth(number(policy::Field::opnum, row.match, row.low, row.high), samr_over_tcp(), call),
        row.expected)
        << to_string(row.match) << ' ' << row.low << ' ' << row.high << ' ' << row.opnum;
  }
}

TEST(Conditions, InterfacesCompareInTheOrderOfTheirText) {
  const auto against = [](policy::MatchType match, const Uuid& low, const Uuid& high) {
    return truth(condition(policy::Field::if_uuid, match, policy::UuidRange{low, high}),
                 samr_over_tcp(), {});
  };
  EXPECT_EQ(against(equal, kSamr, kSamr), kYes);
  EXPECT_EQ(against(equal, kDrsuapi, kDrsuapi), kNo);
  EXPECT_EQ(against(less, kSvcctl, kSvcctl), kYes);
  EXPECT_EQ(against(greater, kSamr, kSamr), kNo);
  EXPECT_EQ(against(greater_or_equal, kSamr, kSamr), kYes);
  EXPECT_EQ(against(range, Uuid{}, kSamr), kYes);
  EXPECT_EQ(against(less, Uuid{}, Uuid{}), kNo);
}

// [semantics] 3.1.5: an interface that was not seen is unknown, never absent.
TEST(Conditions, AnUnseenInterfaceIsUnknown) {
  ContextFacts context = samr_over_tcp();
  context.if_uuid.reset();
  context.if_version.reset();
  EXPECT_EQ(truth(interface(kSamr), context, {}), kMaybe);
  EXPECT_EQ(truth(number(policy::Field::if_version, 1), context, {}), kMaybe);
}

// [semantics] 1.4.4, 3.8.1: TCP 1, named pipes 2, HTTP 4; datagrams match no value that netsh has.
TEST(Conditions, ProtocolsAreThoseOfNetshAndDatagramsHaveNone) {
  const auto over = [](dissect::ProtocolSequence protocol, std::uint64_t value) {
    return truth(number(policy::Field::protocol, value), samr_over(protocol), {});
  };
  EXPECT_EQ(over(dissect::ProtocolSequence::ncacn_ip_tcp, 1), kYes);
  EXPECT_EQ(over(dissect::ProtocolSequence::ncacn_ip_tcp, 2), kNo);
  EXPECT_EQ(over(dissect::ProtocolSequence::ncacn_np, 2), kYes);
  EXPECT_EQ(over(dissect::ProtocolSequence::ncacn_http, 4), kYes);
  for (std::uint64_t value = 0; value < 8; ++value) {
    EXPECT_EQ(over(dissect::ProtocolSequence::ncadg_ip_udp, value), kNo) << value;
  }
  const ContextFacts datagram = samr_over(dissect::ProtocolSequence::ncadg_ip_udp);
  EXPECT_EQ(truth(number(policy::Field::protocol, none_set, 1), datagram, {}), kNo);
  EXPECT_EQ(truth(interface(kSamr), datagram, {}), kYes);  // other fields evaluate
}

// [semantics] 3.5.1, 3.5.4: documented as host order; the other family never matches.
TEST(Conditions, AddressesOfTheOtherFamilyDoNotMatch) {
  const ContextFacts v4 = samr_over_tcp();
  EXPECT_EQ(truth(address(policy::Field::remote_addr_v4, "10.0.0.2"), v4, {}), kYes);
  EXPECT_EQ(truth(address(policy::Field::remote_addr_v4, "2.0.0.10"), v4, {}), kNo);
  EXPECT_EQ(truth(address(policy::Field::local_addr_v4, "10.0.0.1"), v4, {}), kYes);
  EXPECT_EQ(truth(address(policy::Field::local_addr_v4, "10.0.0.2"), v4, {}), kNo);
  EXPECT_EQ(truth(address(policy::Field::remote_addr_v4, range, "10.0.0.0", "10.0.0.255"), v4, {}),
            kYes);
  EXPECT_EQ(truth(address(policy::Field::remote_addr_v4, all_set, "10.0.0.0", "10.0.0.0"), v4, {}),
            kYes);
  EXPECT_EQ(truth(address(policy::Field::remote_addr_v6, "fe80::2"), v4, {}), kNo);
  EXPECT_EQ(truth(address(policy::Field::remote_addr_v6, greater_or_equal, "::", "::"), v4, {}),
            kNo);

  ContextFacts v6 = v4;
  v6.local_address = parse_ip("fe80::1").value();
  v6.remote_address = parse_ip("fe80::2").value();
  EXPECT_EQ(truth(address(policy::Field::remote_addr_v6, "fe80::2"), v6, {}), kYes);
  EXPECT_EQ(truth(address(policy::Field::local_addr_v6, greater, "fe80::", "fe80::"), v6, {}),
            kYes);
  EXPECT_EQ(
      truth(address(policy::Field::remote_addr_v4, greater_or_equal, "0.0.0.0", "0.0.0.0"), v6, {}),
      kNo);
}

// [semantics] 3.5.2: the documents give every call its addresses, Windows before 11 25H2 none over
// pipes.
TEST(Conditions, AddressesOverPipesMatchAsDocumentedAndTheOtherReadingIsTold) {
  const policy::Policy by_address =
      policy_of({block({address(policy::Field::remote_addr_v4, "10.0.0.2")})});
  EXPECT_EQ(text(judge(by_address, samr_over_pipe(), {})), "would_block by 0 readings-differ");
  EXPECT_EQ(text(judge(by_address, samr_over_tcp(), {})), "would_block by 0");
  const policy::Policy by_other =
      policy_of({block({address(policy::Field::remote_addr_v4, "10.0.0.3")})});
  EXPECT_EQ(text(judge(by_other, samr_over_pipe(), {})), "would_permit");
  const policy::Policy and_default =
      policy_of({block({address(policy::Field::remote_addr_v4, "10.0.0.2")}), block({})});
  EXPECT_EQ(text(judge(and_default, samr_over_pipe(), {})), "would_block by 0");
}

// [semantics] 3.8.2: the endpoint of a call over a pipe is the pipe.
TEST(Conditions, CallsOverPipesHaveNoPortAndOthersNoPipe) {
  EXPECT_EQ(truth(number(policy::Field::local_port, 49152), samr_over_tcp(), {}), kYes);
  EXPECT_EQ(truth(number(policy::Field::local_port, 445), samr_over_pipe(), {}), kNo);
  EXPECT_EQ(truth(pipe("\\PIPE\\samr"), samr_over_tcp(), {}), kNo);
}

// [semantics] 3.7.1: compared byte by byte.
TEST(Conditions, PipesCompareByteByByte) {
  EXPECT_EQ(truth(pipe("\\PIPE\\samr"), samr_over_pipe(), {}), kYes);
  EXPECT_EQ(truth(pipe("\\PIPE\\SAMR"), samr_over_pipe(), {}), kNo);
  EXPECT_EQ(truth(pipe("\\PIPE\\sam"), samr_over_pipe(), {}), kNo);
  EXPECT_EQ(truth(condition(policy::Field::pipe, greater, policy::TextRange{"\\PIPE\\sam", ""}),
                  samr_over_pipe(), {}),
            kYes);
  ContextFacts unseen = samr_over_pipe();
  unseen.pipe.reset();
  EXPECT_EQ(truth(pipe("\\PIPE\\samr"), unseen, {}), kMaybe);
}

// [semantics] 3.7.2: the engine evidently compares the endpoint of the server, which a bind_ack
// names; which name it is where both are known is not documented.
TEST(Conditions, EitherNameOfAPipeMatchesAndADifferenceIsTold) {
  ContextFacts both = samr_over_pipe();
  both.pipe_of_server = "\\pipe\\lsass";
  EXPECT_EQ(text(judge(policy_of({block({pipe("\\PIPE\\samr")})}), both, {})),
            "would_block by 0 readings-differ");
  EXPECT_EQ(text(judge(policy_of({block({pipe("\\pipe\\lsass")})}), both, {})), "would_block by 0");
  EXPECT_EQ(text(judge(policy_of({block({pipe("\\PIPE\\lsass")})}), both, {})), "would_permit");
  ContextFacts by_server = both;
  by_server.pipe.reset();
  EXPECT_EQ(truth(pipe("\\pipe\\lsass"), by_server, {}), kYes);
  EXPECT_EQ(truth(pipe("\\PIPE\\samr"), by_server, {}), kNo);
}

// [semantics] 3.1.3: never on the wire.
TEST(Conditions, WhatNeverCrossesTheNetworkIsUnknown) {
  for (const policy::Condition& unseen :
       {image("spoolsv.exe"), number(policy::Field::sec_encrypt_alg, 1),
        number(policy::Field::sec_key_size, 128)}) {
    EXPECT_EQ(truth(unseen, samr_over_tcp(), {}), kMaybe) << to_string(unseen.field);
  }
}

// [semantics] 3.6.3: only calls of DCOM have an application, and only a deployment tells which.
TEST(Conditions, TheApplicationIsThatOfTheClassAndOtherCallsHaveNone) {
  static constexpr Uuid kApplication = uuid("69ad4aee-51be-439b-a92c-86ae490e8b30");
  const auto of = [](Truth dcom, const Uuid* app_id, policy::MatchType match) {
    CallFacts call;
    call.dcom = dcom;
    call.app_id = app_id;
    return truth(
        condition(policy::Field::dcom_app_id, match, policy::UuidRange{kApplication, kApplication}),
        samr_over_tcp(), call);
  };
  EXPECT_EQ(of(kYes, &kApplication, equal), kYes);
  EXPECT_EQ(of(kYes, &kSamr, equal), kNo);
  EXPECT_EQ(of(kYes, &kSamr, less), kYes);
  EXPECT_EQ(of(kYes, nullptr, equal), kMaybe);
  EXPECT_EQ(of(kMaybe, nullptr, equal), kMaybe);
  EXPECT_EQ(of(kNo, nullptr, equal), kNo);
  EXPECT_EQ(of(kNo, nullptr, greater_or_equal), kNo);
}

// A policy made by hand can hold what the reader refuses; it is not guessed at.
TEST(Conditions, DataOfAnotherTypeAndIllegalComparisonsAreUnknown) {
  EXPECT_EQ(truth(condition(policy::Field::opnum, equal, policy::TextRange{"0", "0"}),
                  samr_over_tcp(), {}),
            kMaybe);
  EXPECT_EQ(truth(condition(policy::Field::if_uuid, all_set, policy::UuidRange{kSamr, kSamr}),
                  samr_over_tcp(), {}),
            kMaybe);
  EXPECT_EQ(truth(number(policy::Field::remote_addr_v4, 1), samr_over_tcp(), {}), kMaybe);
}

// [semantics] 3.6.1, 3.6.2: bit 0x1 is DCOM, no other bit is set.
TEST(Conditions, InterfaceFlagIsDcom) {
  const auto with = [](Truth dcom, policy::MatchType match, std::uint64_t value) {
    CallFacts call;
    call.dcom = dcom;
    return truth(number(policy::Field::if_flag, match, value), samr_over_tcp(), call);
  };
  EXPECT_EQ(with(kYes, equal, 1), kYes);
  EXPECT_EQ(with(kYes, any_set, 1), kYes);
  EXPECT_EQ(with(kNo, equal, 1), kNo);
  EXPECT_EQ(with(kNo, none_set, 1), kYes);
  EXPECT_EQ(with(kMaybe, equal, 1), kMaybe);
  EXPECT_EQ(with(kMaybe, any_set, 2), kNo);  // whatever the bit is
  EXPECT_EQ(with(kMaybe, less_or_equal, 1), kYes);
}

CallFacts call_with(std::uint8_t type, std::uint8_t level) {
  CallFacts call;
  call.auth_type = call.auth_type_other = type;
  call.auth_level = call.auth_level_other = level;
  return call;
}

// [semantics] 3.3.2: the negotiated mechanism is the better reading; the type on the wire is the
// other.
TEST(Conditions, SpnegoIsWhatItChose) {
  CallFacts call = call_with(16, 6);
  call.auth_type_other = 9;
  const policy::Policy kerberos = policy_of({block({number(policy::Field::auth_type, 16)})});
  EXPECT_EQ(text(judge(kerberos, samr_over_tcp(), call)), "would_block by 0 readings-differ");
  const policy::Policy negotiate = policy_of({block({number(policy::Field::auth_type, 9)})});
  EXPECT_EQ(text(judge(negotiate, samr_over_tcp(), call)), "would_permit readings-differ");
  const policy::Policy ntlm = policy_of({block({number(policy::Field::auth_type, 10)})});
  EXPECT_EQ(text(judge(ntlm, samr_over_tcp(), call)), "would_permit");
}

TEST(Conditions, SpnegoWhoseChoiceWasNotSeenIsUnknownWhereItMatters) {
  const CallFacts call = call_with(9, 6);
  const auto of = [&call](policy::MatchType match, std::uint64_t value) {
    return text(judge(policy_of({block({number(policy::Field::auth_type, match, value)})}),
                      samr_over_tcp(), call));
  };
  EXPECT_EQ(of(equal, 16), "undecidable by 0 ?auth_type readings-differ");
  EXPECT_EQ(of(equal, 68), "would_permit");
  EXPECT_EQ(of(greater, 0), "would_block by 0");
}

// [semantics] 3.3.4: level NONE or DEFAULT without security.
TEST(Conditions, AFilterThatTellsLevelZeroFromOneIsTold) {
  CallFacts call = call_with(0, 1);
  call.auth_level_other = 0;
  const auto of = [&call](policy::MatchType match, std::uint64_t value) {
    return text(judge(policy_of({block({number(policy::Field::auth_level, match, value)})}),
                      samr_over_tcp(), call));
  };
  EXPECT_EQ(of(equal, 1), "would_block by 0 readings-differ");
  EXPECT_EQ(of(equal, 0), "would_permit readings-differ");
  EXPECT_EQ(of(less, 6), "would_block by 0");
}

TEST(Conditions, AnUncapturedTrailerMakesSecurityUnknown) {
  CallFacts call = call_with(10, 6);
  call.auth_type_other = 9;
  call.auth_unseen = true;
  EXPECT_EQ(truth(number(policy::Field::auth_type, 10), samr_over_tcp(), call), kMaybe);
  EXPECT_EQ(truth(number(policy::Field::auth_level, 6), samr_over_tcp(), call), kMaybe);
}

// [semantics] 4.1.1, 4.1.2: adjacent conditions on one field are alternatives, all others must hold
// together.
TEST(Filters, AdjacentConditionsOnOneFieldAreAlternatives) {
  CallFacts call;
  call.opnum = 4;
  const auto judged = [&call](std::vector<policy::Condition> conditions) {
    return text(judge(policy_of({block(std::move(conditions))}), samr_over_tcp(), call));
  };
  const policy::Condition three = number(policy::Field::opnum, 3);
  const policy::Condition four = number(policy::Field::opnum, 4);
  EXPECT_EQ(judged({three, four}), "would_block by 0");
  EXPECT_EQ(judged({interface(kSamr), three, four}), "would_block by 0");
  EXPECT_EQ(judged({three, interface(kSamr), four}), "would_permit");
  EXPECT_EQ(judged({interface(kDrsuapi), four}), "would_permit");
}

// [semantics] 1.1.7: "if no conditions are specified, the action is always performed".
TEST(Filters, AFilterWithoutConditionsMatchesEveryCall) {
  EXPECT_EQ(text(judge(policy_of({block({})}), samr_over_tcp(), {})), "would_block by 0");
}

// [semantics] 3.1.1: Kleene's logic.
TEST(Filters, OneFailedConditionOutweighsUnknownOnes) {
  const auto judged = [](std::vector<policy::Condition> conditions) {
    return text(judge(policy_of({block(std::move(conditions))}), samr_over_tcp(), {}));
  };
  EXPECT_EQ(judged({image("a.exe"), number(policy::Field::opnum, 9)}), "would_permit");
  EXPECT_EQ(judged({image("a.exe"), number(policy::Field::opnum, 0)}),
            "undecidable by 0 ?image_name");
  EXPECT_EQ(judged({caller("D:(A;;CC;;;BA)"), caller("D:NO_ACCESS_CONTROL")}), "would_block by 0");
  EXPECT_EQ(judged({caller("D:(A;;CC;;;BA)"), caller("D:(A;;CC;;;DA)")}),
            "undecidable by 0 ?remote_user_token");
}

}  // namespace
}  // namespace rpcaudit::evaluate
