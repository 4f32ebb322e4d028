#include <gtest/gtest.h>

#include <string_view>

#include "dissect/dissector.h"
#include "tests/support/datagram_frames.h"
#include "tests/support/recording_observer.h"
#include "tests/support/rpc_bytes.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;
using namespace std::string_view_literals;

ByteVector bytes_of(std::string_view text) {
  ByteVector bytes;
  for (const char c : text) bytes.push_back(static_cast<std::byte>(c));
  return bytes;
}

ByteVector joined(std::string_view head, const ByteVector& body) {
  ByteVector bytes = bytes_of(head);
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

std::string told_of(const FrameList& list, DissectStatistics& statistics) {
  const Limits limits;
  RecordingObserver observer;
  Dissector dissector(limits, observer, 1);
  for (const Frame& frame : list.frames()) {
    dissector.process({&frame, 1});
    dissector.advance({&frame, 1});
  }
  dissector.finish();
  statistics = dissector.statistics();
  EXPECT_EQ(observer.complaints(), "");
  return observer.text();
}

// What Windows hosts say besides RPC, with whole PDUs inside where that protocol could carry them.
struct Lookalike {
  const char* name;
  ByteVector question;
  ByteVector answer;
};

std::vector<Lookalike> stream_lookalikes() {
  const ByteVector pdus = make_bind({{0, kSamr}});
  return {
      {"WinRM, messages encrypted by Negotiate ([MS-WSMV] 2.2.9.1)",
       joined("POST /wsman?PSVersion=5.1 HTTP/1.1\r\nHost: srv:5985\r\nContent-Type: "
              "multipart/encrypted;protocol=\"application/HTTP-SPNEGO-session-encrypted\"\r\n"
              "Content-Length: 200\r\n\r\n--Encrypted Boundary\r\n\tContent-Type: "
              "application/octet-stream\r\n",
              pdus),
       joined("HTTP/1.1 200 \r\nServer: Microsoft-HTTPAPI/2.0\r\nContent-Length: 72\r\n\r\n",
              pdus)},
      {"MAPI over HTTP ([MS-OXCMAPIHTTP] 2.2.2.1)",
       joined("POST /mapi/emsmdb/?MailboxId=1@corp.example HTTP/1.1\r\nX-RequestType: Execute\r\n"
              "Content-Type: application/mapi-http\r\nContent-Length: 72\r\n\r\n",
              pdus),
       joined("HTTP/1.1 200 OK\r\nX-RequestType: Execute\r\nContent-Length: 72\r\n\r\n"
              "PROCESSING\r\nDONE\r\n\r\n",
              pdus)},
      {"an LDAP bind by NTLM (RFC 4511)",
       joined("\x30\x4c\x02\x01\x01\x60\x47\x02\x01\x03\x04", pdus),
       joined("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01", pdus)},
  };
}

TEST(Lookalikes, StreamsOfOtherProtocolsGiveNoRecord) {
  for (const Lookalike& row : stream_lookalikes()) {
    TcpPeers peers;
    FrameList list;
    list.add(peers.syn());
    list.add(peers.syn_ack());
    for (int i = 0; i < 3; ++i) {
      for (const Segment& segment : peers.say(true, row.question, 100)) list.add(segment);
      for (const Segment& segment : peers.say(false, row.answer, 100)) list.add(segment);
    }
    DissectStatistics statistics;
    EXPECT_EQ(told_of(list, statistics), "") << row.name;
    EXPECT_EQ(statistics.flows_rpc + statistics.flows_http, 0u) << row.name;
  }
}

struct DatagramLookalike {
  const char* name;
  std::uint16_t port;
  ByteVector payload;
};

std::vector<DatagramLookalike> datagram_lookalikes() {
  // RFC 1002 4.4.2 with [MS-CIFS] 2.2.4.33.1 and [MS-BRWS] 2.2.1 inside.
  const ByteVector mailslot = joined(
      "\x11\x0a\x80\x01\x0a\x4d\x00\x02\x00\x8a\x00\xbb\x00\x00\x20"
      " EHFDFCCACACACACACACACACACACACAAA\0"
      " FHEPFCELEHFCEPFFFACACACACACACABN\0"
      "\xffSMB\x25\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\\MAILSLOT\\BROWSE\0"sv,
      make_bind({{0, kSamr}}));
  ByteVector heartbeat = bytes_of("\x04\x00\x00\x00\x20\x00\x00\x00\x01"sv);
  heartbeat.resize(112);
  return {
      {"a mailslot", 138, mailslot},
      {"a heartbeat between nodes of a cluster", 3343, heartbeat},
      {"a stream's PDU in a datagram", 135, make_bind({{0, kSamr}})},
  };
}

TEST(Lookalikes, DatagramsOfOtherProtocolsGiveNoRecord) {
  for (const DatagramLookalike& row : datagram_lookalikes()) {
    FrameList list;
    const UdpDatagram question{0x0a4d0002, 0x0a4d0001, row.port, row.port, row.payload};
    list.add(make_udp_frame(question));
    list.add(make_udp_frame(answer_to(question, row.payload)));
    DissectStatistics statistics;
    EXPECT_EQ(told_of(list, statistics), "") << row.name;
    EXPECT_EQ(statistics.udp_datagrams, 2u) << row.name;
  }
}

// The frame as another mirrored port of the same switch shows it: IEEE 802.1Q 9.3.
ByteVector tagged(const Frame& frame) {
  ByteVector bytes(frame.bytes.begin(), frame.bytes.end());
  const ByteVector tag = ByteWriter(std::endian::big).u16(0x8100).u16(0x0064).take();
  bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
  return bytes;
}

FrameList mirrored(const FrameList& list) {
  FrameList twice;
  for (const Frame& frame : list.frames()) {
    twice.add(ByteVector(frame.bytes.begin(), frame.bytes.end()));
    twice.add(tagged(frame));
  }
  return twice;
}

TEST(Lookalikes, AMirrorThatShowsFramesTwiceShowsEachCallOnce) {
  TcpPeers peers;
  FrameList list;
  list.add(peers.syn());
  list.add(peers.syn_ack());
  const auto say = [&](bool client, const ByteVector& message) {
    for (const Segment& segment : peers.say(client, message, 50)) list.add(segment);
  };
  say(true, make_bind({{0, kSamr}}));
  say(false, make_bind_ack({{}}));
  for (std::uint32_t call_id = 2; call_id < 5; ++call_id) {
    say(true, make_request({0, 1}, {.call_id = call_id}));
    say(false, make_response(0, {.call_id = call_id}));
  }
  const UdpDatagram question{.payload = make_datagram({})};
  list.add(make_udp_frame(question));
  list.add(make_udp_frame(answer_to(question, make_datagram({.type = DatagramType::response}))));

  DissectStatistics once;
  DissectStatistics twice;
  const std::string text = told_of(list, once);
  EXPECT_EQ(once.calls, 4u);
  EXPECT_EQ(told_of(mirrored(list), twice), text);
  EXPECT_EQ(twice.calls, 4u);
}

}  // namespace
}  // namespace rpcaudit::dissect
