#include "dissect/rpc/security_contexts.h"

#include <gtest/gtest.h>

#include "dissect/rpc/rpc_session.h"
#include "tests/support/hex.h"
#include "tests/support/rpc_bytes.h"
#include "tests/support/silent_observer.h"
#include "tests/support/smb_bytes.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

// Writes down as whom calls are told, and whether that is in doubt.
class CallerObserver : public SilentObserver {
 public:
  void on_call(const RpcContext&, const RpcCall& call) override {
    told += std::string(call.identity.user) +
            (call.doubts.contains(Doubt::identity_conflict) ? "? " : " ");
  }
  void on_blindness(const Blindness& blindness) override {
    if (blindness.kind == BlindnessKind::conflict) ++conflicts;
  }

  std::string told;
  int conflicts = 0;
};

// One message of either side.
struct Said {
  bool by_client = true;
  ByteVector bytes;
};

PduShape authenticated(std::uint32_t call_id, const ByteVector& token, std::uint32_t context = 7) {
  return {.call_id = call_id, .auth = AuthNumbers{10, 5, context}, .token = token};
}
Said first_bind(const ByteVector& token = ByteVector(8)) {
  return {true, make_bind({{0, kDrsuapi}}, authenticated(1, token))};
}
Said bind_ack() { return {false, make_bind_ack({{}}, authenticated(1, ByteVector(8)))}; }
Said bind_nak() {
  return {false, make_pdu(PduType::bind_nak, {.call_id = 1}, hex("0800 01 0500"))};
}
Said auth3(std::string_view user, std::uint32_t context = 7) {
  return {true, make_pdu(PduType::auth3, authenticated(1, make_ntlm("CORP", user), context),
                         ByteVector(4))};
}
Said alter(std::string_view user, std::uint32_t context = 7) {
  return {true, make_bind({{0, kDrsuapi}}, authenticated(9, make_ntlm("CORP", user), context),
                          PduType::alter_context)};
}
Said altered(unsigned result = 0) {
  return {false, make_bind_ack({{result, 0}}, authenticated(9, ByteVector(8)),
                               PduType::alter_context_response)};
}
Said altered_without_trailer() {
  return {false, make_bind_ack({{}}, {.call_id = 9}, PduType::alter_context_response)};
}
Said fault() { return {false, make_fault(5, {.call_id = 9})}; }
Said call(std::uint32_t context = 7) {
  return {true, make_request({0, 3}, authenticated(20, ByteVector(16), context))};
}

struct CallerCase {
  const char* name;
  std::vector<Said> messages;
  const char* told;  // the user of each call; ? where it is in doubt
};

const CallerCase kCallerCases[] = {
    {"auth3_names_the_caller", {first_bind(), bind_ack(), auth3("alice"), call()}, "alice "},
    {"the_same_again_changes_nothing",
     {first_bind(), bind_ack(), auth3("alice"), auth3("alice"), call()},
     "alice "},
    {"second_auth3_changes_nobody",
     {first_bind(), bind_ack(), auth3("alice"), call(), auth3("eve"), call(), call()},
     "alice alice? alice? "},
    {"other_security_context_is_not_in_doubt",
     {first_bind(), bind_ack(), auth3("alice"), auth3("eve"), alter("bob", 8), altered(), call(8)},
     "bob "},
    {"alter_context_names_the_caller",
     {first_bind(), bind_ack(), alter("alice"), altered(), call()},
     "alice "},
    {"caller_is_told_before_the_answer",
     {first_bind(), bind_ack(), alter("alice"), call()},
     "alice "},
    {"refused_first_authentication_names_nobody",
     {first_bind(), bind_ack(), alter("eve"), fault(), call()},
     " "},
    {"refused_bind_names_nobody", {first_bind(make_ntlm("CORP", "eve")), bind_nak(), call()}, " "},
    {"caller_after_a_refused_one",
     {first_bind(), bind_ack(), alter("eve"), fault(), alter("alice"), altered(), call()},
     "alice "},
    {"refused_alter_context_changes_nobody",
     {first_bind(), bind_ack(), auth3("alice"), alter("eve"), fault(), call()},
     "alice "},
    {"in_doubt_until_the_answer",
     {first_bind(), bind_ack(), auth3("alice"), alter("eve"), call(), fault(), call()},
     "alice? alice "},
    {"accepted_alter_context_changes_the_caller",
     {first_bind(), bind_ack(), auth3("alice"), alter("bob"), altered(), call()},
     "bob "},
    {"rejected_items_leave_it_open",
     {first_bind(), bind_ack(), auth3("alice"), alter("bob"), altered(2), call()},
     "alice? "},
    {"answer_that_does_not_speak_of_it_leaves_it_open",
     {first_bind(), bind_ack(), auth3("alice"), alter("bob"), altered_without_trailer(), call()},
     "alice? "},
};

void PrintTo(const CallerCase& row, std::ostream* out) { *out << row.name; }

class CallerTest : public testing::TestWithParam<CallerCase> {};

// Samba's dcesrv_auth.c refuses further authentication on a context whose own has ended.
TEST_P(CallerTest, IsWhomTheServerAccepted) {
  CallerObserver observer;
  const Limits limits;
  DissectStatistics statistics;
  RpcSessions sessions(limits, observer, statistics, 1);
  const Slot<RpcSession> slot = sessions.open(ProtocolSequence::ncacn_ip_tcp, {}, nullptr);
  for (const auto& [by_client, bytes] : GetParam().messages) {
    sessions.consume(slot, by_client ? Direction::forward : Direction::reverse, bytes, {});
  }
  sessions.close(slot);
  EXPECT_EQ(observer.told, GetParam().told);
  const bool in_doubt = observer.told.find('?') != std::string::npos;
  EXPECT_EQ(observer.conflicts, in_doubt ? 1 : 0);
}

INSTANTIATE_TEST_SUITE_P(Rpc, CallerTest, testing::ValuesIn(kCallerCases),
                         [](const auto& row) { return std::string(row.param.name); });

// Contexts that name nobody, as many as one likes, do not make the one forgotten that does.
TEST(SecurityContexts, ForgetThoseThatNameNobodyFirst) {
  CallerObserver observer;
  const Limits limits;
  DissectStatistics statistics;
  RpcSessions sessions(limits, observer, statistics, 1);
  const Slot<RpcSession> slot = sessions.open(ProtocolSequence::ncacn_ip_tcp, {}, nullptr);
  std::vector<Said> messages{first_bind(), bind_ack(), auth3("alice")};
  for (std::uint32_t context = 100; context < 150; ++context) messages.push_back(call(context));
  messages.push_back(call());
  for (const auto& [by_client, bytes] : messages) {
    sessions.consume(slot, by_client ? Direction::forward : Direction::reverse, bytes, {});
  }
  sessions.close(slot);
  EXPECT_EQ(observer.told, std::string(50, ' ') + "alice ");
}

}  // namespace
}  // namespace rpcaudit::dissect
