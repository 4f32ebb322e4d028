// What the server refuses never entered a pipe, and what it accepted did, in the order in which it
// was written: [MS-SMB2] 3.3.5.13, 3.3.5.15.3; [MS-CIFS] 3.3.5.36, 3.3.5.57.7.

#include <gtest/gtest.h>

#include "tests/support/smb_conversation.h"
#include "tests/support/smb_talk.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr std::uint64_t kFile = 0x11;
constexpr std::uint32_t kPipeBusy = 0xc000'00ae;
constexpr std::uint32_t kAccessDenied = 0xc000'0022;
constexpr std::uint32_t kPipeBroken = 0xc000'014b;
constexpr std::uint32_t kPipeDisconnected = 0xc000'00b0;

ByteVector request(std::uint32_t id) { return make_request({0, 1}, {.call_id = id}); }
ByteVector response(std::uint32_t id) { return make_response(0, {.call_id = id}); }
ByteVector front_of(const ByteVector& bytes, std::size_t size) {
  return ByteVector(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
}

const std::string kContext = "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n";
std::string answered(unsigned id) {
  return "call " + std::to_string(id) + " context 0 12345778/1.0 opnum 1 body 32 -> response\n";
}
std::string unanswered(unsigned id) {
  return "call " + std::to_string(id) + " context 0 12345778/1.0 opnum 1 body 32 -> unanswered\n";
}

struct AnswerCase {
  const char* name;
  Smb2Command command;
  std::uint32_t status;
  bool counts;
};
void PrintTo(const AnswerCase& test, std::ostream* out) { *out << test.name; }

constexpr AnswerCase kAnswerCases[] = {
    {"write_that_succeeds", Smb2Command::write, kStatusSuccess, true},
    {"write_to_a_busy_pipe", Smb2Command::write, kPipeBusy, false},
    {"write_without_access", Smb2Command::write, kAccessDenied, false},
    {"write_to_a_broken_pipe", Smb2Command::write, kPipeBroken, false},
    {"transaction_that_did_not_fit", Smb2Command::ioctl, kStatusBufferOverflow, true},
    {"transaction_on_a_busy_pipe", Smb2Command::ioctl, kPipeBusy, false},
    {"transaction_without_access", Smb2Command::ioctl, kAccessDenied, false},
    {"transaction_that_broke_the_pipe", Smb2Command::ioctl, kPipeBroken, true},
    {"transaction_that_the_server_hung_up_on", Smb2Command::ioctl, kPipeDisconnected, true},
    {"transaction_on_which_samba_ended_the_pipe", Smb2Command::ioctl, 0xc000'020c, true},
    {"transaction_under_way", Smb2Command::ioctl, kStatusPending, true},
};

class Smb2Answer : public testing::TestWithParam<AnswerCase> {};

TEST_P(Smb2Answer, SaysWhetherAWriteCounts) {
  const AnswerCase& test = GetParam();
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  const bool is_write = test.command == Smb2Command::write;
  talk.request(test.command, is_write ? smb2_write_request(kFile, request(2))
                                      : smb2_ioctl_request(kFile, request(2)));
  if (test.status == kStatusSuccess) {
    talk.response(test.command, smb2_write_response());
  } else if (test.status == kStatusBufferOverflow) {
    talk.response(test.command, smb2_ioctl_response(kFile, front_of(response(2), 10)),
                  {.status = test.status});
  } else {
    talk.response(test.command, smb2_error(), {.status = test.status});
  }
  EXPECT_EQ(talk.text(), kContext + (test.counts ? unanswered(2) : ""));
}

INSTANTIATE_TEST_SUITE_P(Wire, Smb2Answer, testing::ValuesIn(kAnswerCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(SmbWrites, AreNotSwallowedByAPartThatWasRefused) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr).call(kFile, 2);
  // The first 40 bytes of a PDU of 2,024.
  talk.request(
      Smb2Command::ioctl,
      smb2_ioctl_request(
          kFile,
          front_of(make_request({.context_id = 0, .opnum = 1, .stub = 2000}, {.call_id = 3}), 40)));
  talk.response(Smb2Command::ioctl, smb2_error(), {.status = kPipeBusy});
  talk.call(kFile, 4);
  EXPECT_EQ(talk.text(), kContext + answered(2) + answered(4));
}

TEST(SmbWrites, CountOnceWhereAClientRepeatsWhatWasRefused) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  talk.request(Smb2Command::ioctl, smb2_ioctl_request(kFile, request(2)));
  talk.response(Smb2Command::ioctl, smb2_error(), {.status = kPipeBusy});
  talk.call(kFile, 2);
  EXPECT_EQ(talk.text(), kContext + answered(2));
}

TEST(SmbWrites, OfAPipeThatTheServerDidNotOpenCountForNothing) {
  SmbTalk talk;
  talk.connect_tree();
  Smb2Shape shape{.command = Smb2Command::create, .message_id = 100};
  const ByteVector create = make_smb2(shape, smb2_create_request("samr"));
  shape = {.command = Smb2Command::write, .message_id = 101, .flags = Smb2Header::kFlagRelated};
  talk.client(compound({create, make_smb2(shape, smb2_write_request(0, make_bind({{0, kSamr}})))}));
  for (const Smb2Command command : {Smb2Command::create, Smb2Command::write}) {
    talk.response(
        command, smb2_error(),
        {.message_id = command == Smb2Command::create ? 100u : 101u, .status = kAccessDenied});
  }
  EXPECT_EQ(talk.text(), "");
}

// --- answers that are not seen ---

TEST(SmbWrites, CountWhenALaterOneOfThePipeIsAccepted) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  talk.request(Smb2Command::write, smb2_write_request(kFile, request(2)));
  talk.call(kFile, 3);
  EXPECT_EQ(talk.text(), kContext + unanswered(2) + answered(3));
}

TEST(SmbWrites, CountBeforeTheAnswerThatAReadBrings) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  talk.request(Smb2Command::read, smb2_read_request(kFile));
  const std::uint64_t read = talk.last_message_id();
  talk.request(Smb2Command::write, smb2_write_request(kFile, request(2)));
  talk.response(Smb2Command::read, smb2_read_response(response(2)), {.message_id = read});
  talk.response(Smb2Command::write, smb2_write_response());
  EXPECT_EQ(talk.text(), kContext + answered(2));
}

TEST(SmbWrites, CountWhenTheConnectionEnds) {
  for (const bool closes : {true, false}) {
    SmbTalk talk;
    talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
    talk.request(Smb2Command::write, smb2_write_request(kFile, request(2)));
    if (closes) talk.close(kFile);
    EXPECT_EQ(talk.text(), kContext + unanswered(2)) << closes;
  }
}

TEST(SmbWrites, CountAfterTheWindowOfOutcomes) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  talk.request(Smb2Command::write, smb2_write_request(kFile, request(2)));
  const std::uint64_t frame = talk.frames();
  EXPECT_EQ(talk.earliest_open(), frame);
  EXPECT_EQ(talk.observer().calls(), 0u);
  talk.wait(31 * kNanosecondsPerSecond);
  EXPECT_EQ(talk.observer().calls(), 1u);
  EXPECT_GT(talk.earliest_open(), frame);
}

TEST(SmbWrites, CountWhenRoomIsShort) {
  for (const bool of_writes : {true, false}) {
    Limits limits;
    (of_writes ? limits.smb_writes : limits.smb_write_pieces) = 2;
    SmbTalk talk(limits);
    talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
    for (std::uint32_t id = 2; id < 6; ++id) {
      talk.request(Smb2Command::write, smb2_write_request(kFile, request(id)));
    }
    EXPECT_EQ(talk.observer().calls(), 2u) << of_writes;
    EXPECT_EQ(talk.text(),
              kContext + unanswered(2) + unanswered(3) + unanswered(4) + unanswered(5));
  }
}

// One that is longer than any PDU is told as it comes. What of it is the beginning of a PDU does
// not wait for the rest when it was refused.
TEST(SmbWrites, AreToldAtOnceWhereTheyAreVeryLong) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  ByteVector many;
  for (std::uint32_t id = 2; many.size() <= 65536; ++id) {
    many = join({many, make_request({.context_id = 0, .opnum = 1, .stub = 4000}, {.call_id = id})});
  }
  talk.request(Smb2Command::write,
               smb2_write_request(kFile, join({many, front_of(request(99), 20)})));
  EXPECT_GT(talk.observer().calls(), 15u);
  talk.response(Smb2Command::write, smb2_error(), {.status = kPipeBusy});
  talk.call(kFile, 100);
  EXPECT_NE(talk.text().find(answered(100)), std::string::npos);
}

// --- SMB1 ---

class Smb1Answer : public testing::TestWithParam<bool> {};

TEST_P(Smb1Answer, SaysWhetherAWriteCounts) {
  const bool nt_status = GetParam();
  SmbPlayer player(SmbVersion::smb1);
  const PipeScript pipe{.name = "samr", .file = 7, .steps = {}};
  using Kind = PipeStep::Kind;
  player.play(pipe, {Kind::open});
  player.play(pipe, {Kind::transact, make_bind({{0, kSamr}}), make_bind_ack({{}})});
  for (const Kind kind : {Kind::write, Kind::transact}) {
    PipeStep refused{kind, request(2)};
    refused.status = nt_status ? kPipeBusy : 0x00e7'0001;  // ERRDOS, ERRpipebusy
    player.play(pipe, refused);
  }
  player.play(pipe, {Kind::transact, request(3), response(3)});
  SmbTalk talk;
  for (const Message& message : player.take()) {
    talk.say(message.client ? kToServer : kToClient, message.bytes);
  }
  EXPECT_EQ(talk.text(), kContext + answered(3));
}

INSTANTIATE_TEST_SUITE_P(Status, Smb1Answer, testing::Bool(),
                         [](const auto& test) { return test.param ? "nt" : "dos"; });

}  // namespace
}  // namespace rpcaudit::dissect
