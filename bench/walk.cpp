// The least that any program at all does: maps the file and steps from record to record, reading
// one byte of each frame. Little-endian pcap only.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace {

constexpr std::size_t kFileHeaderSize = 24;
constexpr std::size_t kRecordHeaderSize = 16;
constexpr std::size_t kCapturedLengthAt = 8;

struct Counts {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  unsigned touched = 0;
};

Counts walk(const unsigned char* file, std::size_t size) {
  Counts counts;
  std::size_t at = kFileHeaderSize;
  while (at + kRecordHeaderSize <= size) {
    std::uint32_t captured = 0;
    std::memcpy(&captured, file + at + kCapturedLengthAt, sizeof(captured));
    at += kRecordHeaderSize;
    if (captured == 0 || captured > size - at) break;
    counts.touched += file[at];
    ++counts.frames;
    counts.bytes += captured;
    at += captured;
  }
  return counts;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_walk FILE\n");
    return 2;
  }
  const int file = open(argv[1], O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0) {
    std::perror("bench_walk");
    return 1;
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED) {
    std::perror("bench_walk");
    return 1;
  }
  madvise(mapped, size, MADV_SEQUENTIAL);
  const Counts counts = walk(static_cast<const unsigned char*>(mapped), size);
  std::printf("%llu frames, %llu bytes (%u)\n", static_cast<unsigned long long>(counts.frames),
              static_cast<unsigned long long>(counts.bytes), counts.touched);
  munmap(mapped, size);
  close(file);
  return 0;
}
