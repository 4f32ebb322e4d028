#include "dissect/protocol_probe.h"

#include <gtest/gtest.h>

#include "tests/support/hex.h"

namespace rpcaudit::dissect {
namespace {

struct ProbeCase {
  const char* name;
  const char* wire;
  StreamKind kind;
};

void PrintTo(const ProbeCase& test, std::ostream* out) { *out << test.name; }

constexpr ProbeCase kProbeCases[] = {
    {"nothing_yet", "", StreamKind::undecided},
    {"request", "0500 0003 10000000 1800 0000 01000000 00000000 0000 0300", StreamKind::rpc},
    {"smb1_over_tcp", "00000054 ff534d42 72", StreamKind::smb},
    {"smb2_over_tcp", "000000a4 fe534d42 40", StreamKind::smb},
    {"encrypted_smb3", "000000a4 fd534d42 40", StreamKind::smb},
    {"compressed_smb3", "000000a4 fc534d42 40", StreamKind::smb},
    {"smb_not_yet", "000000a4 fe53", StreamKind::undecided},
    {"netbios_session_request", "81000044 20454542", StreamKind::smb},
    {"netbios_session_request_with_scope", "8100004c 20454542", StreamKind::smb},
    {"netbios_session_request_not_yet", "81000044", StreamKind::undecided},
    {"netbios_session_request_too_short", "81000020 20454542", StreamKind::other},
    {"netbios_session_request_too_long", "81000400 20454542", StreamKind::other},
    {"netbios_positive_response", "82000000 000000a4 fe534d42", StreamKind::smb},
    {"netbios_positive_response_alone", "82000000", StreamKind::undecided},
    {"keep_alive_first", "85000000 000000a4 fe534d42", StreamKind::smb},
    {"keep_alive_alone", "85000000", StreamKind::undecided},
    {"keep_alive_in_part", "8500", StreamKind::undecided},
    {"keep_alive_before_something_else", "85000000 47455420", StreamKind::other},
    {"keep_alive_of_some_bytes", "85000001 00 00", StreamKind::other},
    {"empty_message_first", "00000000 000000a4 fe534d42", StreamKind::smb},
    {"keep_alives_and_empty_messages",
     "85000000 00000000 85000000 00000000 85000000 00000000 85000000 81000044 20", StreamKind::smb},
    {"as_many_keep_alives_as_are_held",
     "85000000 85000000 85000000 85000000 85000000 85000000 85000000 85000000"
     "85000000 85000000 85000000 85000000 85000000 85000000 85000000 85000000",
     StreamKind::smb},
    {"as_many_zeros_as_are_held",
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
     "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000",
     StreamKind::other},
    {"zeros", "00000000 00000000 00000000 0001", StreamKind::undecided},
    {"zeros_and_something_else", "00000000 00000000 00000000 01000000 01", StreamKind::other},
    {"zero_but_not_smb", "00000054 0000", StreamKind::other},
    {"banner", "6e6361636e5f687474702f312e30", StreamKind::http_banner},
    {"banner_not_yet", "6e6361", StreamKind::undecided},
    {"rpc_in_data", "5250435f494e5f44415441 20 2f", StreamKind::http_proxy},
    {"rpc_out_data", "5250435f4f55545f44415441 20 2f", StreamKind::http_proxy},
    {"http", "474554202f", StreamKind::other},
    {"tls", "1603010200", StreamKind::other},
    {"ssh", "5353482d", StreamKind::other},
};

class ProtocolProbeTest : public testing::TestWithParam<ProbeCase> {};

TEST_P(ProtocolProbeTest, TellsStreamsByTheirFirstBytes) {
  EXPECT_EQ(probe_stream(hex(GetParam().wire)), GetParam().kind);
}

INSTANTIATE_TEST_SUITE_P(Wire, ProtocolProbeTest, testing::ValuesIn(kProbeCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rpcaudit::dissect
