#pragma once

#include <cstddef>

namespace rpcaudit::dissect {

// Has the cache lines of memory that will be used soon brought into the cache. GCC takes a function
// that does nothing but prefetch for one without effect, and removes those calls of it that it does
// not inline; the empty statement keeps it from that.
inline void prefetch_lines(const void* at, std::size_t size = 1) noexcept {
  constexpr std::size_t kCacheLine = 64;
  for (std::size_t done = 0; done < size; done += kCacheLine) {
    __builtin_prefetch(static_cast<const std::byte*>(at) + done, 1);
    asm volatile("");
  }
}

}  // namespace rpcaudit::dissect
