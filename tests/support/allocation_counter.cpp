#include "tests/support/allocation_counter.h"

#include <atomic>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RPCAUDIT_COUNTS_ALLOCATIONS 0
#else
#define RPCAUDIT_COUNTS_ALLOCATIONS 1
#endif

namespace {
std::atomic<std::uint64_t> count{0};
}

#if RPCAUDIT_COUNTS_ALLOCATIONS
void* operator new(std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace rpcaudit::test {

std::uint64_t allocations() noexcept { return count.load(std::memory_order_relaxed); }
bool allocations_are_counted() noexcept { return RPCAUDIT_COUNTS_ALLOCATIONS != 0; }

}  // namespace rpcaudit::test
