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

// Commands and sizes of MS-SMB2 2.2.
constexpr std::uint16_t kSmbNegotiate = 0;
constexpr std::uint16_t kSmbRead = 8;
constexpr std::uint32_t kReadSize = 65536;
constexpr std::uint32_t kReads = 16;

class SmbScript final : public Script {
 public:
  explicit SmbScript(std::uint64_t number) noexcept : session_(number) {}

  bool next(Message& message) override {
    const std::uint32_t turn = turn_++;
    const std::uint32_t exchange = turn / 2;
    if (exchange > kReads) return false;
    const bool is_request = turn % 2 == 0;
    message.from = is_request ? Side::client : Side::server;
    WireBuffer body;
    if (exchange == 0) {
      is_request ? negotiate_request(body) : negotiate_response(body);
    } else {
      is_request ? read_request(body, exchange - 1) : read_response(body);
      if (!is_request) message.filler = kReadSize;
    }
    WireBuffer out;
    constexpr std::size_t kHeaderSize = 64;
    out.u32_big(kHeaderSize + body.size() + message.filler);  // NBSS: type 0, 24 bits of length
    put_header(out, exchange == 0 ? kSmbNegotiate : kSmbRead, is_request, exchange);
    out.bytes(body.view());
    message.head = out.take();
    return true;
  }

 private:
  void put_header(WireBuffer& out, std::uint16_t command, bool is_request,
                  std::uint32_t exchange) const {
    out.u32_big(0xfe534d42);
    out.u16(64);
    out.u16(1);
    out.u32(0);
    out.u16(command);
    out.u16(1);
    out.u32(is_request ? 0 : 1);
    out.u32(0);
    out.u64(exchange);
    out.u32(0xfeff);
    out.u32(exchange == 0 ? 0 : 1);
    out.u64(exchange == 0 ? 0 : session_);
    out.zeros(16);
  }

  static void negotiate_request(WireBuffer& out) {
    out.u16(36);
    out.u16(1);  // one dialect
    out.u16(1);
    out.zeros(2 + 4 + 16 + 8);
    out.u16(0x0210);
  }

  static void negotiate_response(WireBuffer& out) {
    out.u16(65);
    out.u16(1);
    out.u16(0x0210);
    out.u16(0);
    out.zeros(16);
    out.u32(0);
    out.u32(kReadSize);
    out.u32(kReadSize);
    out.u32(kReadSize);
    out.zeros(16);
    out.u16(128);
    out.u16(0);
    out.u32(0);
    out.u8(0);
  }

  static void read_request(WireBuffer& out, std::uint64_t index) {
    out.u16(49);
    out.u8(0x50);
    out.u8(0);
    out.u32(kReadSize);
    out.u64(index * kReadSize);
    out.u64(0x11);
    out.u64(0x22);
    out.zeros(4 + 4 + 4 + 2 + 2 + 1);
  }

  static void read_response(WireBuffer& out) {
    out.u16(17);
    out.u8(0x50);
    out.u8(0);
    out.u32(kReadSize);
    out.u64(0);
  }

  std::uint64_t session_;
  std::uint32_t turn_ = 0;
};

}  // namespace

std::unique_ptr<Script> make_http_script(std::uint64_t number) {
  return std::make_unique<HttpScript>(number);
}

std::unique_ptr<Script> make_tls_script(std::uint64_t number) {
  return std::make_unique<TlsScript>(number);
}

std::unique_ptr<Script> make_smb_script(std::uint64_t number) {
  return std::make_unique<SmbScript>(number);
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

}  // namespace rpcaudit::bench
