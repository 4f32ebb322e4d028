// [semantics] 3.1.4: of every field, whether the wire shows it, over TCP and over a named pipe.

#include <gtest/gtest.h>

#include "engine/policy/filter_weight.h"
#include "tests/evaluate/policy_builder.h"

namespace rpcaudit::evaluate {
namespace {

using namespace test;
using enum Truth;

constexpr Uuid kAny = uuid("11111111-2222-3333-4444-555555555555");

struct SightCase {
  unsigned row;                 // of the engine's own order
  policy::Condition condition;  // that the call below would meet
  Truth over_tcp;
  Truth over_pipe;
};

// What is not on the wire is unknown; what the transport does not have does not match.
const SightCase kSightCases[] = {
    {1, caller("D:(A;;CC;;;WD)"), yes, yes},
    {1, caller("D:(A;;CC;;;BA)"), unknown, unknown},
    {2, interface(kSamr), yes, yes},
    {3, number(policy::Field::if_version, 1), yes, yes},
    {4, number(policy::Field::if_flag, 0), unknown, unknown},
    {5,
     condition(policy::Field::dcom_app_id, policy::MatchType::equal, policy::UuidRange{kAny, kAny}),
     unknown, unknown},
    {6, image("lsass.exe"), unknown, unknown},
    {7, number(policy::Field::protocol, policy::MatchType::range, 1, 2), yes, yes},
    {8, number(policy::Field::auth_type, 10), yes, yes},
    {9, number(policy::Field::auth_level, 6), yes, yes},
    {10, number(policy::Field::sec_encrypt_alg, 1), unknown, unknown},
    {11, number(policy::Field::sec_key_size, 128), unknown, unknown},
    {12, address(policy::Field::local_addr_v4, "10.0.0.1"), yes, yes},
    {13, address(policy::Field::local_addr_v6, "fe80::1"), no, no},
    {14, number(policy::Field::local_port, 49152), yes, no},
    {15, pipe("\\PIPE\\samr"), no, yes},
    {16, address(policy::Field::remote_addr_v4, "10.0.0.2"), yes, yes},
    {17, address(policy::Field::remote_addr_v6, "fe80::2"), no, no},
    {18, number(policy::Field::opnum, 0), yes, yes},
};

TEST(FieldSight, IsAsTheTableOfFieldsHasIt) {
  CallFacts call;
  call.auth_type = call.auth_type_other = 10;
  call.auth_level = call.auth_level_other = 6;
  call.dcom = unknown;
  call.anonymous = no;
  call.authenticated = yes;
  for (const SightCase& row : kSightCases) {
    EXPECT_EQ(static_cast<unsigned>(row.condition.field) + 1, row.row);
    EXPECT_EQ(truth(row.condition, samr_over_tcp(), call), row.over_tcp) << row.row;
    EXPECT_EQ(truth(row.condition, samr_over_pipe(), call), row.over_pipe) << row.row;
  }
}

struct WeightCase {
  std::vector<policy::Condition> conditions;
  std::uint64_t weight;
};

// [semantics] 4.3.2: the effective weights that were observed on Windows.
const WeightCase kWeightCases[] = {
    {{interface(kSamr)}, 0x07e0'0000'0000'0000},
    {{interface(kSamr), caller("D:(A;;CC;;;BA)")}, 0x0fe0'0000'0000'0000},
    {{interface(kSamr), number(policy::Field::protocol, 1)}, 0x07e0'0060'0000'0000},
    {{interface(kSamr), number(policy::Field::auth_type, 16), number(policy::Field::auth_level, 6)},
     0x07e0'001f'0000'0000},
    {{interface(kSamr), number(policy::Field::opnum, 3)}, 0x07e0'0000'0000'0007},
    {{interface(kSamr), number(policy::Field::opnum, 3),
      address(policy::Field::remote_addr_v4, "10.0.0.2")},
     0x07e0'0000'0000'1007},
    {{pipe("\\PIPE\\lsarpc")}, 0x2000},
};

TEST(FilterWeight, IsThatObservedOnWindows) {
  for (const WeightCase& row : kWeightCases) {
    EXPECT_EQ(policy::filter_weight(block(row.conditions)), row.weight) << std::hex << row.weight;
  }
}

}  // namespace
}  // namespace rpcaudit::evaluate
