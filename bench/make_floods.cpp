// Writes one capture for each flood into a folder: nine frames in ten are the flood's, the others
// are of calls that an audit has to judge all the same. Beside them one of such calls alone.

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bench_policies.h"
#include "bench/flood_traffic.h"
#include "bench/rpc_script.h"
#include "bench/smb_script.h"

namespace rpcaudit::bench {
namespace {

constexpr std::uint64_t kFloodFrames = 1'000'000;
constexpr std::uint32_t kOpenConversations = 100;
constexpr std::uint32_t kCalls = 50;  // of a conversation

// One client with its calls, as the audit should find them.
struct Caller {
  std::uint32_t address = 0;
  std::uint64_t calls = 0;
};

// Conversations over TCP and over pipes that take turns, of clients in 10.0.0.0/16, each of an
// address of its own.
class Callers {
 public:
  Callers() {
    callers_.reserve(65'536);  // scripts refer to their callers
    for (std::uint32_t i = 0; i < kOpenConversations; ++i) conversations_.push_back(open());
  }

  void step(FrameWriter& writer) {
    TcpConversation& conversation = conversations_[random_.below(kOpenConversations)];
    if (!conversation.step(writer)) conversation = open();
  }
  // Plays all conversations to their ends.
  void finish(FrameWriter& writer) {
    for (TcpConversation& conversation : conversations_) {
      while (conversation.step(writer)) {
      }
    }
  }
  [[nodiscard]] const std::vector<Caller>& all() const noexcept { return callers_; }

 private:
  TcpConversation open() {
    if (callers_.size() == callers_.capacity()) throw std::runtime_error("too many callers");
    const std::uint64_t number = callers_.size();
    Caller& caller = callers_.emplace_back();
    caller.address = 0x0a000000 + static_cast<std::uint32_t>(number) + 1;
    const bool is_pipe = number % 4 == 3;
    Flow flow;
    flow.client_address = caller.address;
    flow.server_address = 0xac100001;
    flow.client_port = 49'152;
    flow.server_port = is_pipe ? 445 : 49'664;
    flow.client_sequence = static_cast<std::uint32_t>(Random(number).next());
    flow.server_sequence = static_cast<std::uint32_t>(Random(number + 1).next());
    return TcpConversation(flow, is_pipe ? make_smb_pipe_script(number, kCalls, caller.calls)
                                         : make_rpc_script(number, kCalls, caller.calls));
  }

  Random random_{6};
  std::vector<Caller> callers_;
  std::vector<TcpConversation> conversations_;
};

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

std::string dotted(std::uint32_t address) {
  std::string text;
  for (unsigned shift = 32; shift != 0; shift -= 8) {
    text += std::to_string(address >> (shift - 8) & 0xff) + (shift == 8 ? "" : ".");
  }
  return text;
}

// NAME.pcap, and NAME.tsv: which client made how many calls.
void write_capture(const std::filesystem::path& folder, std::string_view name, std::ostream& table,
                   std::string_view what, std::uint64_t frames,
                   const std::function<void(FrameWriter&)>& flood) {
  const std::string stem = (folder / name).string();
  FrameWriter writer(stem + ".pcap");
  Callers callers;
  std::uint64_t of_callers = 0;
  while (writer.frames() < frames) {
    if (flood && of_callers * 10 > writer.frames()) {
      flood(writer);
    } else {
      callers.step(writer);
      ++of_callers;
    }
  }
  callers.finish(writer);
  writer.close();
  std::string calls;
  for (const Caller& caller : callers.all()) {
    calls += dotted(caller.address) + '\t' + std::to_string(caller.calls) + '\n';
  }
  write_text(stem + ".tsv", calls);
  table << name << '\t' << writer.frames() << '\t' << writer.file_bytes() << '\t' << what << '\n';
}

void write_all(const std::filesystem::path& folder, double scale) {
  const auto frames = static_cast<std::uint64_t>(kFloodFrames * scale);
  std::filesystem::create_directories(folder);
  std::ofstream table(folder / "floods.tsv");
  write_capture(folder, "ordinary", table, "calls alone", frames / 4, {});
  for (const Flood& flood : make_floods()) {
    write_capture(folder, flood.name, table, flood.what, frames, flood.step);
  }
  table.close();
  if (!table) throw std::runtime_error("cannot write " + (folder / "floods.tsv").string());
  write_text(folder / "policy.netsh.txt", block_interfaces(script_interfaces()));
}

}  // namespace
}  // namespace rpcaudit::bench

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const bool has_scale = arguments.size() == 3 && arguments[1] == "--scale";
  const double scale = has_scale ? std::atof(argv[3]) : 1.0;
  if ((arguments.size() != 1 && !has_scale) || scale <= 0) {
    std::cerr << "usage: bench_floods FOLDER [--scale FACTOR]\n"
                 "  writes about 2 GB of captures and a policy, times FACTOR\n";
    return 2;
  }
  try {
    rpcaudit::bench::write_all(argv[1], scale);
  } catch (const std::exception& error) {
    std::cerr << "bench_floods: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
