// SMB1 as conversations: what reaches the RPC sessions on pipes, and under which name.

#include <gtest/gtest.h>

#include "dissect/smb/messages/smb1_transaction_message.h"
#include "tests/support/smb_talk.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr std::uint16_t kFile = 0x4001;

ByteVector request(std::uint32_t id) { return make_request({0, 1}, {.call_id = id}); }
ByteVector response(std::uint32_t id) { return make_response(0, {.call_id = id}); }
ByteVector oem(std::string_view text) { return ByteWriter().text(text).u8(0).take(); }
ByteVector unicode(std::string_view text) { return join({utf16(text), ByteVector(2)}); }

// The bytes of an open with a Unicode name, aligned from the header: the words make it odd.
ByteVector aligned(const ByteVector& name) { return join({ByteVector(1), name}); }

const std::string kOneCall =
    "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n"
    "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n";

// One SMB1 connection; multiplex ids count up.
class Smb1 : public testing::Test {
 protected:
  void ask(Smb1Shape shape, const ByteVector& words, const ByteVector& bytes = {}) {
    shape.multiplex_id = ++multiplex_id_;
    talk_.client(make_smb1(shape, words, bytes));
  }
  void answer(Smb1Shape shape, const ByteVector& words, const ByteVector& bytes = {}) {
    shape.multiplex_id = multiplex_id_;
    shape.response = true;
    talk_.server(make_smb1(shape, words, bytes));
  }

  void connect_tree(std::string_view service = "IPC", std::uint16_t tree_id = 1) {
    ask({Smb1Command::tree_connect_andx}, andx().u16(0).u16(1).take(), ByteVector(20));
    answer({.command = Smb1Command::tree_connect_andx, .tree_id = tree_id}, andx().u16(1).take(),
           oem(service));
  }
  void open(const ByteVector& name, std::uint16_t file = kFile, bool is_unicode = true,
            unsigned resource = 2) {
    ask({.command = Smb1Command::nt_create_andx, .unicode = is_unicode}, andx().zeros(44).take(),
        name);
    answer({Smb1Command::nt_create_andx},
           andx().u8(0).u16(file).zeros(56).u16(resource).zeros(3).take());
  }
  void close(std::uint16_t file = kFile) {
    ask({Smb1Command::close}, ByteWriter().u16(file).u32(0).take());
    answer({Smb1Command::close}, {});
  }
  static constexpr std::size_t kWriteWords = 28;
  // WRITE_ANDX ([MS-CIFS] 2.2.4.43) in the given mode, its data right behind the words.
  void write(const ByteVector& data, unsigned mode = 0, std::uint16_t file = kFile) {
    const auto offset = static_cast<unsigned>(kSmb1BlockAt + 1 + kWriteWords + 2);
    ask({Smb1Command::write_andx},
        andx()
            .u16(file)
            .u32(0)
            .u32(0)
            .u16(mode)
            .u16(0)
            .u16(static_cast<unsigned>(data.size() >> 16))
            .u16(static_cast<unsigned>(data.size() & 0xffff))
            .u16(offset)
            .u32(0)
            .take(),
        data);
    answer({Smb1Command::write_andx}, andx().zeros(8).take());
  }
  static ByteVector read_words(const ByteVector& data) {
    constexpr unsigned kOffset = kSmb1BlockAt + 1 + 24 + 2;
    return andx()
        .u16(0)
        .u16(0)
        .u16(0)
        .u16(static_cast<unsigned>(data.size()))
        .u16(kOffset)
        .u16(0)
        .zeros(8)
        .take();
  }
  void read(const ByteVector& data, std::uint32_t status = 0) {
    ask({Smb1Command::read_andx}, andx().u16(kFile).zeros(14).take());
    answer({.command = Smb1Command::read_andx, .status = status}, read_words(data), data);
  }

  // TRANSACTION ([MS-CIFS] 2.2.4.33) with the first `part` bytes of its data.
  void begin_transaction(unsigned subcommand, const ByteVector& name, const ByteVector& data,
                         std::size_t part) {
    const ByteVector bytes = join({aligned(name), ByteVector(data.begin(), at(data, part))});
    const auto offset = static_cast<unsigned>(kSmb1BlockAt + 1 + 32 + 2 + 1 + name.size());
    ask({Smb1Command::transaction},
        ByteWriter()
            .u16(0)
            .u16(static_cast<unsigned>(data.size()))
            .zeros(14)
            .u16(0)
            .u16(0)
            .u16(static_cast<unsigned>(part))
            .u16(offset)
            .u8(2)
            .u8(0)
            .u16(subcommand)
            .u16(kFile)
            .take(),
        bytes);
  }
  void continue_transaction(const ByteVector& data, std::size_t from, std::size_t part) {
    constexpr unsigned kOffset = kSmb1BlockAt + 1 + 16 + 2;
    const auto begin = at(data, from);
    const Smb1Shape shape{.command = Smb1Command::transaction_secondary,
                          .multiplex_id = multiplex_id_};
    talk_.client(make_smb1(shape,
                           ByteWriter()
                               .u16(0)
                               .u16(static_cast<unsigned>(data.size()))
                               .zeros(6)
                               .u16(static_cast<unsigned>(part))
                               .u16(kOffset)
                               .u16(static_cast<unsigned>(from))
                               .take(),
                           ByteVector(begin, begin + static_cast<std::ptrdiff_t>(part))));
  }
  void answer_transaction(const ByteVector& data, std::size_t from, std::size_t part,
                          std::uint32_t status = 0) {
    constexpr unsigned kOffset = kSmb1BlockAt + 1 + 20 + 2;
    const auto begin = at(data, from);
    answer({.command = Smb1Command::transaction, .status = status},
           ByteWriter()
               .u16(0)
               .u16(static_cast<unsigned>(data.size()))
               .zeros(8)
               .u16(static_cast<unsigned>(part))
               .u16(kOffset)
               .u16(static_cast<unsigned>(from))
               .u16(0)
               .take(),
           ByteVector(begin, begin + static_cast<std::ptrdiff_t>(part)));
  }
  void transact(const ByteVector& in, const ByteVector& out) {
    begin_transaction(kTransTransact, unicode("\\PIPE\\"), in, in.size());
    answer_transaction(out, 0, out.size());
  }
  void bind() { transact(make_bind({{0, kSamr}}), make_bind_ack({{}})); }

  static ByteVector::const_iterator at(const ByteVector& data, std::size_t offset) {
    return data.begin() + static_cast<std::ptrdiff_t>(offset);
  }

  SmbTalk talk_;
  std::uint16_t multiplex_id_ = 0;
};

TEST_F(Smb1, FindsCallsInTransactions) {
  connect_tree();
  open(aligned(unicode("\\samr")));
  bind();
  transact(request(2), response(2));
  close();
  EXPECT_EQ(talk_.text(), kOneCall);
}

TEST_F(Smb1, ReadsByteByByte) {
  talk_.piecewise(1);
  connect_tree();
  open(aligned(unicode("\\samr")));
  bind();
  transact(request(2), response(2));
  EXPECT_EQ(talk_.text(), kOneCall);
}

TEST_F(Smb1, ReadsOemNames) {
  connect_tree();
  open(oem("\\samr"), kFile, false);
  bind();
  EXPECT_EQ(talk_.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n");
}

TEST_F(Smb1, NamesAPipeTheSameHoweverItsPathWasWritten) {
  connect_tree();
  open(aligned(unicode("\\Pipe\\samr")));
  bind();
  EXPECT_EQ(talk_.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n");
}

TEST_F(Smb1, FindsCallsInWritesAndReads) {
  connect_tree();
  open(aligned(unicode("\\samr")));
  write(make_bind({{0, kSamr}}));
  read(make_bind_ack({{}}));
  write(request(2));
  read(response(2));
  EXPECT_EQ(talk_.text(), kOneCall);
}

// [MS-CIFS] 2.2.4.43.1: in message mode the first write of a message puts its length before it.
TEST_F(Smb1, LeavesTheLengthOfMessageModeOut) {
  connect_tree();
  open(aligned(unicode("\\samr")));
  const ByteVector bind = make_bind({{0, kSamr}});
  ByteWriter prefixed;
  prefixed.u16(static_cast<unsigned>(bind.size())).bytes(Bytes(bind).first(30));
  constexpr unsigned kRawMessageStart = 0x000c;
  write(prefixed.take(), kRawMessageStart);
  constexpr unsigned kRawMessage = 0x0004;
  write(ByteVector(bind.begin() + 30, bind.end()), kRawMessage);
  read(make_bind_ack({{}}));
  EXPECT_EQ(talk_.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n");
}

TEST_F(Smb1, ReadsTheRestOfAnAnswerThatDidNotFit) {
  connect_tree();
  open(aligned(unicode("\\samr")));
  bind();
  const ByteVector out = make_response(0, {.call_id = 2}, 300);
  begin_transaction(kTransTransact, unicode("\\PIPE\\"), request(2), request(2).size());
  const ByteVector front(out.begin(), out.begin() + 10);
  answer_transaction(front, 0, 10, kStatusBufferOverflow);
  read(ByteVector(out.begin() + 10, out.end()));
  EXPECT_EQ(talk_.text(), kOneCall);
}

// [MS-CIFS] 2.2.4.34: the rest of a transaction's data, asked for by an empty response.
TEST_F(Smb1, JoinsTransactionsInSeveralParts) {
  connect_tree();
  open(aligned(unicode("\\samr")));
  bind();
  const ByteVector in = request(2);
  begin_transaction(kTransTransact, unicode("\\PIPE\\"), in, 7);
  answer({Smb1Command::transaction}, {});
  continue_transaction(in, 7, 11);
  continue_transaction(in, 18, in.size() - 18);
  const ByteVector out = response(2);
  answer_transaction(out, 0, 9);
  answer_transaction(out, 9, out.size() - 9);
  EXPECT_EQ(talk_.text(), kOneCall);
}

TEST_F(Smb1, TellsAPartOfATransactionThatIsMissing) {
  connect_tree();
  open(aligned(unicode("\\samr")));
  bind();
  const ByteVector in = make_request({0, 1, {}, 500}, {.call_id = 2});
  begin_transaction(kTransTransact, unicode("\\PIPE\\"), in, 100);
  continue_transaction(in, 300, in.size() - 300);
  answer_transaction(response(2), 0, response(2).size());
  EXPECT_EQ(talk_.observer().blind(BlindnessKind::gap), 1u);
  EXPECT_NE(talk_.text().find("call 2 context 0 12345778/1.0"), std::string::npos);
}

// [MS-CIFS] 2.2.5.11: opens, writes, reads and closes, without a handle.
TEST_F(Smb1, FindsCallsInOneTransactionWithoutAHandle) {
  connect_tree();
  const ByteVector in = join({make_bind({{0, kSamr}}), request(2)});
  begin_transaction(kTransCall, unicode("\\PIPE\\samr"), in, in.size());
  const ByteVector out = join({make_bind_ack({{}}), response(2)});
  answer_transaction(out, 0, out.size());
  open(aligned(unicode("\\lsarpc")));
  const std::string expected =
      "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n"
      "call 2 context 0 12345778/1.0provisional opnum 1 body 32 -> response\n";
  EXPECT_EQ(talk_.observer().text(), expected);  // and the pipe is gone
  EXPECT_EQ(talk_.text(), expected);
}

// [MS-CIFS] 2.2.3.4: commands in one message, each at its offset from the header; what follows the
// open uses its file.
TEST_F(Smb1, FollowsChains) {
  connect_tree();
  const ByteVector bind = make_bind({{0, kSamr}});
  const ByteVector name = aligned(unicode("\\samr"));
  const std::size_t first = 1 + 48 + 2 + name.size();
  const auto second = static_cast<unsigned>(kSmb1BlockAt + first);
  const unsigned data = second + 1 + kWriteWords + 2;
  const ByteVector chain = join(
      {make_smb1_header({.command = Smb1Command::nt_create_andx, .multiplex_id = 50}),
       smb1_block(andx(static_cast<unsigned>(Smb1Command::write_andx), second).zeros(44).take(),
                  name),
       smb1_block(andx()
                      .u16(0xffff)
                      .zeros(12)
                      .u16(0)
                      .u16(static_cast<unsigned>(bind.size()))
                      .u16(data)
                      .u32(0)
                      .take(),
                  bind)});
  for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
    SmbTalk talk;
    talk.piecewise(piece);
    talk.client(chain);
    talk.server(
        make_smb1({.command = Smb1Command::nt_create_andx, .response = true, .multiplex_id = 50},
                  andx().u8(0).u16(kFile).zeros(56).u16(2).zeros(3).take()));
    talk.client(make_smb1({.command = Smb1Command::read_andx, .multiplex_id = 51},
                          andx().u16(kFile).zeros(14).take()));
    talk.server(make_smb1({.command = Smb1Command::read_andx, .response = true, .multiplex_id = 51},
                          read_words(make_bind_ack({{}})), make_bind_ack({{}})));
    EXPECT_EQ(talk.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n") << piece;
  }
}

TEST_F(Smb1, SurvivesChainsThatGoInCircles) {
  for (const unsigned offset : {0u, 1u, 31u, 32u, 33u, 0xffffu}) {
    SmbTalk talk;
    talk.client(
        make_smb1({Smb1Command::nt_create_andx},
                  andx(static_cast<unsigned>(Smb1Command::nt_create_andx), offset).zeros(44).take(),
                  aligned(unicode("\\samr"))));
    EXPECT_EQ(talk.text(), "");
    EXPECT_LE(talk.statistics().smb_messages, 2u) << offset;
  }
}

// [MS-CIFS] 2.2.4.22, 2.2.4.25: data without any header, announced by a request.
TEST_F(Smb1, ReadsRawData) {
  connect_tree();
  open(aligned(unicode("\\samr")));
  write(make_bind({{0, kSamr}}));
  ask({Smb1Command::read_raw}, ByteWriter().u16(kFile).zeros(14).take());
  talk_.server(make_bind_ack({{}}));
  const ByteVector call = request(2);
  ask({Smb1Command::write_raw}, ByteWriter()
                                    .u16(kFile)
                                    .u16(static_cast<unsigned>(call.size()))
                                    .zeros(16)
                                    .u16(0)
                                    .u16(0)
                                    .take());
  answer({Smb1Command::write_raw}, ByteWriter().u16(0xffff).take());
  talk_.client(call);
  read(response(2));
  EXPECT_EQ(talk_.text(), kOneCall);
}

TEST_F(Smb1, TakesAnErrorForWhatItIsWhereRawDataWasAnnounced) {
  connect_tree();
  open(aligned(unicode("\\samr")));
  bind();
  ask({Smb1Command::write_raw}, ByteWriter().u16(kFile).u16(100).zeros(16).u16(0).u16(0).take());
  answer({.command = Smb1Command::write_raw, .status = 1}, {});
  transact(request(2), response(2));
  EXPECT_EQ(talk_.text(), kOneCall);
}

TEST_F(Smb1, TakesAFileNumberUsedAgainForAnotherPipe) {
  connect_tree();
  open(aligned(unicode("\\samr")));
  bind();
  close();
  open(aligned(unicode("\\drs")));
  bind();
  EXPECT_EQ(talk_.text(),
            "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n"
            "context 0 12345778/1.0 on \\PIPE\\drs accepted call 1\n");
}

TEST_F(Smb1, DoesNotLookForRpcInFiles) {
  connect_tree("A:");
  open(aligned(unicode("\\trace.pcap")), kFile, true, 0);
  write(make_bind({{0, kSamr}}));
  read(make_bind_ack({{}}));
  EXPECT_EQ(talk_.text(), "");
}

// The response to an open says what was opened, even where the tree is not known.
TEST_F(Smb1, KnowsFilesFromPipesByTheirType) {
  open(aligned(unicode("\\trace.pcap")), kFile, true, 0);
  open(aligned(unicode("\\samr")), kFile + 1, true, 2);
  write(make_bind({{0, kSamr}}), 0, kFile + 1);
  EXPECT_EQ(talk_.text(), "context 0 12345778/1.0 on \\PIPE\\samr unanswered call 1\n");
}

TEST_F(Smb1, FindsRpcWhoseOpeningWasMissedAndCallsItsPipeUnknown) {
  bind();
  EXPECT_EQ(talk_.text(), "context 0 12345778/1.0 on ? accepted call 1\n");
}

// [MS-CIFS] 2.2.4.53: names beside the passwords; a guest is told by the response.
TEST_F(Smb1, NamesTheUserOfTheSession) {
  const ByteVector passwords(24 + 24);
  ask({.command = Smb1Command::session_setup_andx, .user_id = 0},
      andx().zeros(10).u16(24).u16(24).zeros(8).take(),
      join({passwords, ByteVector(1), unicode("alice"), unicode("CORP"), unicode("Unix")}));
  answer({Smb1Command::session_setup_andx}, andx().u16(1).take());
  connect_tree();
  open(aligned(unicode("\\samr")));
  bind();
  EXPECT_EQ(talk_.text(),
            "context 0 12345778/1.0 on \\PIPE\\samr accepted as CORP\\alice call 1\n");
}

TEST_F(Smb1, KnowsTheNullSession) {
  ask({.command = Smb1Command::session_setup_andx, .user_id = 0},
      andx().zeros(10).u16(0).u16(0).zeros(8).take(),
      join({ByteVector(1), unicode(""), unicode("")}));
  answer({Smb1Command::session_setup_andx}, andx().u16(0).take());
  connect_tree();
  open(aligned(unicode("\\samr")));
  bind();
  EXPECT_EQ(talk_.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted null session call 1\n");
}

TEST_F(Smb1, NamesTheUserInAToken) {
  const ByteVector token = make_ntlm("CORP", "bob");
  ask({.command = Smb1Command::session_setup_andx, .user_id = 0},
      andx().zeros(10).u16(static_cast<unsigned>(token.size())).zeros(8).take(), token);
  answer({Smb1Command::session_setup_andx}, andx().u16(0).u16(0).take());
  connect_tree();
  open(aligned(unicode("\\samr")));
  bind();
  EXPECT_EQ(talk_.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted as CORP\\bob call 1\n");
}

// Some servers do not give the high half of the process id back.
TEST_F(Smb1, FindsItsRequestByTheLowHalfOfTheProcessId) {
  connect_tree();
  ByteVector ask = make_smb1({.command = Smb1Command::nt_create_andx, .multiplex_id = 90},
                             andx().zeros(44).take(), aligned(unicode("\\samr")));
  ask[12] = std::byte{0xf0};
  talk_.client(ask);
  talk_.server(
      make_smb1({.command = Smb1Command::nt_create_andx, .response = true, .multiplex_id = 90},
                andx().u8(0).u16(kFile).zeros(56).u16(2).zeros(3).take()));
  bind();
  EXPECT_EQ(talk_.text(), "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n");
}

}  // namespace
}  // namespace rpcaudit::dissect
