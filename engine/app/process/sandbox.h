#pragma once

#include <cstdint>

namespace rpcaudit::app {

enum class Sandbox : std::uint8_t {
  entered,
  unsupported,  // by the system, the processor, or a build with a sanitizer
};

// What a run needs besides reading and writing what is open.
enum class SandboxNeeds : std::uint8_t {
  nothing,
  // A capture that goes on: looking after sockets that are open, appending to files, connecting to
  // sockets of this host.
  live,
};

// Gives up for good what a run that has its inputs and outputs open does not need: from now on this
// process and its threads may read files, write what is open, rename and remove files, and share
// memory and time between threads. Nothing can be executed, no socket be opened, no file be opened
// for writing, no memory be made executable, but for what `needs` says. Another system call ends
// the process with SIGSYS, and standard error says which; opening a file and ioctl(2) fail with
// EPERM instead, which whoever calls them tells. seccomp(2), on x86-64 and AArch64. To be called
// before threads are started.
[[nodiscard]] Sandbox enter_sandbox(SandboxNeeds needs = SandboxNeeds::nothing) noexcept;

}  // namespace rpcaudit::app
