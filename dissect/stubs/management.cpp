#include "dissect/stubs/management.h"

namespace rpcaudit::dissect {
namespace {

constexpr std::uint64_t kInterfacesMax = 4096;  // more than any server registers

}  // namespace

// A pointer to rpc_if_id_vector_t: the array's bound, its count, a pointer for each interface, and
// behind them what these point to (C706 appendix Q; 14.3.10 for the order).
InterfaceListReader::InterfaceListReader(StubForm form, Bytes stub) noexcept
    : pointers_(stub, form, 0), interfaces_(stub, form, 0) {
  if (pointers_.wide() == 0) {  // no list
    ok_ = pointers_.ok();
    return;
  }
  const std::uint64_t bound = pointers_.wide();
  const std::uint64_t count = pointers_.u32();
  ok_ = pointers_.ok() && count <= bound && bound <= kInterfacesMax;
  if (!ok_) return;
  interfaces_ = pointers_;
  for (std::uint64_t i = 0; i < bound; ++i) (void)interfaces_.wide();
  ok_ = interfaces_.ok();
  if (ok_) left_ = count;
}

bool InterfaceListReader::next(SyntaxId& interface) noexcept {
  while (left_ != 0) {
    --left_;
    if (pointers_.wide() == 0) continue;
    interface.uuid = interfaces_.uuid();
    interface.version_major = interfaces_.u16();
    interface.version_minor = interfaces_.u16();
    ok_ = interfaces_.ok();
    if (ok_) return true;
    left_ = 0;
  }
  return false;
}

}  // namespace rpcaudit::dissect
