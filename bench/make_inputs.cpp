// Writes the inputs of the comparison into a folder: the same bytes on every machine.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bench_policies.h"
#include "bench/mixed_scripts.h"
#include "bench/rpc_script.h"
#include "bench/smb_script.h"

namespace rpcaudit::bench {
namespace {

constexpr std::uint64_t kSmallFrames = 4'000'000;  // 304 MB
constexpr std::uint64_t kMixFrames = 2'000'000;    // 1.7 GB
constexpr std::uint64_t kUdpFrames = 600'000;      // 300 MB
constexpr std::uint64_t kRpcFrames = 1'600'000;    // 560 MB
constexpr std::uint32_t kOpenConversations = 2000;
constexpr std::uint32_t kCallsPerAssociation = 200;
constexpr std::uint64_t kPipeFrames = 1'200'000;  // 560 MB
constexpr std::uint64_t kSmbMixFrames = 800'000;  // 710 MB

constexpr std::uint32_t kClientNet = 0x0a000000;  // 10.0.0.0
constexpr std::uint32_t kServerNet = 0xac100000;  // 172.16.0.0

Flow make_flow(std::uint64_t number, std::uint16_t server_port) {
  Flow flow;
  flow.client_address = kClientNet + static_cast<std::uint32_t>(number % 65536) + 1;
  flow.server_address = kServerNet + static_cast<std::uint32_t>(number % 251) + 1;
  flow.client_port = static_cast<std::uint16_t>(49152 + number / 65536 % 16384);
  flow.server_port = server_port;
  flow.client_sequence = static_cast<std::uint32_t>(Random(number).next());
  flow.server_sequence = static_cast<std::uint32_t>(Random(number + 1).next());
  return flow;
}

// Frames of 60 bytes on connections that are no RPC: a handshake, then in turn six bytes and a bare
// acknowledgement from either side. The connections take turns in a scattered order.
void write_small(FrameWriter& writer, std::uint64_t frames, std::uint64_t flow_count) {
  constexpr std::array<std::uint16_t, 4> kPorts{443, 80, 22, 9000};
  constexpr std::array<std::uint8_t, 6> kPayload{'h', 'e', 'l', 'l', 'o', '\n'};
  constexpr std::uint64_t kStride = 7919;  // prime, so that a round meets every connection
  std::vector<Flow> flows(flow_count);
  for (std::uint64_t i = 0; i < flow_count; ++i) flows[i] = make_flow(i, kPorts[i % kPorts.size()]);
  for (std::uint64_t i = 0; i < frames; ++i) {
    const std::uint64_t round = i / flow_count;
    Flow& flow = flows[i % flow_count * kStride % flow_count];
    if (round == 0) {
      writer.tcp(flow, Side::client, kSyn, {});
    } else if (round == 1) {
      writer.tcp(flow, Side::server, kSyn | kAck, {});
    } else if (round % 2 == 0) {
      writer.tcp(flow, round % 4 == 2 ? Side::client : Side::server, kAck | kPush, kPayload);
    } else {
      writer.tcp(flow, round % 4 == 3 ? Side::server : Side::client, kAck, {});
    }
  }
}

// Nothing but conversations that `make` makes, taking turns at random.
void write_conversations(FrameWriter& writer, std::uint64_t frames, std::uint16_t server_port,
                         std::uint32_t open_at_once,
                         const std::function<std::unique_ptr<Script>(std::uint64_t)>& make) {
  std::uint64_t number = 0;
  const auto open = [&] {
    const std::uint64_t n = number++;
    return TcpConversation(make_flow(n, server_port), make(n));
  };
  std::vector<TcpConversation> conversations;
  for (std::uint32_t i = 0; i < open_at_once; ++i) conversations.push_back(open());
  Random random(2);
  while (writer.frames() < frames) {
    TcpConversation& conversation = conversations[random.below(open_at_once)];
    if (!conversation.step(writer)) conversation = open();
  }
}

void write_rpc(FrameWriter& writer, std::uint64_t frames, std::uint64_t& calls) {
  write_conversations(writer, frames, 49664, kOpenConversations, [&calls](std::uint64_t n) {
    return make_rpc_script(n, kCallsPerAssociation, calls);
  });
}

void write_pipes(FrameWriter& writer, std::uint64_t frames, std::uint64_t& calls) {
  write_conversations(writer, frames, 445, kOpenConversations, [&calls](std::uint64_t n) {
    return make_smb_pipe_script(n, kCallsPerAssociation, calls);
  });
}

// Of the bytes, nine in ten are those of files.
void write_smb_mix(FrameWriter& writer, std::uint64_t frames, std::uint64_t& calls) {
  std::uint64_t number = 0;
  const auto open = [&](bool pipe) {
    const std::uint64_t n = number++;
    return TcpConversation(make_flow(n, 445),
                           pipe ? make_smb_pipe_script(n, 50, calls) : make_smb_file_script(n));
  };
  std::vector<TcpConversation> files;
  std::vector<TcpConversation> pipes;
  for (std::uint32_t i = 0; i < kOpenConversations / 4; ++i) {
    files.push_back(open(false));
    pipes.push_back(open(true));
  }
  Random random(4);
  while (writer.frames() < frames) {
    const bool pipe = random.below(100) < 22;
    std::vector<TcpConversation>& pool = pipe ? pipes : files;
    TcpConversation& conversation = pool[random.below(kOpenConversations / 4)];
    if (!conversation.step(writer)) conversation = open(pipe);
  }
}

// One frame of datagram traffic: mostly DNS, which is small, or a large datagram.
void write_datagram(FrameWriter& writer, Random& random, bool large) {
  const std::uint64_t number = random.next();
  const Side from = random.below(2) == 0 ? Side::client : Side::server;
  if (large) {
    write_large_datagram(writer, make_flow(number % 500, 443), from, number);
  } else {
    write_dns(writer, make_flow(number % 5000, 53), from, static_cast<std::uint16_t>(number));
  }
}

// Datagrams alone: DNS and encrypted transports, and one in a hundred a connectionless call or its
// response.
void write_udp(FrameWriter& writer, std::uint64_t frames, std::uint64_t& calls) {
  constexpr std::uint32_t kRpcFlows = 100;
  Random random(4);
  while (writer.frames() < frames) {
    const std::uint32_t dice = random.below(100);
    if (dice != 0) {
      write_datagram(writer, random, dice < 40);
      continue;
    }
    const Flow flow = make_flow(calls % kRpcFlows, 34964);
    const auto sequence = static_cast<std::uint32_t>(calls / kRpcFlows);
    write_datagram_call(writer, flow, Side::client, sequence);
    write_datagram_call(writer, flow, Side::server, sequence);
    ++calls;
  }
}

// Two frames in a hundred are RPC; of the rest, transfers make the large ones, and handshakes,
// acknowledgements, requests and DNS the small ones.
void write_mix(FrameWriter& writer, std::uint64_t frames, std::uint64_t& calls) {
  std::uint64_t number = 0;
  const auto open = [&](bool rpc) {
    const std::uint64_t n = number++;
    if (rpc) return TcpConversation(make_flow(n, 49664), make_rpc_script(n, 20, calls));
    switch (n % 4) {
      case 0: return TcpConversation(make_flow(n, 80), make_http_script(n));
      case 1: return TcpConversation(make_flow(n, 445), make_smb_file_script(n));
      default: return TcpConversation(make_flow(n, 443), make_tls_script(n));
    }
  };
  std::vector<TcpConversation> others;
  std::vector<TcpConversation> rpc;
  for (std::uint32_t i = 0; i < kOpenConversations; ++i) others.push_back(open(false));
  for (std::uint32_t i = 0; i < kOpenConversations / 40; ++i) rpc.push_back(open(true));
  Random random(3);
  while (writer.frames() < frames) {
    const std::uint32_t dice = random.below(100);
    if (dice < 2) {
      TcpConversation& conversation = rpc[random.below(static_cast<std::uint32_t>(rpc.size()))];
      if (!conversation.step(writer)) conversation = open(true);
    } else if (dice < 16) {
      write_datagram(writer, random, dice < 4);
    } else {
      TcpConversation& conversation = others[random.below(kOpenConversations)];
      if (!conversation.step(writer)) conversation = open(false);
    }
  }
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

// Writes one capture and adds a line to the table of what is in which.
void write_capture(const std::filesystem::path& folder, const std::string& name,
                   std::ostream& table,
                   const std::function<void(FrameWriter&, std::uint64_t&)>& write) {
  FrameWriter writer((folder / name).string());
  std::uint64_t calls = 0;
  write(writer, calls);
  writer.close();
  table << name << '\t' << writer.frames() << '\t' << calls << '\t' << writer.file_bytes() << '\n';
  std::cerr << name << ": " << writer.frames() << " frames, " << writer.small_frames()
            << " of at most 128 bytes; " << calls << " calls; " << writer.file_bytes()
            << " bytes\n";
}

void write_all(const std::filesystem::path& folder, double scale) {
  const auto scaled = [scale](std::uint64_t count) {
    return static_cast<std::uint64_t>(static_cast<double>(count) * scale);
  };
  std::filesystem::create_directories(folder);
  std::ostringstream table;
  table << "file\tframes\tcalls\tbytes\n";
  write_capture(folder, "small-1k.pcap", table, [&](FrameWriter& writer, std::uint64_t&) {
    write_small(writer, scaled(kSmallFrames), 1'000);
  });
  write_capture(folder, "small-20k.pcap", table, [&](FrameWriter& writer, std::uint64_t&) {
    write_small(writer, scaled(kSmallFrames), 20'000);
  });
  write_capture(folder, "small-1m.pcap", table, [&](FrameWriter& writer, std::uint64_t&) {
    write_small(writer, scaled(kSmallFrames), 1'000'000);
  });
  write_capture(folder, "mix.pcap", table, [&](FrameWriter& writer, std::uint64_t& calls) {
    write_mix(writer, scaled(kMixFrames), calls);
  });
  write_capture(folder, "udp.pcap", table, [&](FrameWriter& writer, std::uint64_t& calls) {
    write_udp(writer, scaled(kUdpFrames), calls);
  });
  write_capture(folder, "rpc.pcap", table, [&](FrameWriter& writer, std::uint64_t& calls) {
    write_rpc(writer, scaled(kRpcFrames), calls);
  });
  write_capture(folder, "pipes.pcap", table, [&](FrameWriter& writer, std::uint64_t& calls) {
    write_pipes(writer, scaled(kPipeFrames), calls);
  });
  write_capture(folder, "smb-mix.pcap", table, [&](FrameWriter& writer, std::uint64_t& calls) {
    write_smb_mix(writer, scaled(kSmbMixFrames), calls);
  });
  write_text(folder / "inputs.tsv", table.str());
  write_text(folder / "policy-1000.netsh.txt", thousand_filters());
  write_text(folder / "policy-all.netsh.txt", block_all());
}

}  // namespace
}  // namespace rpcaudit::bench

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  double scale = 1.0;
  std::string folder;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--scale" && i + 1 < arguments.size()) {
      scale = std::atof(std::string(arguments[++i]).c_str());
    } else if (folder.empty() && !arguments[i].starts_with("-")) {
      folder = arguments[i];
    } else {
      folder.clear();
      break;
    }
  }
  if (folder.empty() || scale <= 0) {
    std::cerr << "usage: bench_inputs FOLDER [--scale FACTOR]\n"
                 "  writes about 4.5 GB of captures, and two policies, times FACTOR\n";
    return 2;
  }
  try {
    rpcaudit::bench::write_all(folder, scale);
  } catch (const std::exception& error) {
    std::cerr << "bench_inputs: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
