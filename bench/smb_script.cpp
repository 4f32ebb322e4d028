#include "bench/smb_script.h"

#include <string_view>

#include "bench/rpc_script.h"

namespace rpcaudit::bench {
namespace {

// Commands of MS-SMB2 2.2.1.2.
enum Command : std::uint16_t {
  kNegotiate = 0,
  kSessionSetup = 1,
  kTreeConnect = 3,
  kCreate = 5,
  kRead = 8,
  kIoctl = 11,
};

constexpr std::uint32_t kHeaderSize = 64;
constexpr std::uint32_t kMoreProcessingRequired = 0xc0000016;
constexpr std::uint32_t kPipeTransceive = 0x0011c017;
constexpr std::uint32_t kReadSize = 65536;
constexpr std::uint32_t kReads = 16;
constexpr std::uint32_t kTree = 5;

void put_utf16(WireBuffer& out, std::string_view text) {
  for (const char c : text) out.u16(static_cast<unsigned char>(c));
}

void put_file_id(WireBuffer& out) {
  out.u64(0x11);
  out.u64(0x22);
}

// The three messages of an NTLM logon (MS-NLMP 2.2.1), as far as a reader of names needs them.
std::vector<std::uint8_t> ntlm_message(unsigned type) {
  constexpr std::string_view kDomain = "LAB";
  constexpr std::string_view kUser = "bench";
  WireBuffer out;
  out.u64(0x005053534d4c544e);  // "NTLMSSP", little-endian
  out.u32(type);
  if (type == 1) {
    out.u32(0x00088201);
    out.zeros(16);
  } else if (type == 2) {
    out.zeros(8);
    out.u32(0x00088201);
    out.u64(0x0123456789abcdef);
    out.zeros(16);
  } else {
    constexpr std::uint32_t kPayload = 64;
    std::uint32_t at = kPayload;
    const auto put_field = [&](std::size_t size) {
      out.u16(size);
      out.u16(size);
      out.u32(at);
      at += static_cast<std::uint32_t>(size);
    };
    put_field(24);
    put_field(24);
    put_field(2 * kDomain.size());
    put_field(2 * kUser.size());
    put_field(0);
    put_field(0);
    out.u32(0x00088201);
    for (unsigned i = 0; i < 48; ++i) out.u8(i + 1);
    put_utf16(out, kDomain);
    put_utf16(out, kUser);
  }
  return out.take();
}

// Plays the opening of a session, then what a derived class adds.
class SmbScript : public Script {
 public:
  bool next(Message& message) final {
    const std::uint32_t turn = turn_++;
    exchange_ = turn / 2;
    is_request_ = turn % 2 == 0;
    message.from = is_request_ ? Side::client : Side::server;
    message.filler = 0;
    WireBuffer body;
    std::uint16_t command = kNegotiate;
    std::uint32_t status = 0;
    switch (exchange_) {
      case 0: is_request_ ? negotiate_request(body) : negotiate_response(body); break;
      case 1:
      case 2:
        command = kSessionSetup;
        if (!is_request_ && exchange_ == 1) status = kMoreProcessingRequired;
        is_request_ ? setup_request(body) : setup_response(body);
        break;
      case 3:
        command = kTreeConnect;
        is_request_ ? tree_request(body) : tree_response(body);
        break;
      case 4:
        command = kCreate;
        is_request_ ? create_request(body) : create_response(body);
        break;
      default:
        command = work_command();
        if (!work(body, message.filler)) return false;
    }
    WireBuffer out;
    out.u32_big(kHeaderSize + body.size() + message.filler);  // RFC 1002: type 0, 24 bits of length
    put_header(out, command, status);
    out.bytes(body.view());
    message.head = out.take();
    return true;
  }

 protected:
  SmbScript(std::uint64_t number, std::string_view share, std::uint8_t share_type,
            std::string_view name) noexcept
      : session_(number + 1), share_(share), share_type_(share_type), name_(name) {}

  [[nodiscard]] virtual std::uint16_t work_command() const noexcept = 0;
  // The body of one message after the opening; false when all is done.
  [[nodiscard]] virtual bool work(WireBuffer& body, std::size_t& filler) = 0;

  [[nodiscard]] bool is_request() const noexcept { return is_request_; }
  // Counted from 0.
  [[nodiscard]] std::uint32_t work_exchange() const noexcept { return exchange_ - 5; }

 private:
  void put_header(WireBuffer& out, std::uint16_t command, std::uint32_t status) const {
    out.u32_big(0xfe534d42);
    out.u16(kHeaderSize);
    out.u16(1);
    out.u32(status);
    out.u16(command);
    out.u16(1);
    out.u32(is_request_ ? 0 : 1);
    out.u32(0);
    out.u64(exchange_);
    out.u32(0xfeff);
    const bool has_tree = exchange_ > 3 || (exchange_ == 3 && !is_request_);
    out.u32(has_tree ? kTree : 0);
    const bool has_session = exchange_ > 1 || (exchange_ == 1 && !is_request_);
    out.u64(has_session ? session_ : 0);
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
    out.u16(kHeaderSize + 64);
    out.u16(0);
    out.u32(0);
    out.u8(0);
  }

  void setup_request(WireBuffer& out) const {
    const std::vector<std::uint8_t> token = ntlm_message(exchange_ == 1 ? 1 : 3);
    out.u16(25);
    out.u8(0);
    out.u8(1);
    out.zeros(8);
    out.u16(kHeaderSize + 24);
    out.u16(token.size());
    out.u64(0);
    out.bytes(token);
  }

  void setup_response(WireBuffer& out) const {
    const std::vector<std::uint8_t> token =
        exchange_ == 1 ? ntlm_message(2) : std::vector<std::uint8_t>{};
    out.u16(9);
    out.u16(0);
    out.u16(kHeaderSize + 8);
    out.u16(token.size());
    out.bytes(token);
  }

  void tree_request(WireBuffer& out) const {
    out.u16(9);
    out.u16(0);
    out.u16(kHeaderSize + 8);
    out.u16(2 * share_.size());
    put_utf16(out, share_);
  }

  void tree_response(WireBuffer& out) const {
    out.u16(16);
    out.u8(share_type_);
    out.u8(0);
    out.zeros(8);
    out.u32(0x001f01ff);
  }

  void create_request(WireBuffer& out) const {
    out.u16(57);
    out.u16(0);
    out.u32(2);  // impersonation
    out.zeros(16);
    out.u32(0x0012019f);
    out.u32(0);
    out.u32(7);
    out.u32(1);
    out.u32(0);
    out.u16(kHeaderSize + 56);
    out.u16(2 * name_.size());
    out.zeros(8);
    put_utf16(out, name_);
  }

  static void create_response(WireBuffer& out) {
    out.u16(89);
    out.u16(0);
    out.u32(1);
    out.zeros(32 + 16);
    out.u32(0x80);
    out.u32(0);
    put_file_id(out);
    out.zeros(8);
  }

  std::uint64_t session_;
  std::string_view share_;
  std::uint8_t share_type_;  // MS-SMB2 2.2.10
  std::string_view name_;
  std::uint32_t turn_ = 0;
  std::uint32_t exchange_ = 0;
  bool is_request_ = true;
};

class SmbFileScript final : public SmbScript {
 public:
  explicit SmbFileScript(std::uint64_t number) noexcept
      : SmbScript(number, "\\\\server\\data", 1, "report.bin") {}

 private:
  std::uint16_t work_command() const noexcept override { return kRead; }

  bool work(WireBuffer& out, std::size_t& filler) override {
    if (work_exchange() == kReads) return false;
    if (is_request()) {
      out.u16(49);
      out.u16(0x50);
      out.u32(kReadSize);
      out.u64(std::uint64_t{work_exchange()} * kReadSize);
      put_file_id(out);
      out.zeros(4 + 4 + 4 + 2 + 2 + 1);
    } else {
      out.u16(17);
      out.u16(0x50);
      out.u32(kReadSize);
      out.u64(0);
      filler = kReadSize;
    }
    return true;
  }
};

class SmbPipeScript final : public SmbScript {
 public:
  SmbPipeScript(std::uint64_t number, std::uint32_t calls, std::uint64_t& requests)
      : SmbScript(number, "\\\\server\\IPC$", 2, "srvsvc"),
        rpc_(make_rpc_script(number, calls, requests)) {}

 private:
  std::uint16_t work_command() const noexcept override { return kIoctl; }

  bool work(WireBuffer& out, std::size_t&) override {
    Message pdu;
    if (!rpc_->next(pdu)) return false;
    if (is_request()) {
      begin_ioctl(out, 57);
      out.u32(kHeaderSize + 56);
      out.u32(pdu.head.size());
      out.zeros(4 + 4 + 4);
      out.u32(4280);
      out.u32(1);
      out.u32(0);
    } else {
      begin_ioctl(out, 49);
      out.u32(kHeaderSize + 48);
      out.u32(0);
      out.u32(kHeaderSize + 48);
      out.u32(pdu.head.size());
      out.zeros(8);
    }
    out.bytes(pdu.head);
    return true;
  }

  static void begin_ioctl(WireBuffer& out, std::uint16_t structure_size) {
    out.u16(structure_size);
    out.u16(0);
    out.u32(kPipeTransceive);
    put_file_id(out);
  }

  std::unique_ptr<Script> rpc_;
};

}  // namespace

std::unique_ptr<Script> make_smb_file_script(std::uint64_t number) {
  return std::make_unique<SmbFileScript>(number);
}

std::unique_ptr<Script> make_smb_pipe_script(std::uint64_t number, std::uint32_t calls,
                                             std::uint64_t& requests) {
  return std::make_unique<SmbPipeScript>(number, calls, requests);
}

}  // namespace rpcaudit::bench
