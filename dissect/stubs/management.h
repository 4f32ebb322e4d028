#pragma once

#include <cstdint>

#include "dissect/parse_status.h"
#include "dissect/rpc_observer.h"
#include "dissect/stubs/ndr_reader.h"

namespace rpcaudit::dissect {

// The interface by which every RPC server can be asked about itself, mgmt 1.0 (C706 appendix Q).
inline constexpr Uuid kManagement = uuid("afa8bd80-7d8a-11c9-bef4-08002b102989");
inline constexpr std::uint16_t kInquireInterfaces = 0;  // inq_if_ids

// Walks the interfaces in the answer to inq_if_ids, which the server has registered.
class InterfaceListReader {
 public:
  // A whole stub.
  InterfaceListReader(StubForm form, Bytes stub) noexcept;

  [[nodiscard]] bool next(SyntaxId& interface) noexcept;
  // False when the stub contradicts itself or is cut; interfaces before that were delivered.
  [[nodiscard]] bool ok() const noexcept { return ok_; }

 private:
  NdrReader pointers_;
  NdrReader interfaces_;
  std::uint64_t left_ = 0;
  bool ok_ = true;
};

}  // namespace rpcaudit::dissect
