#include "capture/packet_filter.h"

#include <pcap/pcap.h>

namespace rpcaudit {

struct PacketFilter::Program {
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (usable) pcap_freecode(&code);
  }

  bpf_program code{};
  bool usable = false;
};

PacketFilter::PacketFilter(std::string expression) : expression_(std::move(expression)) {
  (void)program_for(DLT_EN10MB);
}

PacketFilter::~PacketFilter() = default;

const PacketFilter::Program& PacketFilter::program_for(std::uint32_t link_number) {
  std::unique_ptr<Program>& program = programs_[link_number];
  if (program != nullptr) return *program;
  program = std::make_unique<Program>();
  constexpr int kSnapLength = 262144;
  pcap_t* handle = pcap_open_dead(static_cast<int>(link_number), kSnapLength);
  if (handle == nullptr) {
    error_ = "libpcap has no memory";
    return *program;
  }
  program->usable =
      pcap_compile(handle, &program->code, expression_.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0;
  if (!program->usable && link_number == DLT_EN10MB) error_ = pcap_geterr(handle);
  pcap_close(handle);
  return *program;
}

std::size_t PacketFilter::keep(std::span<Frame> frames) {
  std::size_t kept = 0;
  for (const Frame& frame : frames) {
    const Program& program = program_for(frame.link_number);
    if (!program.usable) continue;
    pcap_pkthdr header{};
    header.caplen = static_cast<bpf_u_int32>(frame.bytes.size());
    header.len = frame.original_length;
    const auto* data = reinterpret_cast<const u_char*>(frame.bytes.data());
    if (pcap_offline_filter(&program.code, &header, data) != 0) frames[kept++] = frame;
  }
  return kept;
}

}  // namespace rpcaudit
