// Capture files of every format, and the slow lane for what is in them.

#include <array>
#include <cstddef>
#include <cstdint>

#include "capture/odd_link.h"
#include "capture/pcap_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  const auto source = open_capture_in_memory(std::as_bytes(std::span(data, size)));
  OddLink odd;
  std::array<Frame, 16> frames;
  std::uint64_t sum = 0;
  for (ReadResult result = source->read(frames); result.status == ReadStatus::frames;
       result = source->read(frames)) {
    for (Frame& frame : std::span(frames).first(result.count)) {
      if (frame.link == LinkType::other) (void)odd.peel(frame);
      for (const std::byte byte : frame.bytes) sum += std::to_integer<std::uint64_t>(byte);
    }
  }
  return sum == 0x5eed ? 1 : 0;  // every byte lent has been read
}
