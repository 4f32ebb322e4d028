// Which worker gets a frame: the kernel's program against a function that says the same.

#include "capture/live/fanout.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <map>
#include <optional>

#include "capture/pcap_file.h"
#include "dissect/shard.h"
#include "tests/support/captures_at_hand.h"
#include "tests/support/places.h"

namespace rpcaudit::app {
namespace {

// An Ethernet frame as the kernel's programs see it: the first VLAN tag is taken off.
struct SeenFrame {
  std::uint32_t protocol = 0;
  Bytes packet;  // from the network header on
};

std::optional<std::uint32_t> number_at(Bytes bytes, std::uint32_t at, std::uint32_t size) {
  if (at > bytes.size() || bytes.size() - at < size) return std::nullopt;
  std::uint32_t value = 0;
  for (std::uint32_t i = 0; i < size; ++i) {
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  }
  return value;
}

bool is_tag(std::uint32_t protocol) {
  return protocol == 0x8100 || protocol == 0x88a8 || protocol == 0x9100;
}

SeenFrame seen(Bytes frame) {
  SeenFrame seen{number_at(frame, 12, 2).value_or(0), {}};
  std::size_t header = 14;
  const bool is_taken_off = seen.protocol == 0x8100 || seen.protocol == 0x88a8;
  if (is_taken_off && frame.size() >= 18) {
    seen.protocol = *number_at(frame, 16, 2);
    header = 18;
  }
  seen.packet = frame.subspan(std::min(header, frame.size()));
  return seen;
}

// Runs a program of the kernel's filter machine: the instructions that fanout_program() has.
std::uint32_t run_program(const std::vector<sock_filter>& program, const SeenFrame& frame) {
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::array<std::uint32_t, BPF_MEMWORDS> memory{};
  for (std::size_t i = 0; i < program.size(); ++i) {
    const sock_filter& step = program[i];
    const auto load = [&](std::uint32_t offset, std::uint32_t size) {
      const auto value = number_at(frame.packet, offset - std::uint32_t(SKF_NET_OFF), size);
      a = value.value_or(0);
      return value.has_value();
    };
    const auto jump = [&](bool condition) { i += condition ? step.jt : step.jf; };
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        EXPECT_EQ(step.k, std::uint32_t(SKF_AD_OFF + SKF_AD_PROTOCOL));
        a = frame.protocol;
        break;
      case BPF_LD | BPF_B | BPF_IND:
        if (!load(x + step.k, 1)) return 0;
        break;
      case BPF_LD | BPF_H | BPF_IND:
        if (!load(x + step.k, 2)) return 0;
        break;
      case BPF_LD | BPF_W | BPF_IND:
        if (!load(x + step.k, 4)) return 0;
        break;
      case BPF_LD | BPF_IMM: a = step.k; break;
      case BPF_LD | BPF_MEM: a = memory.at(step.k); break;
      case BPF_LDX | BPF_MEM: x = memory.at(step.k); break;
      case BPF_ST: memory.at(step.k) = a; break;
      case BPF_MISC | BPF_TAX: x = a; break;
      case BPF_ALU | BPF_K | BPF_ADD: a += step.k; break;
      case BPF_ALU | BPF_K | BPF_AND: a &= step.k; break;
      case BPF_ALU | BPF_K | BPF_LSH: a <<= step.k; break;
      case BPF_ALU | BPF_K | BPF_RSH: a >>= step.k; break;
      case BPF_ALU | BPF_K | BPF_MUL: a *= step.k; break;
      case BPF_ALU | BPF_X | BPF_ADD: a += x; break;
      case BPF_ALU | BPF_X | BPF_XOR: a ^= x; break;
      case BPF_JMP | BPF_JA: i += step.k; break;
      case BPF_JMP | BPF_K | BPF_JEQ: jump(a == step.k); break;
      case BPF_JMP | BPF_K | BPF_JGE: jump(a >= step.k); break;
      case BPF_JMP | BPF_K | BPF_JSET: jump((a & step.k) != 0); break;
      case BPF_RET | BPF_K: return step.k;
      case BPF_RET | BPF_A: return a;
      default: ADD_FAILURE() << "unknown instruction " << step.code; return 0;
    }
  }
  ADD_FAILURE() << "the program does not end";
  return 0;
}

constexpr std::uint32_t kFold = 0x9e3779b1;

std::optional<std::uint32_t> address_at(Bytes packet, std::uint32_t at, std::uint32_t words) {
  std::uint32_t folded = 0;
  for (std::uint32_t word = 0; word < words; ++word) {
    const auto value = number_at(packet, at + 4 * word, 4);
    if (!value) return std::nullopt;
    folded = folded * kFold ^ *value;
  }
  return folded;
}

std::uint32_t hash_of(std::uint32_t source, std::uint32_t destination) {
  std::uint32_t hash = (source ^ destination) * 0x85ebca6b ^ (source + destination) * 0xc2b2ae35;
  hash = (hash ^ hash >> 16) * kFold;
  return hash ^ hash >> 15;
}

// Whether a UDP datagram, from its header on, is connectionless RPC; empty where it ends too soon.
std::optional<bool> is_connectionless(Bytes datagram) {
  const auto length = number_at(datagram, 4, 2);
  if (!length) return std::nullopt;
  if (*length < 88) return false;
  const auto version = number_at(datagram, 8, 1);
  if (!version) return std::nullopt;
  if (*version != 4) return false;
  const auto type = number_at(datagram, 9, 1);
  if (!type) return std::nullopt;
  return *type <= 10;
}

// What the program is to compute.
std::uint32_t expected_number(SeenFrame frame) {
  for (unsigned tags = 0; tags < 2 && is_tag(frame.protocol); ++tags) {
    const auto inner = number_at(frame.packet, 2, 2);
    if (!inner) return 0;
    frame.protocol = *inner;
    frame.packet = frame.packet.subspan(4);
  }
  const bool is_v4 = frame.protocol == 0x0800;
  if (!is_v4 && frame.protocol != 0x86dd) return 0;
  auto protocol = number_at(frame.packet, is_v4 ? 9 : 6, 1);
  if (!protocol) return 0;
  const bool is_fragment =
      is_v4 ? (number_at(frame.packet, 6, 2).value_or(0) & 0x3fff) != 0 : *protocol == 44;
  if (!is_v4 && is_fragment) protocol = number_at(frame.packet, 40, 1);
  if (!protocol || (is_fragment && *protocol != 6)) return 0;
  if (!is_fragment && *protocol == 17) {
    const std::size_t header =
        is_v4 ? 4 * (number_at(frame.packet, 0, 1).value_or(0) & 15) : std::size_t{40};
    const Bytes datagram = frame.packet.subspan(std::min(header, frame.packet.size()));
    if (is_connectionless(datagram).value_or(true)) return 0;
  }
  const auto source = address_at(frame.packet, is_v4 ? 12 : 8, is_v4 ? 1 : 4);
  const auto destination = address_at(frame.packet, is_v4 ? 16 : 24, is_v4 ? 1 : 4);
  return source && destination ? hash_of(*source, *destination) : 0;
}

template <typename Visit>
void for_each_frame(const std::filesystem::path& path, Visit visit) {
  const std::array<std::string, 1> paths = {path.string()};
  const capture::OpenedCaptures opened = capture::open_captures(paths, {});
  std::array<Frame, 64> batch;
  for (;;) {
    const capture::ReadResult result = opened.source->read(batch);
    if (result.status == capture::ReadStatus::end) return;
    for (std::size_t i = 0; i < result.count; ++i) {
      if (batch[i].link == LinkType::ethernet) visit(batch[i]);
    }
  }
}

TEST(Fanout, ProgramComputesWhatItIsToForEveryFrameAtHand) {
  const std::vector<sock_filter> program = capture::fanout_program();
  ASSERT_LE(program.size(), std::size_t{BPF_MAXINSNS});
  std::uint64_t frames = 0;
  std::uint64_t different = 0;
  for (const auto& path : test::captures_at_hand(16 << 20)) {
    for_each_frame(path, [&](const Frame& frame) {
      const SeenFrame as_seen = seen(frame.bytes);
      ++frames;
      if (run_program(program, as_seen) != expected_number(as_seen)) ++different;
      // Frames that end anywhere, too.
      const SeenFrame cut{as_seen.protocol, as_seen.packet.first(as_seen.packet.size() % 64)};
      if (run_program(program, cut) != expected_number(cut)) ++different;
    });
  }
  EXPECT_GT(frames, 10'000u);
  EXPECT_EQ(different, 0u);
}

// Frames that shard_of() keeps together go to one worker. It looks into tunnels, which the program
// does not, so that this holds where a pair of hosts speaks through one tunnel alone.
TEST(Fanout, KeepsTogetherWhatOfflineWorkersKeepTogether) {
  const std::vector<sock_filter> program = capture::fanout_program();
  constexpr std::uint32_t kManyShards = 0xffff'fffb;
  std::uint64_t groups = 0;
  for (const auto& path : test::captures_at_hand(4 << 20)) {
    if (path.parent_path() != source_folder() + "/pcaps") continue;
    std::map<std::uint32_t, std::uint32_t> number_of;
    for_each_frame(path, [&](const Frame& frame) {
      const std::uint32_t shard = dissect::shard_of(frame, dissect::Limits(), kManyShards);
      const std::uint32_t number = run_program(program, seen(frame.bytes));
      if (shard == 0) return;
      EXPECT_EQ(number_of.try_emplace(shard, number).first->second, number) << path;
    });
    groups += number_of.size();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(groups, 30u);
}

TEST(Fanout, SpreadsHostPairs) {
  std::array<unsigned, 4> workers{};
  for (std::uint32_t host = 1; host <= 1000; ++host) {
    ++workers[hash_of(0x0a000000 + host, 0x0a4d0001) % workers.size()];
  }
  for (const unsigned pairs : workers) EXPECT_NEAR(pairs, 250, 60);
}

}  // namespace
}  // namespace rpcaudit::app
