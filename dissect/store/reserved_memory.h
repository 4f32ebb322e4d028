#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace rpcaudit::dissect {

// How a block will be used: piece by piece from its front, or anywhere at once. In the second case
// the system is asked for huge pages, which save thousands of page faults and most misses of the
// TLB.
enum class MemoryUse { growing, scattered };

// A block of address space, zero-filled. Pages that are never touched cost nothing.
class ReservedMemory {
 public:
  explicit ReservedMemory(std::size_t size, MemoryUse use = MemoryUse::growing) : size_(size) {
    if (size == 0) return;
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<std::byte*>(memory);
    if (use == MemoryUse::scattered) madvise(memory, size, MADV_HUGEPAGE);  // or small ones
  }
  ReservedMemory(const ReservedMemory&) = delete;
  ReservedMemory& operator=(const ReservedMemory&) = delete;
  ~ReservedMemory() {
    if (data_ != nullptr) munmap(data_, size_);
  }

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_;
};

}  // namespace rpcaudit::dissect
