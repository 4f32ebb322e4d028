#pragma once

#include <cstdint>

namespace rpcaudit::app {

// What this process takes of the machine.
struct ProcessUsage {
  double cpu_seconds = 0;  // of all threads, user and system
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
};

// Zeros where the system does not tell.
[[nodiscard]] ProcessUsage process_usage();

}  // namespace rpcaudit::app
