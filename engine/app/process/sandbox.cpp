#include "engine/app/process/sandbox.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>

namespace rpcaudit::app {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // what a sanitizer calls at its end is not known
#else
constexpr bool kSanitized = false;
#endif

// What is allowed whatever its arguments are; the most frequent ones first.
constexpr int kAllowed[] = {
    SYS_read,
    SYS_write,
    SYS_futex,
    SYS_madvise,
    SYS_munmap,
    SYS_brk,
    SYS_mremap,
    SYS_lseek,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
#ifdef SYS_statx
    SYS_statx,
#endif
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_ppoll,
    SYS_getdents64,
    SYS_readlinkat,
    SYS_faccessat,
    SYS_fadvise64,
    SYS_fcntl,
    SYS_fsync,
    SYS_unlinkat,
    SYS_renameat,
#ifdef SYS_renameat2
    SYS_renameat2,
#endif
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_set_robust_list,
#ifdef SYS_rseq
    SYS_rseq,
#endif
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_getpid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getcpu,
    SYS_sysinfo,
    SYS_clock_getres,
    SYS_gettid,
    SYS_tgkill,
    SYS_getrusage,
    SYS_uname,
    SYS_exit,
    SYS_exit_group,
// Calls that AArch64 does not have.
#ifdef SYS_poll
    SYS_poll,
    SYS_stat,
    SYS_lstat,
    SYS_readlink,
    SYS_access,
    SYS_unlink,
    SYS_rename,
    SYS_time,
#endif
};

// What is allowed only with some arguments: the bits of `mask` in argument `argument` have to be
// `value`.
struct Condition {
  int call;
  unsigned argument;
  std::uint32_t mask;
  std::uint32_t value;
};
constexpr Condition kConditions[] = {
    {SYS_openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY},
#ifdef SYS_open
    {SYS_open, 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY},
#endif
    {SYS_mmap, 2, PROT_EXEC, 0},
    {SYS_mprotect, 2, PROT_EXEC, 0},
    {SYS_clone, 0, CLONE_THREAD, CLONE_THREAD},
    {SYS_ioctl, 1, 0xffff'ffff, TCGETS},
    {SYS_ioctl, 1, 0xffff'ffff, TIOCGWINSZ},
};

// What a live capture needs besides.
constexpr int kAllowedLive[] = {
    SYS_getsockopt, SYS_setsockopt, SYS_bind,     SYS_connect,     SYS_sched_setaffinity,
    SYS_ftruncate,  SYS_sendto,     SYS_recvfrom, SYS_accept4,     SYS_eventfd2,
    SYS_shutdown,   SYS_sendmsg,    SYS_recvmsg,  SYS_getsockname, SYS_getpeername,
};
constexpr Condition kConditionsLive[] = {
    {SYS_openat, 2, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_WRONLY | O_CREAT | O_APPEND},
    {SYS_socket, 0, 0xffff'ffff, AF_UNIX},
    {SYS_prctl, 0, 0xffff'ffff, PR_SET_NAME},
    {SYS_ioctl, 1, 0xffff'ffff, SIOCGIFINDEX},
    {SYS_ioctl, 1, 0xffff'ffff, SIOCGIFFLAGS},
};

// What fails where it is not allowed: libraries try it, and can do without.
constexpr int kFailing[] = {
    SYS_openat,
    SYS_ioctl,
#ifdef SYS_open
    SYS_open,
#endif
};

constexpr std::size_t kInstructions = 4 + 2 * (std::size(kAllowed) + std::size(kAllowedLive)) +
                                      6 * (std::size(kConditions) + std::size(kConditionsLive)) +
                                      2 * std::size(kFailing) + 3;

// A program for the kernel's filter machine (classic BPF), which looks at one value at a time.
class FilterProgram {
 public:
  void load(std::size_t offset) noexcept {
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  }
  // The lower half of an argument, where flags are; it comes first (little-endian).
  void load_argument(unsigned argument) noexcept {
    load(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));
  }
  void mask(std::uint32_t bits) noexcept { add(BPF_ALU | BPF_AND | BPF_K, bits); }
  // Passes over the next `skipped` instructions unless the value is this one.
  void expect(std::uint32_t value, std::uint8_t skipped) noexcept {
    add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped);
  }
  // Passes over the next instruction if the value is this one.
  void refuse_others(std::uint32_t value) noexcept { add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0); }
  void end_with(std::uint32_t action) noexcept { add(BPF_RET | BPF_K, action); }

  [[nodiscard]] sock_fprog view() noexcept {
    return {static_cast<unsigned short>(size_), instructions_.data()};
  }

 private:
  void add(unsigned code, std::uint32_t value, std::uint8_t if_true = 0,
           std::uint8_t if_false = 0) noexcept {
    instructions_[size_++] = {static_cast<std::uint16_t>(code), if_true, if_false, value};
  }

  std::array<sock_filter, kInstructions> instructions_{};
  std::size_t size_ = 0;
};

void allow(FilterProgram& program, std::span<const int> calls,
           std::span<const Condition> conditions) noexcept {
  for (const int call : calls) {
    program.expect(static_cast<std::uint32_t>(call), 1);
    program.end_with(SECCOMP_RET_ALLOW);
  }
  for (const Condition& condition : conditions) {
    program.expect(static_cast<std::uint32_t>(condition.call), 5);
    program.load_argument(condition.argument);
    program.mask(condition.mask);
    program.expect(condition.value, 1);
    program.end_with(SECCOMP_RET_ALLOW);
    program.load(offsetof(seccomp_data, nr));
  }
}

// The calls of whoever took the program over, by name.
struct NamedCall {
  int call;
  std::string_view name;
};
constexpr NamedCall kNamedCalls[] = {
    {SYS_socket, "socket"},     {SYS_connect, "connect"},     {SYS_bind, "bind"},
    {SYS_execve, "execve"},     {SYS_execveat, "execveat"},   {SYS_clone, "clone"},
#ifdef SYS_fork
    {SYS_fork, "fork"},         {SYS_vfork, "vfork"},
#endif
    {SYS_mmap, "mmap"},         {SYS_mprotect, "mprotect"},   {SYS_kill, "kill"},
    {SYS_ptrace, "ptrace"},     {SYS_prctl, "prctl"},         {SYS_mkdirat, "mkdirat"},
    {SYS_linkat, "linkat"},     {SYS_symlinkat, "symlinkat"}, {SYS_fchmodat, "fchmodat"},
    {SYS_fchownat, "fchownat"}, {SYS_setuid, "setuid"},       {SYS_mount, "mount"},
    {SYS_bpf, "bpf"},           {SYS_pipe2, "pipe2"},
};

// Says which call it was, then has the signal end the process when this returns.
extern "C" void on_denied_call(int, siginfo_t* info, void*) {
  constexpr std::string_view kBefore = "rpcaudit: ended by the sandbox: system call ";
  std::array<char, 128> text{};
  char* end = std::copy(kBefore.begin(), kBefore.end(), text.data());
  end = std::to_chars(end, text.data() + text.size(), info->si_syscall).ptr;
  for (const NamedCall& one : kNamedCalls) {
    if (one.call != info->si_syscall) continue;
    *end++ = ' ';
    *end++ = '(';
    end = std::copy(one.name.begin(), one.name.end(), end);
    *end++ = ')';
  }
  constexpr std::string_view kAfter = " is not permitted\n";
  end = std::copy(kAfter.begin(), kAfter.end(), end);
  (void)!::write(STDERR_FILENO, text.data(), static_cast<std::size_t>(end - text.data()));
  std::signal(SIGSYS, SIG_DFL);
  std::raise(SIGSYS);
}

FilterProgram make_program(SandboxNeeds needs) noexcept {
  FilterProgram program;
  // Numbers of calls are those of one architecture; a call of another one means something else.
  program.load(offsetof(seccomp_data, arch));
  program.refuse_others(kArchitecture);
  program.end_with(SECCOMP_RET_KILL_PROCESS);
  program.load(offsetof(seccomp_data, nr));
  allow(program, kAllowed, kConditions);
  if (needs == SandboxNeeds::live) allow(program, kAllowedLive, kConditionsLive);
  // Its flags are behind a pointer; the C library then falls back to clone.
  program.expect(SYS_clone3, 1);
  program.end_with(SECCOMP_RET_ERRNO | ENOSYS);
  for (const int call : kFailing) {
    program.expect(static_cast<std::uint32_t>(call), 1);
    program.end_with(SECCOMP_RET_ERRNO | EPERM);
  }
  program.end_with(SECCOMP_RET_TRAP);
  return program;
}

}  // namespace

Sandbox enter_sandbox(SandboxNeeds needs) noexcept {
  if (kArchitecture == 0 || kSanitized) return Sandbox::unsupported;
  FilterProgram program = make_program(needs);
  const sock_fprog view = program.view();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Sandbox::unsupported;
  struct sigaction action {};
  action.sa_sigaction = on_denied_call;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSYS, &action, nullptr);
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &view);
  return result == 0 ? Sandbox::entered : Sandbox::unsupported;
}

}  // namespace rpcaudit::app
