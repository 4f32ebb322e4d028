#include "engine/app/process/process_usage.h"

#include <sys/resource.h>

#include <fstream>

namespace rpcaudit::app {
namespace {

constexpr std::uint64_t kPageBytes = 4096;  // on x86-64, and on AArch64 as Debian builds it

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessUsage process_usage() {
  ProcessUsage usage;
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    usage.cpu_seconds = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
  }
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  if (std::ifstream("/proc/self/statm") >> total >> resident) {
    usage.virtual_bytes = total * kPageBytes;
    usage.resident_bytes = resident * kPageBytes;
  }
  return usage;
}

}  // namespace rpcaudit::app
