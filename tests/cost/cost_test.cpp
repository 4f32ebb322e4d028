// What a PDU costs does not depend on how full tables are, also where somebody fills them in the
// order that is worst for them: steps are counted, not time.

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "dissect/dissector.h"
#include "dissect/store/unfinished_streams.h"
#include "tests/cost/step_counter.h"
#include "tests/support/datagram_frames.h"
#include "tests/support/rpc_bytes.h"
#include "tests/support/silent_observer.h"
#include "tests/support/smb_bytes.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr std::uint32_t kFull = 6'000;   // more entries than tables have
constexpr std::uint32_t kEmpty = 40;     // entries before the first that is counted
constexpr std::uint32_t kCounted = 100;  // entries that are counted together
constexpr std::uint32_t kTimesMost = 4;  // a full table costs at most so many times an empty one

Limits small_tables() {
  Limits limits;
  limits.rpc_connections = limits.smb_sessions = limits.smb_pipes = limits.smb_requests = 2048;
  limits.smb_writes = limits.smb_write_pieces = limits.tcp_openings = limits.contexts = 4096;
  limits.pending_calls = limits.pending_proposals = limits.datagram_activities = 4096;
  limits.datagram_contexts = 4096;
  limits.datagram_calls = 2048;
  limits.smb_header_buffers = limits.ip_fragment_chains = 256;
  limits.pdu_buffers = 512;
  limits.reorder_bytes = limits.recent_bytes = limits.ip_fragment_bytes = std::size_t{4} << 20;
  limits.flows = 16384;
  return limits;
}

// Segments between two hosts, of which the addresses and ports follow from a number.
class Hosts {
 public:
  Segment client(std::uint32_t number, const ByteVector& payload, std::uint32_t sequence = 1000) {
    Segment segment;
    segment.source = 0x0a000000 + number / 40'000;
    segment.source_port = static_cast<std::uint16_t>(1024 + number % 40'000);
    segment.sequence = sequence;
    segment.acknowledgment = 5000;
    segment.payload = payload;
    return segment;
  }
};

// What fills a table: frames before all others, and those of the n-th entry.
struct Flood {
  std::string name;
  std::function<void(FrameList& frames)> begin = [](FrameList&) {};
  std::function<void(std::uint32_t n, FrameList& frames)> entry;
};

// A connection on which one side after the other speaks.
struct Talk {
  TcpPeers peers{40000};

  void begin(FrameList& frames) {
    peers = TcpPeers(40000);
    for (const Segment& segment : {peers.syn(), peers.syn_ack(), peers.ack(true)}) {
      frames.add(segment);
    }
  }
  void say(FrameList& frames, bool client, const ByteVector& message) {
    for (const Segment& segment : peers.say(client, message)) frames.add(segment);
  }
  void bind(FrameList& frames) {
    begin(frames);
    say(frames, true, make_bind({{0, kSamr}}));
    say(frames, false, make_bind_ack({{}}));
  }
  // One of an SMB session with a tree of pipes.
  void log_on(FrameList& frames) {
    begin(frames);
    smb(frames, true, Smb2Command::session_setup, smb2_setup_request(make_ntlm("CORP", "alice")));
    smb(frames, false, Smb2Command::session_setup, smb2_setup_response(0));
    smb(frames, true, Smb2Command::tree_connect, smb2_tree_request("\\\\dc\\IPC$"));
    smb(frames, false, Smb2Command::tree_connect, smb2_tree_response(2));
  }
  void smb(FrameList& frames, bool client, Smb2Command command, const ByteVector& body,
           Smb2Shape shape = {}) {
    shape.command = command;
    if (client) ++message_id;
    shape.message_id = message_id;
    shape.response = !client;
    say(frames, client, framed(make_smb2(shape, body)));
  }

  std::uint64_t message_id = 0;
};

std::uint16_t half(std::uint32_t n) { return static_cast<std::uint16_t>(n); }

std::vector<Flood> rpc_floods(Talk& talk) {
  const auto bind = [&talk](FrameList& frames) { talk.bind(frames); };
  return {
      {"contexts", bind,
       [&](std::uint32_t n, FrameList& frames) {
         talk.say(frames, true, make_pdu(PduType::alter_context, {.call_id = n}, {}));
         talk.say(frames, true, make_bind({{half(n + 1), kDrsuapi}}, {.call_id = n}));
         talk.say(frames, false, make_bind_ack({{}}, {.call_id = n}));
       }},
      {"refused contexts", bind,
       [&](std::uint32_t n, FrameList& frames) {
         talk.say(frames, true, make_bind({{half(n + 1), kDrsuapi}}, {.call_id = n}));
         talk.say(frames, false, make_bind_ack({{2, 2}}, {.call_id = n}));
       }},
      {"open calls", bind,
       [&](std::uint32_t n, FrameList& frames) {
         talk.say(frames, true, make_request({0, 1, {}, 0}, {.call_id = n + 2}));
       }},
      {"open calls, and answers that nobody waits for", bind,
       [&](std::uint32_t n, FrameList& frames) {
         talk.say(frames, true, make_request({0, 1, {}, 0}, {.call_id = n + 2}));
         talk.say(frames, false, make_bind_ack({{}}, {.call_id = 0x7000'0000 + n}));
       }},
      {"proposals without an answer", bind,
       [&](std::uint32_t n, FrameList& frames) {
         talk.say(frames, true, make_bind({{half(n), kDrsuapi}}, {.call_id = n + 2}));
       }},
      {"open calls of one number", bind,
       [&](std::uint32_t, FrameList& frames) {
         talk.say(frames, true, make_request({0, 1, {}, 0}, {.call_id = 7}));
       }},
      {"binds on connections of their own",
       {},
       [](std::uint32_t n, FrameList& frames) {
         frames.add(Hosts().client(n, make_bind({{0, kSamr}})));
       }},
  };
}

std::vector<Flood> tcp_floods(Talk& talk) {
  return {
      {"SYNs",
       {},
       [](std::uint32_t n, FrameList& frames) {
         Segment syn = Hosts().client(n, {});
         syn.flags = 2;
         frames.add(syn);
       }},
      {"pieces behind a hole", [&](FrameList& frames) { talk.bind(frames); },
       [&](std::uint32_t n, FrameList& frames) {
         std::vector<Segment> said = talk.peers.say(true, make_request({0, 1, {}, 0}));
         said[0].sequence += 100 + 10 * n;
         frames.add(said[0]);
       }},
      {"pieces behind holes, from both ends", [&](FrameList& frames) { talk.bind(frames); },
       [](std::uint32_t n, FrameList& frames) {
         // Where an ordered list is walked the longest, whichever end the walk begins at.
         const std::uint32_t place = n % 2 == 0 ? n / 2 : 200 - n / 2 % 100;
         Segment segment = Hosts().client(0, ByteVector(4), 2000 + 20 * (place % 200));
         segment.source = 0x0a4d0002;
         segment.source_port = 40000;
         frames.add(segment);
       }},
      {"halves of PDUs",
       {},
       [](std::uint32_t n, FrameList& frames) {
         ByteVector bind = make_bind({{0, kSamr}});
         bind.resize(bind.size() - 4);
         frames.add(Hosts().client(n, bind));
       }},
      {"halves of PDUs, the latest first completed",
       {},
       [](std::uint32_t n, FrameList& frames) {
         const ByteVector bind = make_bind({{0, kSamr}});
         const ByteVector front(bind.begin(), bind.begin() + 40);
         const ByteVector back(bind.begin() + 40, bind.end());
         frames.add(Hosts().client(n, front));
         if (n % 2 == 1) frames.add(Hosts().client(n, back, 1040));
       }},
      {"fragments of datagrams",
       {},
       [](std::uint32_t n, FrameList& frames) {
         const Segment segment = Hosts().client(0, ByteVector(64));
         frames.add(make_ethernet(segment, half(n), 48).front());
       }},
      {"fragments of one datagram, from both ends",
       {},
       [](std::uint32_t n, FrameList& frames) {
         static const std::vector<ByteVector> kAll =
             make_ethernet(Hosts().client(0, ByteVector(60'000)), 1, 120);
         const std::size_t place = n % 500;
         frames.add(kAll[place % 2 == 0 ? place / 2 : 500 - place / 2]);
       }},
  };
}

std::vector<Flood> smb_floods(Talk& talk) {
  const auto log_on = [&talk](FrameList& frames) { talk.log_on(frames); };
  return {
      {"pipes that are opened", log_on,
       [&](std::uint32_t n, FrameList& frames) {
         talk.smb(frames, true, Smb2Command::create, smb2_create_request("samr"));
         talk.smb(frames, false, Smb2Command::create, smb2_create_response(n + 2));
       }},
      {"opens without an answer", log_on,
       [&](std::uint32_t, FrameList& frames) {
         talk.smb(frames, true, Smb2Command::create, smb2_create_request("samr"));
       }},
      {"sessions", log_on,
       [&](std::uint32_t n, FrameList& frames) {
         talk.smb(frames, true, Smb2Command::session_setup,
                  smb2_setup_request(make_ntlm("CORP", "alice")), {.session_id = n + 5});
         talk.smb(frames, false, Smb2Command::session_setup, smb2_setup_response(0),
                  {.session_id = n + 5});
       }},
      {"trees", log_on,
       [&](std::uint32_t n, FrameList& frames) {
         talk.smb(frames, true, Smb2Command::tree_connect, smb2_tree_request("\\\\dc\\IPC$"));
         talk.smb(frames, false, Smb2Command::tree_connect, smb2_tree_response(2),
                  {.tree_id = n + 2});
       }},
      {"writes without an answer, to pipes of their own", log_on,
       [&](std::uint32_t n, FrameList& frames) {
         talk.smb(frames, true, Smb2Command::create, smb2_create_request("samr"));
         talk.smb(frames, false, Smb2Command::create, smb2_create_response(n + 2));
         talk.smb(frames, true, Smb2Command::write,
                  smb2_write_request(n + 2, make_bind({{0, kSamr}})));
       }},
      {"halves of headers",
       {},
       [](std::uint32_t n, FrameList& frames) {
         ByteVector half_header =
             framed(make_smb2({.command = Smb2Command::create}, smb2_create_request("samr")));
         half_header.resize(40);
         frames.add(Hosts().client(n, half_header));
       }},
  };
}

std::vector<Flood> datagram_floods() {
  const auto request = [](std::uint32_t n, std::uint32_t sequence, bool own_activity) {
    DatagramShape shape;
    shape.sequence = sequence;
    if (own_activity) std::memcpy(shape.activity.bytes.data(), &n, sizeof n);
    UdpDatagram datagram;
    datagram.payload = make_datagram(shape, ByteVector(8));
    return make_udp_frame(datagram);
  };
  return {
      {"activities",
       {},
       [=](std::uint32_t n, FrameList& frames) { frames.add(request(n, 0, true)); }},
      {"calls of one activity",
       {},
       [=](std::uint32_t n, FrameList& frames) { frames.add(request(0, n, false)); }},
      {"interfaces of datagrams",
       {},
       [](std::uint32_t n, FrameList& frames) {
         DatagramShape shape;
         shape.sequence = n;
         std::memcpy(shape.interface.uuid.bytes.data(), &n, sizeof n);
         UdpDatagram datagram;
         datagram.payload = make_datagram(shape, ByteVector(8));
         frames.add(make_udp_frame(datagram));
       }},
  };
}

// Steps that the entries behind the first `before` take.
std::uint64_t cost_behind(std::uint32_t before, const Flood& flood) {
  FrameList frames;
  if (flood.begin) flood.begin(frames);
  for (std::uint32_t n = 0; n < before; ++n) flood.entry(n, frames);
  const std::size_t counted_from = frames.size();
  for (std::uint32_t n = before; n < before + kCounted; ++n) flood.entry(n, frames);

  SilentObserver observer;
  Dissector dissector(small_tables(), observer, 1);
  std::uint64_t before_counted = 0;
  for (std::size_t at = 0; at < frames.size(); ++at) {
    if (at == counted_from) before_counted = steps_taken();
    dissector.process(frames.frames().subspan(at, 1));
    dissector.advance(frames.frames().subspan(at, 1));
  }
  return steps_taken() - before_counted;
}

void expect_even_cost(const std::vector<Flood>& floods) {
  for (const Flood& flood : floods) {
    const std::uint64_t empty = cost_behind(kEmpty, flood);
    const std::uint64_t full = cost_behind(kFull, flood);
    EXPECT_GT(empty, kCounted) << flood.name;
    EXPECT_LE(full, kTimesMost * empty) << flood.name;
    std::cout << "    " << flood.name << ": " << empty / kCounted << " steps, then "
              << full / kCounted << '\n';
  }
}

TEST(Cost, OfRpcDoesNotDependOnFullTables) {
  Talk talk;
  expect_even_cost(rpc_floods(talk));
}

TEST(Cost, OfTcpDoesNotDependOnFullTables) {
  Talk talk;
  expect_even_cost(tcp_floods(talk));
}

TEST(Cost, OfSmbDoesNotDependOnFullTables) {
  Talk talk;
  expect_even_cost(smb_floods(talk));
}

TEST(Cost, OfDatagramsDoesNotDependOnFullTables) { expect_even_cost(datagram_floods()); }

// The order that is worst for a sorted list: each stream is open since an earlier frame than all
// others, and the one in the middle ends.
std::uint64_t cost_of_streams(std::uint32_t before) {
  UnfinishedStreams streams(2 * kFull);
  std::uint64_t sequence = 1'000'000;
  const auto open_and_close = [&](std::uint32_t index) {
    streams.set(index, --sequence);
    streams.set(index / 2, 0);
    streams.set(index / 2, sequence + 500'000);
  };
  for (std::uint32_t index = 0; index < before; ++index) open_and_close(index);
  const std::uint64_t before_counted = steps_taken();
  for (std::uint32_t index = before; index < before + kCounted; ++index) open_and_close(index);
  return steps_taken() - before_counted;
}

TEST(Cost, OfUnfinishedStreamsDoesNotDependOnTheirNumber) {
  EXPECT_LE(cost_of_streams(kFull), kTimesMost * cost_of_streams(kEmpty));
}

}  // namespace
}  // namespace rpcaudit::dissect
