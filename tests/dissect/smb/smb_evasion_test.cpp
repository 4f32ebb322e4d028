// What a hostile client says to hide calls from who follows the letters of messages and not what
// servers do: the evasions of the table in dissect/README.md that are about SMB.

#include <gtest/gtest.h>

#include "tests/support/smb_talk.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr std::uint64_t kFile = 0x11;
constexpr std::uint64_t kPrevious = ~std::uint64_t{0};

const std::string kOneCall =
    "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n"
    "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n";

// --- [MS-SMB2] 3.3.5.2.7.2: related operations ---

struct RelatedCase {
  const char* name;
  std::uint32_t tree_id;     // of the related operations, in their own headers
  std::uint64_t session_id;  // likewise
  std::uint64_t file;        // likewise, in their bodies
  bool queries_first;        // the handle is named by a query before the write
};
void PrintTo(const RelatedCase& test, std::ostream* out) { *out << test.name; }

constexpr RelatedCase kRelatedCases[] = {
    {"as_specified", 0xffff'ffff, kPrevious, kPrevious, false},
    {"tree_of_files", 2, kPrevious, kPrevious, false},
    {"tree_that_is_not_known", 77, kPrevious, kPrevious, false},
    {"another_session", 0xffff'ffff, 0x666, kPrevious, false},
    {"another_handle", 0xffff'ffff, kPrevious, 0x99, false},
    {"all_of_them", 2, 0x666, 0x99, false},
    {"handle_of_a_query_before", 2, 0x666, 0x99, true},
};

class Smb2Related : public testing::TestWithParam<RelatedCase> {
 protected:
  ByteVector named(ByteVector body, std::size_t place, std::uint64_t file) {
    const std::uint64_t halves[] = {file, file == kPrevious ? kPrevious : file + 1};
    std::memcpy(body.data() + place, halves, sizeof halves);
    return body;
  }
};

TEST_P(Smb2Related, AreOnWhatTheOperationBeforeWasOn) {
  const RelatedCase& test = GetParam();
  SmbTalk talk;
  talk.connect_tree(2, 1).connect_tree(1, 2).open("samr", kFile);
  Smb2Shape shape{.message_id = 100};
  const auto operation = [&](Smb2Command command, const ByteVector& body, bool related) {
    shape.command = command;
    ++shape.message_id;
    shape.flags = related ? Smb2Header::kFlagRelated : 0;
    shape.tree_id = related ? test.tree_id : 1;
    shape.session_id = related ? test.session_id : Smb2Shape{}.session_id;
    return make_smb2(shape, body);
  };
  const auto written = [&](const ByteVector& data) {
    return named(smb2_write_request(0, data), 16, test.file);
  };
  const ByteVector query = named(ByteWriter().u16(41).zeros(38).take(), 24, kFile);
  for (const ByteVector& pdu : {make_bind({{0, kSamr}}), make_request({0, 1}, {.call_id = 2})}) {
    if (test.queries_first) {
      talk.client(compound({operation(Smb2Command::query_info, query, false),
                            operation(Smb2Command::write, written(pdu), true)}));
    } else {
      talk.client(compound({operation(Smb2Command::read, smb2_read_request(kFile), false),
                            operation(Smb2Command::write, written(pdu), true)}));
    }
    const bool bound = pdu.size() == make_bind({{0, kSamr}}).size();
    talk.read(kFile, bound ? make_bind_ack({{}}) : make_response(0, {.call_id = 2}));
  }
  EXPECT_EQ(talk.text(), kOneCall);
}

INSTANTIATE_TEST_SUITE_P(Wire, Smb2Related, testing::ValuesIn(kRelatedCases),
                         [](const auto& test) { return std::string(test.param.name); });

// --- [MS-SMB2] 3.3.5.2.7: a message of a compound ends where the next one begins ---

// The server refuses the first operation, whose buffer goes beyond it, and runs the second.
TEST(Smb2Compound, IsReadBehindAnOperationWhoseBufferReachesIntoTheNext) {
  ByteVector long_name = smb2_create_request("lsarpc");
  const std::uint16_t length = 300;
  std::memcpy(long_name.data() + 46, &length, sizeof length);
  ByteVector far_data = smb2_write_request(0x55, {});
  const std::uint16_t offset = 200;
  std::memcpy(far_data.data() + 2, &offset, sizeof offset);
  const ByteVector firsts[] = {
      make_smb2({.command = Smb2Command::create, .message_id = 100}, long_name),
      make_smb2({.command = Smb2Command::write, .message_id = 100}, far_data)};
  for (const ByteVector& first : firsts) {
    for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
      SmbTalk talk;
      talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
      talk.piecewise(piece);
      talk.client(compound(
          {first, make_smb2({.command = Smb2Command::write, .message_id = 101},
                            smb2_write_request(kFile, make_request({0, 1}, {.call_id = 2})))}));
      talk.read(kFile, make_response(0, {.call_id = 2}));
      EXPECT_EQ(talk.text(), kOneCall) << piece;
    }
  }
}

// --- roles ---

// A flag says `response` in what the client sends, or `request` in what the server sends.
TEST(SmbRoles, AreWhatPortsSayWhateverFlagsSay) {
  for (const bool client_lies : {true, false}) {
    SmbTalk talk;
    const ByteVector negotiate = make_smb2({.command = Smb2Command{0}, .response = client_lies},
                                           ByteWriter().u16(36).zeros(36).take());
    client_lies ? talk.client(negotiate) : talk.server(negotiate);
    talk.connect_tree().open("samr", kFile).bind(kFile, kSamr).call(kFile, 2);
    EXPECT_EQ(talk.text(), kOneCall) << client_lies;
    EXPECT_EQ(talk.statistics().smb_unexpected, 1u);
  }
}

TEST(SmbRoles, ReadARequestThatCallsItselfAResponse) {
  SmbTalk talk;
  talk.connect_tree().open("samr", kFile).bind(kFile, kSamr);
  talk.client(make_smb2({.command = Smb2Command::ioctl, .message_id = 50, .response = true},
                        smb2_ioctl_request(kFile, make_request({0, 1}, {.call_id = 2}))));
  talk.response(Smb2Command::ioctl, smb2_ioctl_response(kFile, make_response(0, {.call_id = 2})),
                {.message_id = 50});
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(SmbRoles, AreLearnedAnewWhereOnlyFlagsToldThem) {
  SmbTalk talk;
  talk.connect_between(40000, 8445);
  talk.client(make_smb2({.command = Smb2Command{0}, .response = true},
                        ByteWriter().u16(36).zeros(36).take()));
  talk.connect_tree().connect_tree().open("samr", kFile).bind(kFile, kSamr).call(kFile, 2);
  EXPECT_EQ(talk.text(), kOneCall);
}

// --- share types ---

TEST(SmbShareType, IsNotChangedByAResponseToNoRequest) {
  SmbTalk talk;
  talk.connect_tree(2, 1);
  talk.response(Smb2Command::tree_connect, smb2_tree_response(1), {.message_id = 999});
  talk.open("samr", kFile).bind(kFile, kSamr).call(kFile, 2);
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(SmbShareType, IsThatOfPipesWhereIpcWasAskedFor) {
  for (const char* path : {"\\\\dc1\\IPC$", "\\\\10.0.0.1\\ipc$"}) {
    SmbTalk talk;
    talk.connect_tree(1, 1, path).open("samr", kFile).bind(kFile, kSamr).call(kFile, 2);
    EXPECT_EQ(talk.text(), kOneCall) << path;
  }
}

TEST(SmbShareType, IsWhatTheResponseSaysOfOtherNames) {
  for (const char* path : {"\\\\dc1\\C$", "\\\\dc1\\IPC$\\x", "IPC", ""}) {
    SmbTalk talk;
    talk.connect_tree(1, 1, path).open("samr", kFile).bind(kFile, kSamr).call(kFile, 2);
    EXPECT_EQ(talk.text(), "") << path;
  }
}

// Half headers of others take no buffer from who needs one now; whose front was evicted is told of.
TEST(SmbEvasion, HalfHeadersOfOthersAreEvictedAndTold) {
  Limits limits;
  limits.smb_header_buffers = 4;
  SmbTalk talk(limits);
  const ByteVector message = framed(make_smb2({Smb2Command::tree_connect}, smb2_tree_request("x")));
  const ByteVector front(message.begin(), message.begin() + 40);
  const ByteVector rest(message.begin() + 40, message.end());
  constexpr std::size_t kHalves = 10;
  for (std::size_t i = 0; i < kHalves; ++i) {
    if (i != 0) talk.connect();
    talk.say(Direction::forward, front);
  }
  talk.connect();
  talk.piecewise(7);
  talk.log_on(make_ntlm("CORP", "alice")).connect_tree().open("samr", 7);
  talk.bind(7, kSamr).call(7, 2);
  EXPECT_EQ(talk.statistics().calls, 1u);
  talk.use(0);
  talk.say(Direction::forward, rest);
  EXPECT_EQ(talk.statistics().smb_headers_evicted, 1u);
  EXPECT_EQ(talk.observer().blind(BlindnessKind::table_eviction), 1u);
  talk.piecewise(SIZE_MAX);
  talk.log_on(make_ntlm("CORP", "bob")).connect_tree().open("samr", 8);  // it is in step again
  talk.bind(8, kSamr).call(8, 2);
  EXPECT_EQ(talk.statistics().calls, 2u);
  (void)talk.text();
  EXPECT_EQ(talk.statistics().smb_headers_evicted, kHalves - limits.smb_header_buffers + 1);
}

}  // namespace
}  // namespace rpcaudit::dissect
