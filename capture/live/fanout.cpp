#include "capture/live/fanout.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace rpcaudit::capture {
namespace {

// Offsets from the network header on, whichever way the frame goes (linux/filter.h).
constexpr std::uint32_t kNetwork = static_cast<std::uint32_t>(SKF_NET_OFF);
constexpr std::uint32_t kProtocol = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL);

// Cells of the machine's scratch memory.
enum Cell : std::uint32_t { offset, source, destination, scratch };

// Where a jump goes that is set when its target is known.
using Jumps = std::vector<std::size_t>;

class Assembler {
 public:
  void load_constant(std::uint32_t value) { add(BPF_LD | BPF_IMM, value); }
  void load_protocol() { add(BPF_LD | BPF_W | BPF_ABS, kProtocol); }
  // From the network header, X and `at` on.
  void load_byte(std::uint32_t at) { add(BPF_LD | BPF_B | BPF_IND, kNetwork + at); }
  void load_half(std::uint32_t at) { add(BPF_LD | BPF_H | BPF_IND, kNetwork + at); }
  void load_word(std::uint32_t at) { add(BPF_LD | BPF_W | BPF_IND, kNetwork + at); }
  void load(Cell cell) { add(BPF_LD | BPF_MEM, cell); }
  void load_x(Cell cell) { add(BPF_LDX | BPF_MEM, cell); }
  void store(Cell cell) { add(BPF_ST, cell); }
  void a_to_x() { add(BPF_MISC | BPF_TAX, 0); }
  void compute(unsigned operation, std::uint32_t value) { add(BPF_ALU | BPF_K | operation, value); }
  void compute_with_x(unsigned operation) { add(BPF_ALU | BPF_X | operation, 0); }
  void end_with(std::uint32_t value) { add(BPF_RET | BPF_K, value); }
  void end_with_a() { add(BPF_RET | BPF_A, 0); }

  void jump_if_equal(std::uint32_t value, Jumps& jumps) { jump(BPF_JEQ, value, jumps); }
  void jump_if_any_bit(std::uint32_t bits, Jumps& jumps) { jump(BPF_JSET, bits, jumps); }
  void jump_if_at_least(std::uint32_t value, Jumps& jumps) { jump(BPF_JGE, value, jumps); }
  void jump_always(Jumps& jumps) {
    jumps.push_back(code_.size());
    add(BPF_JMP | BPF_JA, 0);
  }
  // The jumps go to the next instruction.
  void land(Jumps& jumps) {
    for (const std::size_t from : jumps) {
      const std::size_t distance = code_.size() - from - 1;
      if (BPF_OP(code_[from].code) == BPF_JA) {
        code_[from].k = static_cast<std::uint32_t>(distance);
      } else {
        code_[from].jt = static_cast<std::uint8_t>(distance);
      }
    }
    jumps.clear();
  }

  [[nodiscard]] std::vector<sock_filter> take() { return std::move(code_); }

 private:
  void add(unsigned code, std::uint32_t value) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, value});
  }
  void jump(unsigned condition, std::uint32_t value, Jumps& jumps) {
    jumps.push_back(code_.size());
    add(BPF_JMP | BPF_K | condition, value);
  }

  std::vector<sock_filter> code_;
};

// Passes VLAN tags; afterwards A is the ethertype, and `offset` says where its packet begins.
void pass_tags(Assembler& code) {
  constexpr unsigned kTagsMax = 2;
  constexpr std::uint32_t kEthertypeOldServiceVlan = 0x9100;
  Jumps done;
  code.load_constant(0);
  code.store(offset);
  code.load_protocol();
  for (unsigned i = 0; i < kTagsMax; ++i) {
    Jumps tagged;
    code.jump_if_equal(ETHERTYPE_VLAN, tagged);
    code.jump_if_equal(ETH_P_8021AD, tagged);
    code.jump_if_equal(kEthertypeOldServiceVlan, tagged);
    code.jump_always(done);
    code.land(tagged);
    code.load_x(offset);
    code.load_half(2);
    code.store(scratch);
    code.load(offset);
    code.compute(BPF_ADD, 4);
    code.store(offset);
    code.load(scratch);
  }
  code.land(done);
}

// Ends with 0 for a UDP datagram, whose header X points at, that dissect takes for connectionless
// RPC: 80 bytes and more, version 4, and a type up to 10 (C706 12.5.1, 12.1).
void end_for_connectionless(Assembler& code, Jumps& others) {
  constexpr std::uint32_t kUdpHeader = 8;
  constexpr std::uint32_t kRpcHeader = 80;
  Jumps is_long;
  code.load_half(4);
  code.jump_if_at_least(kUdpHeader + kRpcHeader, is_long);
  code.jump_always(others);
  code.land(is_long);
  Jumps is_version_4;
  code.load_byte(kUdpHeader);
  code.jump_if_equal(4, is_version_4);
  code.jump_always(others);
  code.land(is_version_4);
  code.load_byte(kUdpHeader + 1);
  code.jump_if_at_least(11, others);
  code.end_with(0);
}

void take_ipv4_pair(Assembler& code) {
  Jumps pair;
  Jumps is_fragment;
  Jumps is_udp;
  code.load_x(offset);
  code.load_byte(9);
  code.jump_if_equal(IPPROTO_TCP, pair);
  code.load_half(6);
  code.jump_if_any_bit(0x3fff, is_fragment);  // more fragments, or an offset
  code.load_byte(9);
  code.jump_if_equal(IPPROTO_UDP, is_udp);
  code.jump_always(pair);
  code.land(is_fragment);
  code.end_with(0);
  code.land(is_udp);
  code.load_byte(0);
  code.compute(BPF_AND, 15);
  code.compute(BPF_LSH, 2);
  code.compute_with_x(BPF_ADD);
  code.a_to_x();
  end_for_connectionless(code, pair);
  code.land(pair);
  code.load_x(offset);
  code.load_word(12);
  code.store(source);
  code.load_word(16);
  code.store(destination);
}

constexpr std::uint32_t kFoldFactor = 0x9e37'79b1;

// Folds an IPv6 address, four words from `at` on, into `cell`.
void fold_address(Assembler& code, std::uint32_t at, Cell cell) {
  code.load_x(offset);
  code.load_word(at);
  for (std::uint32_t word = 1; word < 4; ++word) {
    code.compute(BPF_MUL, kFoldFactor);
    code.store(cell);
    code.load_word(at + 4 * word);
    code.load_x(cell);
    code.compute_with_x(BPF_XOR);
    if (word < 3) code.load_x(offset);
  }
  code.store(cell);
}

void take_ipv6_pair(Assembler& code) {
  constexpr std::uint32_t kHeader = 40;
  Jumps pair;
  Jumps is_fragment;
  Jumps is_udp;
  code.load_x(offset);
  code.load_byte(6);
  code.jump_if_equal(IPPROTO_FRAGMENT, is_fragment);
  code.jump_if_equal(IPPROTO_UDP, is_udp);
  code.jump_always(pair);
  code.land(is_fragment);
  code.load_byte(kHeader);
  code.jump_if_equal(IPPROTO_TCP, pair);
  code.end_with(0);
  code.land(is_udp);
  code.load(offset);
  code.compute(BPF_ADD, kHeader);
  code.a_to_x();
  end_for_connectionless(code, pair);
  code.land(pair);
  fold_address(code, 8, source);
  fold_address(code, 24, destination);
}

// Ends with a hash that is the same when the two are exchanged.
void end_with_hash(Assembler& code) {
  constexpr std::uint32_t kDifferenceFactor = 0x85eb'ca6b;
  constexpr std::uint32_t kSumFactor = 0xc2b2'ae35;
  code.load(source);
  code.load_x(destination);
  code.compute_with_x(BPF_XOR);
  code.compute(BPF_MUL, kDifferenceFactor);
  code.store(scratch);
  code.load(source);
  code.compute_with_x(BPF_ADD);
  code.compute(BPF_MUL, kSumFactor);
  code.load_x(scratch);
  code.compute_with_x(BPF_XOR);
  code.store(scratch);
  code.compute(BPF_RSH, 16);
  code.load_x(scratch);
  code.compute_with_x(BPF_XOR);
  code.compute(BPF_MUL, kFoldFactor);
  code.store(scratch);
  code.compute(BPF_RSH, 15);
  code.load_x(scratch);
  code.compute_with_x(BPF_XOR);
  code.end_with_a();
}

}  // namespace

std::vector<sock_filter> fanout_program() {
  Assembler code;
  Jumps is_ipv4;
  Jumps is_ipv6;
  pass_tags(code);
  code.jump_if_equal(ETHERTYPE_IP, is_ipv4);
  code.jump_if_equal(ETHERTYPE_IPV6, is_ipv6);
  code.end_with(0);
  code.land(is_ipv6);
  take_ipv6_pair(code);
  end_with_hash(code);
  code.land(is_ipv4);
  take_ipv4_pair(code);
  end_with_hash(code);
  return code.take();
}

bool join_fanout(int descriptor, std::optional<std::uint16_t>& group) noexcept {
  unsigned request = PACKET_FANOUT_CBPF << 16;
  request |= group ? *group : unsigned{PACKET_FANOUT_FLAG_UNIQUEID} << 16;
  if (::setsockopt(descriptor, SOL_PACKET, PACKET_FANOUT, &request, sizeof request) != 0) {
    return false;
  }
  unsigned joined = 0;
  socklen_t size = sizeof joined;
  if (::getsockopt(descriptor, SOL_PACKET, PACKET_FANOUT, &joined, &size) != 0) return false;
  group = static_cast<std::uint16_t>(joined);
  return true;
}

bool load_fanout_program(int descriptor) {
  std::vector<sock_filter> code = fanout_program();
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return ::setsockopt(descriptor, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof program) == 0;
}

}  // namespace rpcaudit::capture
