// The commands of SMB1 that write to and read from pipes: each of them finds the same call.

#include <gtest/gtest.h>

#include "dissect/smb/messages/smb1_transaction_message.h"
#include "tests/support/smb_talk.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr std::uint16_t kFile = 0x4001;

ByteVector request(std::uint32_t id) { return make_request({0, 1}, {.call_id = id}); }
ByteVector response(std::uint32_t id) { return make_response(0, {.call_id = id}); }

const std::string kContext = "context 0 12345778/1.0 on \\PIPE\\samr accepted call 1\n";
const std::string kOneCall =
    kContext + "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n";

// One SMB1 connection on which \samr is open on IPC$; multiplex ids count up.
class Smb1Commands : public testing::Test {
 protected:
  Smb1Commands() {
    ask({Smb1Command::tree_connect_andx}, {andx().u16(0).u16(1).take(), ByteVector(20)});
    answer({Smb1Command::tree_connect_andx},
           {andx().u16(1).take(), ByteWriter().text("IPC").take()});
  }

  void ask(Smb1Shape shape, const Smb1Body& body) {
    shape.multiplex_id = ++multiplex_id_;
    talk_.client(make_smb1(shape, body.words, body.bytes));
  }
  void answer(Smb1Shape shape, const Smb1Body& body) {
    shape.multiplex_id = multiplex_id_;
    shape.response = true;
    talk_.server(make_smb1(shape, body.words, body.bytes));
  }
  void refuse(Smb1Command command) {
    constexpr std::uint32_t kStatusAccessDenied = 0xc000'0022;
    answer({.command = command, .status = kStatusAccessDenied}, {});
  }

  void open(std::uint16_t file = kFile) {
    ask({Smb1Command::nt_create_andx},
        {andx().zeros(44).take(), join({ByteVector(1), utf16("\\samr"), ByteVector(2)})});
    answer({Smb1Command::nt_create_andx},
           {andx().u8(0).u16(file).zeros(56).u16(2).zeros(3).take(), {}});
  }
  void write(const ByteVector& data, Smb1Command command = Smb1Command::write_andx) {
    ask({command}, smb1_write(command, kFile, data));
    answer({command}, smb1_written(command, data));
  }
  void read(const ByteVector& data, Smb1Command command = Smb1Command::read_andx) {
    ask({command}, smb1_read(command, kFile));
    answer({command}, smb1_data_read(command, data));
  }
  void bind() {
    write(make_bind({{0, kSamr}}));
    read(make_bind_ack({{}}));
  }
  void control(const ByteVector& in, const ByteVector& out,
               std::uint32_t code = kFsctlPipeTransceive) {
    ask({Smb1Command::nt_transact},
        smb1_nt_transact(kNtTransactIoctl, smb1_ioctl_setup(kFile, code), {}, in));
    answer({Smb1Command::nt_transact}, smb1_nt_transact_part({}, out));
  }
  void announce_raw_write(std::size_t size) {
    ask({Smb1Command::write_raw},
        {ByteWriter().u16(kFile).u16(static_cast<unsigned>(size)).zeros(20).take(), {}});
  }
  void grant_raw_write() {
    answer({Smb1Command::write_raw}, {ByteWriter().u16(0xffff).take(), {}});
  }

  SmbTalk talk_;
  std::uint16_t multiplex_id_ = 0;
};

TEST_F(Smb1Commands, ReadAndWriteThePipe) {
  constexpr Smb1Command kWrites[] = {Smb1Command::write, Smb1Command::write_and_unlock,
                                     Smb1Command::write_andx};
  constexpr Smb1Command kReads[] = {Smb1Command::read, Smb1Command::lock_and_read,
                                    Smb1Command::read_andx};
  std::uint32_t id = 1;
  std::string expected = kContext;
  open();
  bind();
  for (const Smb1Command written : kWrites) {
    for (const Smb1Command answered : kReads) {
      write(request(++id), written);
      read(response(id), answered);
      expected +=
          "call " + std::to_string(id) + " context 0 12345778/1.0 opnum 1 body 32 -> response\n";
    }
  }
  EXPECT_EQ(talk_.text(), expected);
}

TEST_F(Smb1Commands, ARefusedWriteIsNoCall) {
  for (const Smb1Command command :
       {Smb1Command::write, Smb1Command::write_and_unlock, Smb1Command::write_and_close}) {
    SCOPED_TRACE(static_cast<int>(command));
    open();
    bind();
    const std::uint64_t before = talk_.statistics().calls;
    ask({command}, smb1_write(command, kFile, request(3)));
    refuse(command);
    EXPECT_EQ(talk_.statistics().calls, before);
    write(request(2));  // the pipe is open all the same
    read(response(2));
    EXPECT_EQ(talk_.statistics().calls, before + 1);
  }
}

TEST_F(Smb1Commands, WriteAndCloseEndsThePipe) {
  open();
  bind();
  write(request(2), Smb1Command::write_and_close);
  const std::string expected =
      kContext + "call 2 context 0 12345778/1.0 opnum 1 body 32 -> unanswered\n";
  EXPECT_EQ(talk_.observer().text(), expected);
  EXPECT_EQ(talk_.text(), expected);
}

// Samba keeps the file open (source3/smbd, reply_writeclose).
TEST_F(Smb1Commands, WriteAndCloseOfNothingClosesNothing) {
  open();
  bind();
  write({}, Smb1Command::write_and_close);
  write(request(2));
  read(response(2));
  EXPECT_EQ(talk_.text(), kOneCall);
}

// [MS-CIFS] 2.2.7.2, [MS-FSCC] 2.3.48.
TEST_F(Smb1Commands, AnIoctlTransactsOnAPipe) {
  for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
    talk_.piecewise(piece);
    open();
    control(make_bind({{0, kSamr}}), make_bind_ack({{}}));
    control(request(2), response(2));
  }
  EXPECT_EQ(talk_.text(), kOneCall + kOneCall);
}

TEST_F(Smb1Commands, AnIoctlMayComeInParts) {
  open();
  bind();
  const ByteVector in = request(2);
  const ByteVector out = response(2);
  ask({Smb1Command::nt_transact},
      smb1_nt_transact(kNtTransactIoctl, smb1_ioctl_setup(kFile), {}, in, 7));
  answer({Smb1Command::nt_transact}, {});
  for (const auto& [from, part] : {std::pair<std::size_t, std::size_t>{7, 11}, {18, SIZE_MAX}}) {
    const Smb1Body body = smb1_nt_transact_part({}, in, from, part);
    talk_.client(
        make_smb1({.command = Smb1Command::nt_transact_secondary, .multiplex_id = multiplex_id_},
                  body.words, body.bytes));
  }
  answer({Smb1Command::nt_transact}, smb1_nt_transact_part({}, out, 0, 9));
  answer({Smb1Command::nt_transact}, smb1_nt_transact_part({}, out, 9));
  EXPECT_EQ(talk_.text(), kOneCall);
}

// A part that says that it lies beyond all the data is no part: no server takes it.
TEST_F(Smb1Commands, APartOutsideOfItsDataIsLeftOut) {
  open();
  bind();
  const ByteVector in = request(2);
  ask({Smb1Command::nt_transact},
      smb1_nt_transact(kNtTransactIoctl, smb1_ioctl_setup(kFile), {}, in, 7));
  Smb1Body beyond = smb1_nt_transact_part({}, in, 7);
  constexpr std::size_t kDisplacementAt = 31;
  for (std::size_t i = 0; i < 4; ++i) beyond.words[kDisplacementAt + i] = std::byte{0xff};
  talk_.client(
      make_smb1({.command = Smb1Command::nt_transact_secondary, .multiplex_id = multiplex_id_},
                beyond.words, beyond.bytes));
  EXPECT_EQ(talk_.statistics().smb_undecodable, 1u);
  EXPECT_EQ(talk_.observer().blind(BlindnessKind::gap), 0u);
}

// [MS-CIFS] 2.2.7.1: NT_TRANSACT_CREATE opens pipes as NT_CREATE_ANDX does.
TEST_F(Smb1Commands, NtTransactOpensAPipe) {
  for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
    talk_.piecewise(piece);
    ask({Smb1Command::nt_transact},
        smb1_nt_transact(kNtTransactCreate, {}, smb1_nt_create_parameters("\\samr"), {}));
    answer({Smb1Command::nt_transact},
           smb1_nt_transact_part(smb1_nt_created_parameters(kFile, 2), {}));
    bind();
    write(request(2));
    read(response(2));
  }
  EXPECT_EQ(talk_.text(), kOneCall + kOneCall);
}

TEST_F(Smb1Commands, NtTransactThatIsRefusedOpensNothing) {
  ask({Smb1Command::nt_transact},
      smb1_nt_transact(kNtTransactCreate, {}, smb1_nt_create_parameters("\\samr"), {}));
  refuse(Smb1Command::nt_transact);
  bind();
  EXPECT_EQ(talk_.text(), "context 0 12345778/1.0 on ? accepted call 1\n");
}

// Until the server answers, only what it says tells whether the data counts.
TEST_F(Smb1Commands, ARefusedRawWriteIsNoCall) {
  open();
  bind();
  const ByteVector call = request(3);
  ask({Smb1Command::write_raw}, {ByteWriter()
                                     .u16(kFile)
                                     .u16(static_cast<unsigned>(call.size()))
                                     .zeros(16)
                                     .u16(static_cast<unsigned>(call.size()))
                                     .u16(kSmb1BlockAt + 1 + 24 + 2)
                                     .take(),
                                 call});
  refuse(Smb1Command::write_raw);
  write(request(2));
  read(response(2));
  EXPECT_EQ(talk_.text(), kOneCall);
}

// [MS-CIFS] 2.2.4.32: the server says at the end what became of the data.
TEST_F(Smb1Commands, WriteCompleteRefusesRawData) {
  open();
  bind();
  announce_raw_write(request(3).size());
  grant_raw_write();
  talk_.client(request(3));
  refuse(Smb1Command::write_complete);
  write(request(2));
  read(response(2));
  EXPECT_EQ(talk_.text(), kOneCall);
}

// Once the server waits for raw data, it takes whatever comes.
TEST_F(Smb1Commands, RawDataMayLookLikeAMessage) {
  open();
  bind();
  const ByteVector call = make_request({0, 1, {}, 64}, {.call_id = 2});
  const ByteVector looks_like_smb =
      make_smb1({Smb1Command::close}, ByteWriter().u16(kFile).u32(0).take());
  constexpr std::size_t kFront = 24;
  ByteVector whole = call;
  std::copy_n(looks_like_smb.begin(), std::min<std::size_t>(looks_like_smb.size(), 64),
              whole.begin() + kFront);
  write(ByteVector(whole.begin(), whole.begin() + kFront));
  announce_raw_write(whole.size() - kFront);
  grant_raw_write();
  talk_.client(ByteVector(whole.begin() + kFront, whole.end()));
  read(response(2));
  EXPECT_EQ(talk_.text(), kContext + "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n");
}

// An empty message, or one that was lost, ends the wait for raw data.
TEST_F(Smb1Commands, RawDataMayBeEmptyOrLost) {
  open();
  bind();
  for (const bool lost : {false, true}) {
    announce_raw_write(100);
    grant_raw_write();
    lost ? (void)talk_.lose(Direction::forward, 104) : (void)talk_.client({});
    write(request(2));
    read(response(2));
  }
  EXPECT_EQ(talk_.statistics().calls, 2u);
  EXPECT_EQ(talk_.statistics().smb_undecodable, 0u);
}

TEST_F(Smb1Commands, WhatIsNotReadIsCountedByCommand) {
  constexpr std::uint32_t kFsctlPipeInternalWrite = 0x0011'9ff8;
  constexpr std::uint32_t kFsctlPipeWait = 0x0011'0018;
  struct Case {
    Smb1Command command;
    std::uint64_t DissectStatistics::*counter;
  };
  constexpr Case kCases[] = {
      {Smb1Command::read_mpx, &DissectStatistics::smb1_read_mpx_unread},
      {Smb1Command::write_mpx, &DissectStatistics::smb1_write_mpx_unread},
      {Smb1Command::ioctl, &DissectStatistics::smb1_ioctl_unread},
      {Smb1Command::read_bulk, &DissectStatistics::smb1_read_bulk_unread},
      {Smb1Command::write_bulk, &DissectStatistics::smb1_write_bulk_unread},
  };
  constexpr std::uint16_t kFiles = 9;
  ask({Smb1Command::tree_connect_andx}, {andx().u16(0).u16(1).take(), ByteVector(20)});
  answer({.command = Smb1Command::tree_connect_andx, .tree_id = kFiles},
         {andx().u16(1).take(), ByteWriter().text("A:").take()});
  for (const auto& [command, counter] : kCases) {
    SCOPED_TRACE(static_cast<int>(command));
    ask({.command = command, .tree_id = kFiles}, {ByteVector(24), {}});
    EXPECT_EQ(talk_.statistics().*counter, 0u);
    ask({command}, {ByteVector(24), {}});
    EXPECT_EQ(talk_.statistics().*counter, 1u);
  }
  open();
  control(request(2), {}, kFsctlPipeWait);
  EXPECT_EQ(talk_.statistics().smb1_nt_transact_unread, 0u);
  control(request(2), {}, kFsctlPipeInternalWrite);
  EXPECT_EQ(talk_.statistics().smb1_nt_transact_unread, 1u);
}

}  // namespace
}  // namespace rpcaudit::dissect
