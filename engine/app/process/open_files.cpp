#include "engine/app/process/open_files.h"

#include <sys/resource.h>

namespace rpcaudit::app {
namespace {

std::uint64_t raise_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur == limit.rlim_max) return limit.rlim_cur;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

}  // namespace

std::uint64_t raise_open_file_limit() noexcept {
  static const std::uint64_t kLimit = raise_limit();  // a sandbox may not ask again
  return kLimit;
}

}  // namespace rpcaudit::app
