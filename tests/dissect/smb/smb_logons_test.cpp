// Whose calls these are after a session was set up again: an identity belongs to the authentication
// that the server accepted ([MS-SMB2] 3.3.5.5.3).

#include <gtest/gtest.h>

#include "tests/support/smb_talk.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr std::uint64_t kFile = 0x11;
constexpr std::uint32_t kLogonFailure = 0xc000'006d;

enum class Reply { none, refused, more_and_refused, accepted, accepted_as_guest };

struct LogonCase {
  const char* name;
  const char* user;  // of the second setup; empty: anonymous
  Reply reply;
  const char* caller;  // of calls before the reply
  const char* caller_after;
};
void PrintTo(const LogonCase& test, std::ostream* out) { *out << test.name; }

constexpr LogonCase kLogonCases[] = {
    {"refused", "admin", Reply::refused, "CORP\\alice identity_conflict", "CORP\\alice"},
    {"refused_after_another_leg", "admin", Reply::more_and_refused, "CORP\\alice identity_conflict",
     "CORP\\alice"},
    {"accepted", "bob", Reply::accepted, "CORP\\alice identity_conflict", "CORP\\bob"},
    {"the_same_user", "alice", Reply::accepted, "CORP\\alice", "CORP\\alice"},
    {"the_same_user_refused", "alice", Reply::refused, "CORP\\alice", "CORP\\alice"},
    {"without_a_reply", "admin", Reply::none, "CORP\\alice identity_conflict",
     "CORP\\alice identity_conflict"},
    {"the_same_user_without_a_reply", "alice", Reply::none, "CORP\\alice", "CORP\\alice"},
    {"anonymous_refused", "", Reply::refused, "CORP\\alice identity_conflict", "CORP\\alice"},
    {"as_a_guest", "bob", Reply::accepted_as_guest, "CORP\\alice identity_conflict", "CORP\\bob"},
};

std::string call(unsigned id, std::string_view caller) {
  const std::size_t end = std::min(caller.find(" identity"), caller.size());
  return "call " + std::to_string(id) + " context 0 12345778/1.0 opnum 1 as " +
         std::string(caller.substr(0, end)) + " body 32" + std::string(caller.substr(end)) +
         " -> response\n";
}

class SmbLogonAgain : public testing::TestWithParam<LogonCase> {
 protected:
  static ByteVector token(const LogonCase& test) {
    return make_ntlm(*test.user == 0 ? "" : "CORP", test.user);
  }
};

TEST_P(SmbLogonAgain, ChangesTheCallerWhenTheServerAcceptsIt) {
  const LogonCase& test = GetParam();
  SmbTalk talk;
  talk.log_on(make_ntlm("CORP", "alice")).connect_tree().open("samr", kFile).bind(kFile, kSamr);
  talk.request(Smb2Command::session_setup, smb2_setup_request(token(test)));
  std::uint64_t setup = talk.last_message_id();
  talk.call(kFile, 2);
  const auto reply = [&](std::uint32_t status, const ByteVector& body) {
    talk.response(Smb2Command::session_setup, body, {.message_id = setup, .status = status});
  };
  switch (test.reply) {
    case Reply::none: break;
    case Reply::refused: reply(kLogonFailure, smb2_error()); break;
    case Reply::more_and_refused:
      reply(kStatusMoreProcessingRequired, smb2_setup_response(0));
      talk.request(Smb2Command::session_setup, smb2_setup_request(token(test)));
      setup = talk.last_message_id();
      reply(kLogonFailure, smb2_error());
      break;
    case Reply::accepted: reply(kStatusSuccess, smb2_setup_response(0)); break;
    case Reply::accepted_as_guest: reply(kStatusSuccess, smb2_setup_response(1)); break;
  }
  talk.call(kFile, 3);
  EXPECT_EQ(talk.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted as CORP\\alice call 1\n" +
                             call(2, test.caller) + call(3, test.caller_after));
}

INSTANTIATE_TEST_SUITE_P(Wire, SmbLogonAgain, testing::ValuesIn(kLogonCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(SmbLogon, RefusedAtFirstIsNoSession) {
  SmbTalk talk;
  talk.request(Smb2Command::session_setup, smb2_setup_request(make_ntlm("CORP", "admin")));
  talk.response(Smb2Command::session_setup, smb2_error(), {.status = kLogonFailure});
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  EXPECT_EQ(talk.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n");
}

// The first setup was not captured, the session is in use, the second is refused.
TEST(SmbLogon, RefusedOnASessionOfAnotherTimeLeavesItUnnamed) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile);
  talk.request(Smb2Command::session_setup, smb2_setup_request(make_ntlm("CORP", "admin")));
  talk.response(Smb2Command::session_setup, smb2_error(), {.status = kLogonFailure});
  talk.bind(kFile, kSamr).call(kFile, 2);
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n");
}

// A response without a request may be forged.
TEST(SmbLogon, IsNotChangedByAResponseToNoRequest) {
  constexpr unsigned kIsNull = 2;
  SmbTalk talk;
  talk.log_on(make_ntlm("CORP", "alice")).connect_tree().open("samr", kFile);
  talk.response(Smb2Command::session_setup, smb2_setup_response(kIsNull), {.message_id = 999});
  talk.bind(kFile, kSamr);
  EXPECT_EQ(talk.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted as CORP\\alice call 1\n");
}

TEST(SmbLogon, OfMoreSessionsAtOnceThanAreKeptIsInDoubt) {
  Limits limits;
  limits.smb_logons = 1;
  SmbTalk talk(limits);
  const auto start = [&](std::uint64_t session) {
    talk.request(Smb2Command::session_setup, smb2_setup_request(make_ntlm("CORP", "alice")),
                 {.session_id = 0});
    talk.response(Smb2Command::session_setup, smb2_setup_response(0), {.session_id = session});
    talk.request(Smb2Command::session_setup, smb2_setup_request(make_ntlm("CORP", "admin")),
                 {.session_id = session});
  };
  start(0x5001);
  start(Smb2Shape{}.session_id);
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr).call(kFile, 2);
  talk.response(Smb2Command::session_setup, smb2_error(),
                {.message_id = 4, .status = kLogonFailure});
  talk.call(kFile, 3);
  EXPECT_EQ(talk.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted as CORP\\alice call 1\n" +
                             call(2, "CORP\\alice identity_conflict") + call(3, "CORP\\alice"));
}

}  // namespace
}  // namespace rpcaudit::dissect
