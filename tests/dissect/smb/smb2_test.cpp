// SMB2 and SMB3 as conversations: what reaches the RPC sessions on pipes, and under which name.

#include <gtest/gtest.h>

#include "tests/support/smb_talk.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr std::uint64_t kFile = 0x11;

ByteVector request(std::uint32_t id) { return make_request({0, 1}, {.call_id = id}); }
ByteVector response(std::uint32_t id) { return make_response(0, {.call_id = id}); }

const std::string kOneCall =
    "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n"
    "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n";

const std::string kOneCallOnUnknownPipe =
    "context 0 12345778/1.0 on ? accepted call 1\n"
    "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n";

TEST(Smb2, FindsCallsInTransactions) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr).call(kFile, 2).close(kFile);
  EXPECT_EQ(talk.text(), kOneCall);
  EXPECT_EQ(talk.statistics().pipes_rpc, 1u);
}

TEST(Smb2, FindsCallsInWritesAndReads) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile);
  talk.write(kFile, make_bind({{0, kSamr}})).read(kFile, make_bind_ack({{}}));
  talk.write(kFile, request(2)).read(kFile, response(2));
  EXPECT_EQ(talk.text(), kOneCall);
}

// [MS-SMB2] 3.3.5.15.3: an answer that does not fit ends with STATUS_BUFFER_OVERFLOW, and READ
// brings the rest.
TEST(Smb2, ReadsTheRestOfAnAnswerThatDidNotFit) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  const ByteVector answer = make_response(0, {.call_id = 2}, 400);
  const ByteVector front(answer.begin(), answer.begin() + 10);
  talk.transact(kFile, request(2), front, kStatusBufferOverflow);
  talk.read(kFile, ByteVector(answer.begin() + 10, answer.end()));
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(Smb2, JoinsAPduThatSeveralWritesCarry) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  const ByteVector call = request(2);
  talk.write(kFile, ByteVector(call.begin(), call.begin() + 5));
  talk.write(kFile, ByteVector(call.begin() + 5, call.end())).read(kFile, response(2));
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(Smb2, ReadsByteByByte) {
  SmbTalk talk;
  talk.piecewise(1);
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr).call(kFile, 2).close(kFile);
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(Smb2, KeepsTwentyPipesApart) {
  SmbTalk talk;
  talk.connect_tree();
  std::string expected;
  for (std::uint64_t file = 1; file <= 20; ++file) {
    talk.open("pipe" + std::to_string(file), 16 * file).bind(16 * file, kSamr);
    expected +=
        "context 0 12345778/1.0 on \\PIPE\\pipe" + std::to_string(file) + " accepted call 1\n";
  }
  for (std::uint64_t file = 20; file >= 1; --file) {
    talk.call(16 * file, 2);
    expected += "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n";
  }
  EXPECT_EQ(talk.text(), expected);
  EXPECT_EQ(talk.statistics().pipes_rpc, 20u);
}

TEST(Smb2, TakesAHandleUsedAgainForAnotherPipe) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr).close(kFile);
  talk.open("drs", kFile).bind(kFile, kDrsuapi);
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n"
            "context 0 e3514235/4.0 on \\PIPE\\drs accepted call 1\n");
}

// [MS-SMB2] 3.2.4.1.4: related requests name the handle of the one before as ff…ff.
TEST(Smb2, FollowsRelatedCompounds) {
  constexpr std::uint64_t kPrevious = ~std::uint64_t{0};
  ByteVector write = smb2_write_request(0, make_bind({{0, kSamr}}));
  std::memset(write.data() + 16, 0xff, 16);
  ByteVector read = smb2_read_request(0);
  std::memset(read.data() + 16, 0xff, 16);
  const Smb2Shape related{
      .tree_id = 0xffff'ffff, .session_id = kPrevious, .flags = Smb2Header::kFlagRelated};
  Smb2Shape shapes[] = {{.command = Smb2Command::create}, related, related};
  shapes[1].command = Smb2Command::write;
  shapes[2].command = Smb2Command::read;
  for (std::uint64_t i = 0; i < 3; ++i) shapes[i].message_id = 100 + i;
  const ByteVector requests = compound({make_smb2(shapes[0], smb2_create_request("samr")),
                                        make_smb2(shapes[1], write), make_smb2(shapes[2], read)});
  for (Smb2Shape& shape : shapes) {
    shape = {.command = shape.command, .message_id = shape.message_id, .response = true};
  }
  const ByteVector responses =
      compound({make_smb2(shapes[0], smb2_create_response(kFile)),
                make_smb2(shapes[1], smb2_write_response()),
                make_smb2(shapes[2], smb2_read_response(make_bind_ack({{}})))});
  for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
    SmbTalk talk;
    talk.connect_tree();
    talk.piecewise(piece);
    talk.client(requests).server(responses).call(kFile, 2);
    EXPECT_EQ(talk.text(), kOneCall) << piece;
  }
}

// [MS-SMB2] 3.3.4.2, 3.3.4.4: the interim response says nothing; the real one carries an AsyncId
// where the tree stood, and is found by its MessageId.
TEST(Smb2, WaitsForTheRealResponseBehindAnInterimOne) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  talk.request(Smb2Command::read, smb2_read_request(kFile));
  const std::uint64_t reading = talk.last_message_id();
  const Smb2Shape async{.message_id = reading, .tree_id = 0x77, .flags = Smb2Header::kFlagAsync};
  Smb2Shape interim = async;
  interim.status = kStatusPending;
  talk.response(Smb2Command::read, smb2_error(), interim);
  talk.write(kFile, request(2));
  talk.response(Smb2Command::read, smb2_read_response(response(2)), async);
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(Smb2, ForgetsWhatWasCancelled) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  talk.request(Smb2Command::read, smb2_read_request(kFile));
  constexpr std::uint32_t kStatusCancelled = 0xc000'0120;
  talk.response(Smb2Command::read, smb2_error(), {.status = kStatusCancelled});
  talk.call(kFile, 2);
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(Smb2, DropsAPipeThatWasNotOpened) {
  SmbTalk talk;
  talk.connect_tree().request(Smb2Command::create, smb2_create_request("samr"));
  constexpr std::uint32_t kObjectNameNotFound = 0xc000'0034;
  talk.response(Smb2Command::create, smb2_error(), {.status = kObjectNameNotFound});
  talk.open("lsarpc", kFile).bind(kFile, kSamr);
  EXPECT_EQ(talk.text(), "context 0 12345778/1.0 on \\PIPE\\lsarpc accepted call 1\n");
}

// --- what was missed ---

TEST(Smb2, FindsRpcWhoseOpeningWasMissedAndCallsItsPipeUnknown) {
  SmbTalk talk;
  talk.connect_tree().bind(kFile, kSamr).call(kFile, 2);
  EXPECT_EQ(talk.text(), kOneCallOnUnknownPipe);
}

TEST(Smb2, FindsRpcOnATreeThatWasNotSeen) {
  SmbTalk talk;
  talk.bind(kFile, kSamr).call(kFile, 2);
  EXPECT_EQ(talk.text(), kOneCallOnUnknownPipe);
}

TEST(Smb2, DoesNotLookForRpcInFiles) {
  SmbTalk talk;
  talk.connect_tree(1).open("trace.pcap", kFile).write(kFile, make_bind({{0, kSamr}}));
  talk.read(kFile, make_bind_ack({{}}));
  EXPECT_EQ(talk.text(), "");
}

TEST(Smb2, LeavesOtherPipesAlone) {
  SmbTalk talk;
  talk.connect_tree().open("MsFteWds", kFile);
  for (int i = 0; i < 20; ++i) talk.transact(kFile, ByteVector(100), ByteVector(100));
  EXPECT_EQ(talk.text(), "");
  EXPECT_EQ(talk.statistics().pipes_rpc, 0u);
  EXPECT_EQ(talk.statistics().pdus_undecodable, 0u);
}

// Nothing in a READ response says what was read: it must be the only pipe that waits for an answer.
TEST(Smb2, GivesAReadWithoutItsRequestToTheOnlyPipeThatWaits) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr).open("drs", 99).bind(99, kDrsuapi);
  talk.write(kFile, request(2));
  talk.response(Smb2Command::read, smb2_read_response(response(2)), {.message_id = 1000});
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n"
            "context 0 e3514235/4.0 on \\PIPE\\drs accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n");
}

TEST(Smb2, DoesNotGuessWhichOfTwoWaitingPipesWasRead) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr).open("drs", 99).bind(99, kDrsuapi);
  talk.write(kFile, request(2)).write(99, request(2));
  talk.response(Smb2Command::read, smb2_read_response(response(2)), {.message_id = 1000});
  EXPECT_EQ(talk.statistics().smb_responses_unmatched, 1u);
  EXPECT_NE(talk.text().find("opnum 1 body 32 -> unanswered"), std::string::npos);
}

TEST(Smb2, StaysInStepOverAHoleInFileData) {
  SmbTalk talk;
  talk.connect_tree(1, 7).connect_tree(2, 1).open("samr", kFile);
  const ByteVector data =
      framed(make_smb2({.command = Smb2Command::write, .message_id = 500, .tree_id = 7},
                       smb2_write_request(5, ByteVector(100'000, std::byte{0xfe}))));
  talk.say(kToServer, ByteVector(data.begin(), data.begin() + 3000));
  EXPECT_FALSE(talk.lose(kToServer, 90'000));
  talk.say(kToServer, ByteVector(data.begin() + 93'000, data.end()));
  talk.bind(kFile, kSamr).call(kFile, 2);
  EXPECT_EQ(talk.text(), kOneCall);
  EXPECT_EQ(talk.statistics().smb_undecodable, 0u);
}

TEST(Smb2, FindsTheNextMessageBehindAHoleOfManyMessages) {
  for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
    SmbTalk talk;
    talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
    talk.piecewise(piece);
    EXPECT_TRUE(talk.lose(kToServer, 12'345));
    EXPECT_TRUE(talk.lose(kToClient, 12'345));
    talk.say(kToServer, ByteVector(50, std::byte{'S'})).say(kToClient, ByteVector(3));
    talk.call(kFile, 2);
    EXPECT_EQ(talk.text(), kOneCall) << piece;
  }
}

TEST(Smb2, TellsAHoleInThePayloadOfAPipe) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  const ByteVector message =
      framed(make_smb2({.command = Smb2Command::write, .message_id = 500},
                       smb2_write_request(kFile, make_request({0, 1, {}, 500}, {.call_id = 2}))));
  talk.say(kToServer, ByteVector(message.begin(), message.begin() + 200));
  EXPECT_TRUE(talk.lose(kToServer, message.size() - 200));
  talk.read(kFile, response(2)).call(kFile, 3);
  EXPECT_EQ(talk.observer().blind(BlindnessKind::gap), 1u);
  const std::string text = talk.text();
  EXPECT_NE(text.find("call 3 context 0 12345778/1.0 opnum 1 body 32 -> response"),
            std::string::npos)
      << text;
}

// --- sessions ---

TEST(Smb2, NamesTheUserOfTheSession) {
  SmbTalk talk;
  talk.log_on(make_ntlm("CORP", "alice")).connect_tree().open("samr", kFile).bind(kFile, kSamr);
  talk.call(kFile, 2);
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 on \\PIPE\\samr accepted as CORP\\alice call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 as CORP\\alice body 32 -> response\n");
}

TEST(Smb2, KnowsTheNullSessionByTheServersWord) {
  SmbTalk talk;
  constexpr unsigned kIsNull = 2;  // [MS-SMB2] 2.2.6
  talk.log_on(ByteVector(8), kIsNull).connect_tree().open("samr", kFile).bind(kFile, kSamr);
  EXPECT_EQ(talk.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted null session call 1\n");
}

TEST(Smb2, KnowsTheNullSessionByItsToken) {
  SmbTalk talk;
  talk.log_on(make_ntlm("", "")).connect_tree().open("samr", kFile).bind(kFile, kSamr);
  EXPECT_EQ(talk.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted null session call 1\n");
}

TEST(Smb2, ForgetsASessionThatWasRefused) {
  SmbTalk talk;
  talk.request(Smb2Command::session_setup, smb2_setup_request(make_ntlm("CORP", "mallory")),
               {.session_id = 0});
  constexpr std::uint32_t kLogonFailure = 0xc000'006d;
  talk.response(Smb2Command::session_setup, smb2_error(), {.status = kLogonFailure});
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  EXPECT_EQ(talk.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n");
}

// [MS-SMB2] 3.3.5.5.2: a connection is bound to a session that exists; everything opened in it can
// be used there.
TEST(Smb2, FollowsASessionOverSeveralConnections) {
  SmbTalk talk;
  talk.log_on(make_ntlm("CORP", "alice")).connect_tree().open("samr", kFile);
  talk.connect();
  constexpr unsigned kBinding = 1;
  talk.request(Smb2Command::session_setup, smb2_setup_request(make_ntlm("CORP", "x"), kBinding));
  talk.response(Smb2Command::session_setup, smb2_setup_response(0));
  talk.bind(kFile, kSamr);
  talk.use(0);
  talk.hang_up();
  talk.use(1);
  talk.call(kFile, 2);
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 on \\PIPE\\samr accepted as CORP\\alice call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 as CORP\\alice body 32 -> response\n");
}

TEST(Smb2, ReadsOnAnotherConnectionWhatWasWrittenOnOne) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).write(kFile, make_bind({{0, kSamr}}));
  talk.connect();
  talk.read(kFile, make_bind_ack({{}})).write(kFile, request(2));
  talk.use(0);
  talk.read(kFile, response(2));
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(Smb2, EndsTheCallsOfASessionThatLogsOff) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr).write(kFile, request(2));
  talk.request(Smb2Command::logoff, ByteWriter().u16(4).u16(0).take());
  talk.response(Smb2Command::logoff, ByteWriter().u16(4).u16(0).take());
  EXPECT_EQ(talk.observer().text(),
            "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> unanswered\n");
}

// --- what cannot be seen ---

TEST(Smb2, CountsWhatIsEncryptedOncePerSession) {
  SmbTalk talk;
  talk.log_on(make_ntlm("CORP", "alice"));
  for (int i = 0; i < 5; ++i) {
    talk.client(make_encrypted(0x1000'0000'0001, 200));
    talk.server(make_encrypted(0x1000'0000'0001, 1000));
  }
  talk.client(make_encrypted(0x42, 10));
  EXPECT_EQ(talk.observer().blind(BlindnessKind::smb_encrypted), 0u);
  EXPECT_EQ(talk.text(), "");
  EXPECT_EQ(talk.observer().blind(BlindnessKind::smb_encrypted), 2u);
  const Blindness& last = talk.observer().last_blindness();
  EXPECT_EQ(last.messages, 10u);
  EXPECT_EQ(last.bytes, 5 * (200 + 1000 + 2 * kSmbTransformSize));
  EXPECT_EQ(last.smb_session, 0x1000'0000'0001u);
  ASSERT_TRUE(last.since);
  EXPECT_EQ(last.since->number, 5u);
  EXPECT_EQ(last.server->port, 445);
}

// [MS-SMB2] 2.2.42.1: what is in front of the compressed part is in clear.
TEST(Smb2, CountsWhatIsCompressedForItsSession) {
  SmbTalk talk;
  const ByteVector header = make_smb2({.command = Smb2Command::write, .message_id = 9}, {});
  ByteWriter writer;
  writer.u8(0xfc).text("SMB").u32(4096).u16(1).u16(0).u32(64).bytes(header).zeros(100);
  talk.client(writer.take());
  EXPECT_EQ(talk.text(), "");
  EXPECT_EQ(talk.observer().blind(BlindnessKind::smb_compressed), 1u);
  EXPECT_EQ(talk.observer().last_blindness().smb_session, 0x1000'0000'0001u);
  EXPECT_EQ(talk.observer().last_blindness().bytes, 180u);
}

// --- hostile lengths and counts ---

TEST(Smb2, SurvivesLengthsThatLie) {
  const ByteVector write = make_smb2({.command = Smb2Command::write, .message_id = 70},
                                     smb2_write_request(kFile, ByteVector(40)));
  for (std::size_t at = 16; at < write.size(); ++at) {
    for (const unsigned value : {0x00u, 0x7fu, 0xffu}) {
      SmbTalk talk;
      talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
      ByteVector damaged = write;
      damaged[at] = static_cast<std::byte>(value);
      talk.client(damaged).client(compound({damaged, damaged}));
      talk.text();
    }
  }
}

TEST(Smb2, BoundsTheSessionsOfOneConnection) {
  Limits limits;
  limits.smb_sessions = 1000;
  SmbTalk talk(limits);
  for (std::uint64_t session = 1; session <= 5000; ++session) {
    talk.response(Smb2Command::tree_connect, smb2_tree_response(2), {.session_id = session});
  }
  EXPECT_GE(talk.statistics().smb_sessions_evicted, 4900u);
  talk.text();
}

// How much of a message is read depends on what its tree is, which another connection may tell
// between two pieces of it.
TEST(Smb2, StaysInStepWhenItsTreeBecomesKnownInsideAMessage) {
  SmbTalk talk;
  talk.connect_tree(2, 1).open("samr", kFile).bind(kFile, kSamr);
  const ByteVector create =
      framed(make_smb2({.command = Smb2Command::create, .message_id = 100, .tree_id = 2},
                       smb2_create_request("a file")));
  const auto middle = create.begin() + 100;
  talk.say(Direction::forward, ByteVector(create.begin(), middle));
  talk.connect();
  talk.connect_tree(1, 2);
  talk.use(0);
  talk.say(Direction::forward, ByteVector(middle, create.end()));
  talk.call(kFile, 2);
  EXPECT_EQ(talk.text(), kOneCall);
  EXPECT_EQ(talk.statistics().smb_undecodable, 0u);
}

// The response to the opening of a pipe names a session that takes the place of the pipe's own.
TEST(Smb2, ForgetsAPipeWhoseSessionEndsWhileItIsOpened) {
  Limits limits;
  limits.smb_sessions = 1;
  SmbTalk talk(limits);
  talk.request(Smb2Command::create, smb2_create_request("samr"));
  talk.response(Smb2Command::create, smb2_create_response(kFile), {.session_id = 0x77});
  talk.bind(kFile, kSamr).call(kFile, 2);
  EXPECT_EQ(talk.statistics().smb_sessions_evicted, 2u);
  talk.text();
}

TEST(Smb2, BoundsThePipesAndTellsWhichItForgot) {
  Limits limits;
  limits.smb_pipes = 10;
  SmbTalk talk(limits);
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  for (std::uint64_t file = 100; file < 120; ++file) talk.open("other", file);
  EXPECT_EQ(talk.statistics().pipes_evicted, 11u);
  EXPECT_EQ(talk.observer().blind(BlindnessKind::table_eviction), 1u);
  talk.text();
}

TEST(Smb2, BoundsTheRequestsThatWait) {
  Limits limits;
  limits.smb_requests = 10;
  SmbTalk talk(limits);
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  for (int i = 0; i < 100; ++i) talk.request(Smb2Command::read, smb2_read_request(kFile));
  EXPECT_EQ(talk.statistics().smb_requests_evicted, 90u);
  talk.call(kFile, 2);
  EXPECT_EQ(talk.text(), kOneCall);
}

}  // namespace
}  // namespace rpcaudit::dissect
