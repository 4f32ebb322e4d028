#include "bench/mixed_scripts.h"

#include <string>

namespace rpcaudit::bench {
namespace {

std::vector<std::uint8_t> to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

// Ten requests on one kept-alive connection, each answered with 4 to 60 KB.
class HttpScript final : public Script {
 public:
  explicit HttpScript(std::uint64_t number) noexcept : random_(number) {}

  bool next(Message& message) override {
    const std::uint32_t turn = turn_++;
    if (turn == 20) return false;
    if (turn % 2 == 0) {
      message.from = Side::client;
      message.head = to_bytes("GET /files/" + std::to_string(random_.below(100000)) +
                              " HTTP/1.1\r\nHost: intranet.example\r\nAccept: */*\r\n"
                              "User-Agent: Mozilla/5.0\r\nConnection: keep-alive\r\n\r\n");
      return true;
    }
    message.from = Side::server;
    message.filler = 4096 + random_.below(57344);
    message.head =
        to_bytes("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
                 std::to_string(message.filler) + "\r\n\r\n");
    return true;
  }

 private:
  Random random_;
  std::uint32_t turn_ = 0;
};

// A handshake's first records, then application data, mostly from the server.
class TlsScript final : public Script {
 public:
  explicit TlsScript(std::uint64_t number) noexcept : random_(number) {}

  bool next(Message& message) override {
    const std::uint32_t turn = turn_++;
    if (turn == 24) return false;
    message.from = turn % 2 == 0 ? Side::client : Side::server;
    const bool is_handshake = turn < 2;
    const std::uint32_t small = 100 + random_.below(400);
    message.filler = turn % 2 == 0 ? small : 2048 + random_.below(14336);
    WireBuffer out;
    out.u8(is_handshake ? 22 : 23);
    out.u16_big(turn == 0 ? 0x0301 : 0x0303);
    out.u16_big(message.filler + (is_handshake ? 4 : 0));
    if (is_handshake) {
      out.u8(turn + 1);  // client_hello, server_hello
      out.u24_big(message.filler);
    }
    message.head = out.take();
    return true;
  }

 private:
  Random random_;
  std::uint32_t turn_ = 0;
};

}  // namespace

std::unique_ptr<Script> make_http_script(std::uint64_t number) {
  return std::make_unique<HttpScript>(number);
}

std::unique_ptr<Script> make_tls_script(std::uint64_t number) {
  return std::make_unique<TlsScript>(number);
}

void write_dns(FrameWriter& writer, const Flow& flow, Side from, std::uint16_t id) {
  WireBuffer out;
  out.u16_big(id);
  out.u16_big(from == Side::client ? 0x0100 : 0x8180);
  out.u16_big(1);
  out.u16_big(from == Side::client ? 0 : 1);
  out.zeros(4);
  out.text(std::string_view("\3www\7example\0", 13));
  out.u16_big(1);
  out.u16_big(1);
  if (from == Side::server) {
    out.u16_big(0xc00c);
    out.u16_big(1);
    out.u16_big(1);
    out.u32_big(300);
    out.u16_big(4);
    out.u32_big(0xc0000201);
  }
  writer.udp(flow, from, out.view());
}

void write_large_datagram(FrameWriter& writer, const Flow& flow, Side from, std::uint64_t number) {
  Random random(number);
  WireBuffer out;
  out.u8(0x40 | random.below(64));
  while (out.size() < 1249) out.u64(random.next());
  writer.udp(flow, from, out.view());
}

void write_datagram_call(FrameWriter& writer, const Flow& flow, Side from, std::uint32_t sequence) {
  WireBuffer out;
  out.u8(4);
  out.u8(from == Side::client ? 0 : 2);
  out.u16_big(0);  // flags
  out.u32_big(0);  // big-endian, ASCII, IEEE floats
  out.zeros(16);
  // The PROFINET device interface, and an activity for each flow.
  for (const std::uint32_t word : {0xdea00001u, 0x6c9711d1u, 0x827100a0u, 0x2442df7du}) {
    out.u32_big(word);
  }
  for (const std::uint32_t word :
       {flow.client_address, 0x00001000u | flow.client_port, 0x80001234u, 0x5678'9abcu}) {
    out.u32_big(word);
  }
  out.u32_big(0);
  out.u32_big(1);
  out.u32_big(sequence);
  out.u16_big(2);
  out.u32_big(0xffffffff);
  out.u16_big(20);
  out.u32_big(0);
  out.zeros(20);
  writer.udp(flow, from, out.view());
}

}  // namespace rpcaudit::bench
