#include "bench/rpc_script.h"

#include <array>
#include <string_view>

#include "dissect/uuid.h"

namespace rpcaudit::bench {
namespace {

struct Interface {
  Uuid uuid;
  std::uint16_t version;
  std::uint16_t opnums;
};

constexpr std::array kInterfaces{
    Interface{uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 4, 28},  // drsuapi
    Interface{uuid("12345778-1234-abcd-ef00-0123456789ac"), 1, 68},  // samr
    Interface{uuid("12345778-1234-abcd-ef00-0123456789ab"), 0, 77},  // lsarpc
    Interface{uuid("367abb81-9844-35f1-ad32-98f038001003"), 2, 64},  // svcctl
    Interface{uuid("338cd001-2244-31f1-aaaa-900038001003"), 1, 35},  // winreg
    Interface{uuid("12345678-1234-abcd-ef00-01234567cffb"), 1, 49},  // netlogon
    Interface{uuid("4b324fc8-1670-01d3-1278-5a47bf6ee188"), 3, 58},  // srvsvc
    Interface{uuid("6bffd098-a112-3610-9833-46c3f87e345a"), 1, 31},  // wkssvc
    Interface{uuid("86d35949-83c9-4044-b424-db363231fd0c"), 1, 20},  // ITaskSchedulerService
    Interface{uuid("12345678-1234-abcd-ef00-0123456789ab"), 1, 96},  // spoolss
};
constexpr Uuid kNdr = uuid("8a885d04-1ceb-11c9-9fe8-08002b104860");
constexpr Uuid kNdr64 = uuid("71710533-beba-4937-8319-b5dbef9ccc36");
constexpr Uuid kFeatures = uuid("6cb71c2c-9812-4540-0300-000000000000");  // MS-RPCE 3.3.1.5.3

// PDU types (C706 12.6.4).
constexpr std::uint8_t kRequest = 0;
constexpr std::uint8_t kResponse = 2;
constexpr std::uint8_t kBind = 11;
constexpr std::uint8_t kBindAck = 12;

constexpr std::size_t kHeaderSize = 16;
constexpr std::size_t kCallPduSize = 340 - 54;  // fills a frame of 340 bytes

// A UUID as little-endian PDUs carry it: the first three fields reversed (C706 appendix A).
void put_uuid(WireBuffer& out, const Uuid& uuid) {
  constexpr std::array<std::size_t, 16> kOrder{3, 2, 1,  0,  5,  4,  7,  6,
                                               8, 9, 10, 11, 12, 13, 14, 15};
  for (const std::size_t at : kOrder) out.u8(uuid.bytes[at]);
}

void begin_pdu(WireBuffer& out, std::uint8_t type, std::uint32_t call_id) {
  out.u8(5);
  out.u8(0);
  out.u8(type);
  out.u8(0x03);   // first and last fragment
  out.u32(0x10);  // little endian, ASCII, IEEE
  out.u16(0);     // length, set by end_pdu
  out.u16(0);
  out.u32(call_id);
}

std::vector<std::uint8_t> end_pdu(WireBuffer& out) {
  out.set_u16(8, out.size());
  return out.take();
}

class RpcScript final : public Script {
 public:
  RpcScript(std::uint64_t number, std::uint32_t calls, std::uint64_t& requests) noexcept
      : interface_(kInterfaces[number / 2 % kInterfaces.size()]),
        offers_three_(number % 2 == 1),
        calls_(calls),
        requests_(requests) {}

  bool next(Message& message) override {
    const std::uint32_t turn = turn_++;
    message.from = turn % 2 == 0 ? Side::client : Side::server;
    if (turn == 0) {
      message.head = bind();
    } else if (turn == 1) {
      message.head = bind_ack();
    } else {
      const std::uint32_t call = turn / 2;
      if (call > calls_) return false;
      if (turn % 2 == 0) ++requests_;
      message.head = call_pdu(turn % 2 == 0 ? kRequest : kResponse, call + 1);
    }
    return true;
  }

 private:
  void put_item(WireBuffer& out, std::uint16_t id, const Uuid& transfer,
                std::uint32_t version) const {
    out.u16(id);
    out.u8(1);
    out.u8(0);
    put_uuid(out, interface_.uuid);
    out.u32(interface_.version);
    put_uuid(out, transfer);
    out.u32(version);
  }

  std::vector<std::uint8_t> bind() const {
    WireBuffer out;
    begin_pdu(out, kBind, 1);
    out.u16(5840);
    out.u16(5840);
    out.u32(0);
    out.u32(offers_three_ ? 3 : 1);
    put_item(out, 0, kNdr, 2);
    if (offers_three_) {
      put_item(out, 1, kNdr64, 1);
      put_item(out, 2, kFeatures, 1);
    }
    return end_pdu(out);
  }

  std::vector<std::uint8_t> bind_ack() const {
    WireBuffer out;
    begin_pdu(out, kBindAck, 1);
    out.u16(5840);
    out.u16(5840);
    out.u32(0x1234);
    out.u16(6);
    out.text(std::string_view("49664\0", 6));
    out.u32(offers_three_ ? 3 : 1);
    if (offers_three_) {
      out.u16(2);  // provider rejection: proposed transfer syntaxes not supported
      out.u16(2);
      out.zeros(20);
    }
    out.u32(0);
    put_uuid(out, offers_three_ ? kNdr64 : kNdr);
    out.u32(offers_three_ ? 1 : 2);
    if (offers_three_) {
      out.u16(3);  // negotiate_ack
      out.u16(3);
      out.zeros(20);
    }
    return end_pdu(out);
  }

  std::vector<std::uint8_t> call_pdu(std::uint8_t type, std::uint32_t call_id) const {
    WireBuffer out;
    begin_pdu(out, type, call_id);
    const std::size_t stub_size = kCallPduSize - kHeaderSize - 8;
    out.u32(stub_size);
    out.u16(offers_three_ ? 1 : 0);
    out.u16(type == kRequest ? call_id % interface_.opnums : 0);
    for (std::size_t i = 0; i < stub_size; ++i) out.u8(i * 31 + call_id);
    return end_pdu(out);
  }

  Interface interface_;
  bool offers_three_;
  std::uint32_t calls_;
  std::uint64_t& requests_;
  std::uint32_t turn_ = 0;
};

}  // namespace

std::unique_ptr<Script> make_rpc_script(std::uint64_t number, std::uint32_t calls,
                                        std::uint64_t& requests) {
  return std::make_unique<RpcScript>(number, calls, requests);
}

std::vector<std::string> script_interfaces() {
  std::vector<std::string> all;
  for (const Interface& interface : kInterfaces) {
    std::string& text = all.emplace_back();
    for (std::size_t i = 0; i < interface.uuid.bytes.size(); ++i) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
      text += kDigits[interface.uuid.bytes[i] >> 4];
      text += kDigits[interface.uuid.bytes[i] & 15];
    }
  }
  return all;
}

}  // namespace rpcaudit::bench
