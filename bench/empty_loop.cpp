// The least that any program on libpcap does: reads every frame and looks at none. Prints what it
// counted, so that the comparison knows that all saw the same input.

#include <pcap/pcap.h>

#include <array>
#include <cstdint>
#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_empty_loop FILE\n");
    return 2;
  }
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  pcap_t* capture = pcap_open_offline(argv[1], error.data());
  if (capture == nullptr) {
    std::fprintf(stderr, "bench_empty_loop: %s\n", error.data());
    return 1;
  }
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  int status = 0;
  while ((status = pcap_next_ex(capture, &header, &data)) == 1) {
    ++frames;
    bytes += header->caplen;
  }
  if (status == PCAP_ERROR) std::fprintf(stderr, "bench_empty_loop: %s\n", pcap_geterr(capture));
  pcap_close(capture);
  std::printf("%llu frames, %llu bytes\n", static_cast<unsigned long long>(frames),
              static_cast<unsigned long long>(bytes));
  return status == PCAP_ERROR ? 1 : 0;
}
