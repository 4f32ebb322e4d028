#include "bench/flood_traffic.h"

#include <array>
#include <span>
#include <utility>

#include "dissect/uuid.h"

namespace rpcaudit::bench {
namespace {

using Payload = std::vector<std::uint8_t>;

constexpr std::uint16_t kRpcPort = 49664;
constexpr std::uint16_t kSmbPort = 445;

// An interface of nobody's, which no policy names.
constexpr Uuid kInterface = uuid("5ab2e9b4-3d48-11d2-9ea4-80c5140aaa77");
constexpr Uuid kNdr = uuid("8a885d04-1ceb-11c9-9fe8-08002b104860");

// PDU types (C706 12.6.4).
constexpr std::uint8_t kRequest = 0;
constexpr std::uint8_t kResponse = 2;
constexpr std::uint8_t kBind = 11;
constexpr std::uint8_t kBindAck = 12;
constexpr std::uint8_t kAlterContext = 14;
constexpr std::uint8_t kAlterContextResponse = 15;

Flow flood_flow(std::uint64_t number, std::uint16_t server_port) {
  Flow flow;
  flow.client_address = 0x0a800000 + static_cast<std::uint32_t>(number % 0x7f0000) + 1;
  flow.server_address = 0xac140001;
  flow.client_port = static_cast<std::uint16_t>(20'000 + number / 0x7f0000 % 40'000);
  flow.server_port = server_port;
  flow.client_sequence = static_cast<std::uint32_t>(Random(number).next());
  flow.server_sequence = static_cast<std::uint32_t>(Random(~number).next());
  return flow;
}

void say(FrameWriter& writer, Flow& flow, Side from, const Payload& payload) {
  writer.tcp(flow, from, kAck | kPush, payload);
}

void open(FrameWriter& writer, Flow& flow) {
  writer.tcp(flow, Side::client, kSyn, {});
  writer.tcp(flow, Side::server, kSyn | kAck, {});
  writer.tcp(flow, Side::client, kAck, {});
}

// --- Connection-oriented RPC (C706 12.6) ---

void put_uuid(WireBuffer& out, const Uuid& uuid) {
  constexpr std::array<std::size_t, 16> kOrder{3, 2, 1,  0,  5,  4,  7,  6,
                                               8, 9, 10, 11, 12, 13, 14, 15};
  for (const std::size_t at : kOrder) out.u8(uuid.bytes[at]);
}

Payload make_pdu(std::uint8_t type, std::uint64_t call_id, std::span<const std::uint8_t> body) {
  WireBuffer out;
  out.u16(5);
  out.u8(type);
  out.u8(0x03);   // first and last fragment
  out.u32(0x10);  // little endian, ASCII, IEEE
  out.u16(16 + body.size());
  out.u16(0);
  out.u32(call_id);
  out.bytes(body);
  return out.take();
}

// A bind or an alter_context that proposes `count` contexts, numbered from `first`.
Payload make_proposal(std::uint8_t type, std::uint64_t call_id, std::uint64_t first,
                      std::uint64_t count) {
  WireBuffer body;
  body.u16(5840);
  body.u16(5840);
  body.u32(0);
  body.u32(count);
  for (std::uint64_t id = first; id < first + count; ++id) {
    body.u16(id);
    body.u16(1);
    put_uuid(body, kInterface);
    body.u32(1);
    put_uuid(body, kNdr);
    body.u32(2);
  }
  return make_pdu(type, call_id, body.view());
}

Payload make_acceptance(std::uint8_t type, std::uint64_t call_id, std::uint64_t count) {
  WireBuffer body;
  body.u16(5840);
  body.u16(5840);
  body.u32(1);
  body.u32(0);  // no secondary address, and its padding
  body.u32(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    body.u32(0);
    put_uuid(body, kNdr);
    body.u32(2);
  }
  return make_pdu(type, call_id, body.view());
}

Payload make_call(std::uint8_t type, std::uint64_t call_id, std::size_t stub) {
  WireBuffer body;
  body.u32(stub);
  body.u16(0);
  body.u16(type == kRequest ? call_id % 30 : 0);
  body.zeros(stub);
  return make_pdu(type, call_id, body.view());
}

void bind(FrameWriter& writer, Flow& flow) {
  open(writer, flow);
  say(writer, flow, Side::client, make_proposal(kBind, 1, 0, 1));
  say(writer, flow, Side::server, make_acceptance(kBindAck, 1, 1));
}

// Connections that take turns; each is opened when its turn first comes.
class Turns {
 public:
  Turns(std::size_t count, std::uint16_t port, void (*open)(FrameWriter&, Flow&))
      : port_(port), open_(open), flows_(count), is_open_(count) {}

  Flow& next(FrameWriter& writer) {
    const std::size_t at = turn_++ % flows_.size();
    if (!is_open_[at]) {
      flows_[at] = flood_flow(at, port_);
      open_(writer, flows_[at]);
      is_open_[at] = true;
    }
    return flows_[at];
  }
  // Turns taken so far.
  [[nodiscard]] std::uint64_t count() const noexcept { return turn_; }

 private:
  std::uint16_t port_;
  void (*open_)(FrameWriter&, Flow&);
  std::vector<Flow> flows_;
  std::vector<bool> is_open_;
  std::uint64_t turn_ = 0;
};

// Calls `step` with the number of the turn.
template <class Step>
std::function<void(FrameWriter&)> counted(Step step) {
  return [step, number = std::uint64_t{0}](FrameWriter& writer) mutable { step(writer, number++); };
}

// Calls `step` with a connection of `count` that take turns, and the number of the turn.
template <class Step>
std::function<void(FrameWriter&)> in_turn(std::size_t count, Step step,
                                          std::uint16_t port = kRpcPort,
                                          void (*open)(FrameWriter&, Flow&) = bind) {
  return [step, turns = Turns(count, port, open)](FrameWriter& writer) mutable {
    Flow& flow = turns.next(writer);
    step(writer, flow, turns.count());
  };
}

// --- Floods below RPC ---

void send_syn(FrameWriter& writer, std::uint64_t number) {
  Flow flow = flood_flow(number, kRpcPort);
  writer.tcp(flow, Side::client, kSyn, {});
}

void leave_open(FrameWriter& writer, std::uint64_t number) {
  Flow flow = flood_flow(number, kRpcPort);
  open(writer, flow);
}

// A byte of a request of 516 bytes, and at its end the answer.
void send_byte(FrameWriter& writer, Flow& flow, std::uint64_t turn, std::size_t connections) {
  const std::uint64_t byte = (turn - 1) / connections;
  const Payload request = make_call(kRequest, 2 + byte / 516, 492);
  const std::size_t at = byte % request.size();
  writer.tcp(flow, Side::client, kAck | kPush, std::span(request).subspan(at, 1));
  if (at + 1 == request.size()) {
    say(writer, flow, Side::server, make_call(kResponse, 2 + byte / 516, 8));
  }
}

// A piece of a stream whose beginning never comes: each connection sends a hundred of them.
void send_piece(FrameWriter& writer, std::uint64_t number) {
  constexpr std::uint64_t kPieces = 100;
  Flow flow = flood_flow(number / kPieces, kRpcPort);
  if (number % kPieces == 0) {
    bind(writer, flow);
  } else {
    flow.client_sequence += 1 + 72 + 1000 + 200 * static_cast<std::uint32_t>(number % kPieces);
    flow.server_sequence += 1;
  }
  flow.client_sequence += number % kPieces == 0 ? 500 : 0;
  say(writer, flow, Side::client, Payload(100, 5));
}

// The first fragment of a datagram of which no other follows.
void send_fragment(FrameWriter& writer, std::uint64_t number) {
  writer.first_fragment(flood_flow(number % 5000, kRpcPort), Side::client,
                        static_cast<std::uint16_t>(number), Payload(64, 4));
}

// --- Floods of RPC ---

void send_half_pdu(FrameWriter& writer, std::uint64_t number) {
  Flow flow = flood_flow(number, kRpcPort);
  bind(writer, flow);
  Payload half = make_call(kRequest, 2, 1000);
  half.resize(100);
  say(writer, flow, Side::client, half);
}

void send_bind(FrameWriter& writer, std::uint64_t number) {
  Flow flow = flood_flow(number, kRpcPort);
  open(writer, flow);
  say(writer, flow, Side::client, make_proposal(kBind, 1, 0, 1));
}

void propose(FrameWriter& writer, Flow& flow, std::uint64_t turn) {
  constexpr std::uint64_t kItems = 30;
  say(writer, flow, Side::client, make_proposal(kAlterContext, turn, turn * kItems, kItems));
  say(writer, flow, Side::server, make_acceptance(kAlterContextResponse, turn, kItems));
}

void call_in_vain(FrameWriter& writer, Flow& flow, std::uint64_t turn) {
  say(writer, flow, Side::client, make_call(kRequest, 100 + turn, 8));
}

// Answers to calls that nobody made, beside a few open ones.
void answer_nobody(FrameWriter& writer, Flow& flow, std::uint64_t turn) {
  if (turn % 50 == 0) say(writer, flow, Side::client, make_call(kRequest, 100 + turn, 8));
  const auto id = 0x4000'0000 + turn;
  say(writer, flow, Side::server,
      turn % 2 == 0 ? make_call(kResponse, id, 8) : make_acceptance(kBindAck, id, 1));
}

// A connectionless request of an activity of its own (C706 12.5).
void begin_activity(FrameWriter& writer, std::uint64_t number) {
  WireBuffer out;
  out.u16(4);
  out.u16(0);
  out.u32(0x10);
  put_uuid(out, {});
  put_uuid(out, kInterface);
  out.u64(number);
  out.u64(~number);
  out.u32(0);
  out.u32(1);
  out.u32(0);
  out.u16(number % 30);
  out.u32(0xffff'ffff);
  out.u16(16);
  out.u16(0);
  out.u16(0);
  out.zeros(16);
  writer.udp(flood_flow(number % 1000, 1025), Side::client, out.view());
}

// --- Floods of SMB2 ([MS-SMB2] 2.2) ---

Payload make_smb(std::uint16_t command, bool response, std::uint64_t message_id,
                 std::span<const std::uint8_t> body) {
  WireBuffer out;
  out.u32_big(64 + body.size());
  out.u32_big(0xfe534d42);
  out.u16(64);
  out.u16(1);
  out.u32(0);
  out.u16(command);
  out.u16(1);
  out.u32(response ? 1 : 0);
  out.u32(0);
  out.u64(message_id);
  out.u32(0xfeff);
  out.u32(5);
  out.u64(0x77);
  out.zeros(16);
  out.bytes(body);
  return out.take();
}

void connect_share(FrameWriter& writer, Flow& flow) {
  open(writer, flow);
  WireBuffer request;
  request.u16(9);
  request.u16(0);
  request.u16(64 + 8);
  request.u16(16);
  for (const char c : std::string_view("\\\\s\\IPC$")) request.u16(static_cast<unsigned char>(c));
  say(writer, flow, Side::client, make_smb(3, false, 1, request.view()));
  WireBuffer response;
  response.u16(16);
  response.u16(2);  // a share of pipes
  response.zeros(12);
  say(writer, flow, Side::server, make_smb(3, true, 1, response.view()));
}

void open_pipe(FrameWriter& writer, Flow& flow, std::uint64_t turn) {
  WireBuffer request;
  request.u16(57);
  request.zeros(42);
  request.u16(64 + 56);
  request.u16(12);
  request.zeros(8);
  for (const char c : std::string_view("srvsvc")) request.u16(static_cast<unsigned char>(c));
  say(writer, flow, Side::client, make_smb(5, false, 1 + turn, request.view()));
  WireBuffer response;
  response.u16(89);
  response.zeros(62);
  response.u64(turn);
  response.u64(turn);
  response.zeros(8);
  say(writer, flow, Side::server, make_smb(5, true, 1 + turn, response.view()));
}

void send_half_header(FrameWriter& writer, std::uint64_t number) {
  Flow flow = flood_flow(number, kSmbPort);
  open(writer, flow);
  Payload half = make_smb(0, false, 0, Payload(36));
  half.resize(40);
  say(writer, flow, Side::client, half);
}

}  // namespace

std::vector<Flood> make_floods() {
  constexpr std::size_t kSlowConnections = 200;
  const auto byte = [](FrameWriter& writer, Flow& flow, std::uint64_t turn) {
    send_byte(writer, flow, turn, kSlowConnections);
  };
  std::vector<Flood> floods;
  const auto add = [&](std::string_view name, std::string_view what,
                       std::function<void(FrameWriter&)> step) {
    floods.push_back({name, what, std::move(step)});
  };
  add("syn", "SYNs that nobody answers", counted(send_syn));
  add("half-open", "connections that are opened and then say nothing", counted(leave_open));
  add("one-byte", "calls on 200 connections, a byte a segment", in_turn(kSlowConnections, byte));
  add("pieces", "segments behind a hole that is never filled", counted(send_piece));
  add("fragments", "first fragments of IP datagrams that never end", counted(send_fragment));
  add("binds", "connections with a bind that nobody answers", counted(send_bind));
  add("half-pdus", "connections that stop within a request", counted(send_half_pdu));
  add("contexts", "presentation contexts, 30 at a time, on 100 connections", in_turn(100, propose));
  add("open-calls", "calls on 200 connections that nobody answers", in_turn(200, call_in_vain));
  add("answers", "answers to calls that nobody made", in_turn(200, answer_nobody));
  add("activities", "connectionless calls, each of its own activity", counted(begin_activity));
  add("smb-opens", "pipes opened on 50 connections and never closed",
      in_turn(50, open_pipe, kSmbPort, connect_share));
  add("half-headers", "connections that stop within an SMB2 header", counted(send_half_header));
  return floods;
}

}  // namespace rpcaudit::bench
