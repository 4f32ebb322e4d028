#include "capture/packet_filter.h"

#include <pcap/pcap.h>

#include "capture/capture_format.h"

namespace rpcaudit::capture {
namespace {

constexpr std::uint32_t kEthernet = 1;
constexpr std::uint32_t kRawIp = 101;

// libpcap compiles for DLT_ values. They are the LINKTYPE_ values of files except where systems
// once disagreed (pcap-linktype(7)); of these exceptions, this code knows raw IP only.
int dlt_of(std::uint32_t link_number) noexcept {
  constexpr std::uint32_t kRawOfOpenBsd = 14;
  if (link_number == kRawIp || link_number == kRawOfOpenBsd) return DLT_RAW;
  return static_cast<int>(link_number);
}

}  // namespace

struct PacketFilter::Program {
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (error.empty()) pcap_freecode(&code);
  }

  bpf_program code{};
  std::string error;
  bool refusal_told = false;
};

PacketFilter::PacketFilter(std::string expression) : expression_(std::move(expression)) {
  error_ = program_for(kEthernet).error;
}

PacketFilter::~PacketFilter() = default;

PacketFilter::Program& PacketFilter::program_for(std::uint32_t link_number) {
  std::unique_ptr<Program>& program = programs_[link_number];
  if (program != nullptr) return *program;
  program = std::make_unique<Program>();
  constexpr int kSnapLength = static_cast<int>(kCapturedLengthMax);
  pcap_t* handle = pcap_open_dead(dlt_of(link_number), kSnapLength);
  if (handle == nullptr) {
    program->error = "libpcap has no memory";
  } else if (pcap_compile(handle, &program->code, expression_.c_str(), 1, PCAP_NETMASK_UNKNOWN) !=
             0) {
    program->error = pcap_geterr(handle);
    if (program->error.empty()) program->error = "libpcap refuses it";
  }
  if (handle != nullptr) pcap_close(handle);
  return *program;
}

bool PacketFilter::matches(const Frame& frame, Program& program) {
  if (program.error.empty()) {
    pcap_pkthdr header{};
    header.caplen = static_cast<bpf_u_int32>(frame.bytes.size());
    header.len = frame.original_length;
    const auto* data = reinterpret_cast<const u_char*>(frame.bytes.data());
    return pcap_offline_filter(&program.code, &header, data) != 0;
  }
  Frame inside = frame;
  if (frame.link == LinkType::other && odd_link_.peel(inside)) {
    inside.link_number = inside.link == LinkType::ethernet ? kEthernet : kRawIp;
    if (inside.link == LinkType::ethernet || inside.link == LinkType::raw_ip) {
      Program& inside_program = program_for(inside.link_number);
      if (inside_program.error.empty()) return matches(inside, inside_program);
    }
  }
  if (!program.refusal_told) {
    refusal_ = "frames of link type " + std::to_string(frame.link_number) +
               " are left out, as the filter cannot judge them: " + program.error;
    program.refusal_told = true;
  }
  return false;
}

std::size_t PacketFilter::keep(std::span<Frame> frames) {
  std::size_t kept = 0;
  Program* program = nullptr;
  std::uint32_t program_link = 0;
  for (const Frame& frame : frames) {
    if (program == nullptr || frame.link_number != program_link) {
      program_link = frame.link_number;
      program = &program_for(program_link);
    }
    if (matches(frame, *program)) frames[kept++] = frame;
  }
  return kept;
}

}  // namespace rpcaudit::capture
