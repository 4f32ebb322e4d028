#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "dissect/byte_cursor.h"
#include "dissect/uuid.h"

namespace rpcaudit::dissect {

// How a stub is written: the transfer syntax of its context, the byte order of its PDU.
struct StubForm {
  bool ndr64 = false;
  std::endian order = std::endian::little;
};

// Reads a stub in NDR or NDR64 (C706 14, MS-RPCE 2.2.4, 2.2.5): primitive types stand at offsets
// that are multiples of their sizes; counts and pointers are twice as wide in NDR64. Like a
// ByteCursor it fails for good on a read past the end.
class NdrReader {
 public:
  NdrReader(Bytes stub, StubForm form, std::size_t at) noexcept
      : size_(stub.size()), form_(form), cursor_(stub, form.order) {
    cursor_.skip(at);
  }

  // From the start of the stub; its end once a read failed.
  [[nodiscard]] std::size_t offset() const noexcept { return size_ - cursor_.remaining(); }
  [[nodiscard]] bool ok() const noexcept { return cursor_.ok(); }
  [[nodiscard]] bool is_ndr64() const noexcept { return form_.ndr64; }

  void align(std::size_t unit) noexcept { cursor_.skip((unit - offset() % unit) % unit); }
  void fail() noexcept { cursor_.skip(size_ + 1); }

  std::uint16_t u16() noexcept {
    align(2);
    return cursor_.u16();
  }
  std::uint32_t u32() noexcept {
    align(4);
    return cursor_.u32();
  }
  // A count, or the referent of a pointer.
  std::uint64_t wide() noexcept {
    if (!form_.ndr64) return u32();
    align(8);
    return cursor_.u64();
  }
  Uuid uuid() noexcept {
    align(4);
    return read_uuid(cursor_);
  }
  Bytes take(std::size_t count) noexcept { return cursor_.take(count); }

 private:
  std::size_t size_;
  StubForm form_;
  ByteCursor cursor_;
};

}  // namespace rpcaudit::dissect
