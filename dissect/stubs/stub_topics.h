#pragma once

#include <algorithm>
#include <cstddef>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

// Asked for instead of a length: all of every PDU.
inline constexpr std::size_t kWholePdus = 65536;

// What the stubs of an association are read for, by the interfaces that it was bound to. Nearly all
// associations have none of these topics, and then a few bytes of each stub are enough.
struct StubTopics {
  bool mapper = false;      // the endpoint mapper
  bool management = false;  // the server's own management interface
  bool activation = false;  // DCOM activation

  void note(const SyntaxId& interface) noexcept;

  // Its messages tell of endpoints.
  [[nodiscard]] bool endpoints() const noexcept { return mapper || management; }
  // How much of each request's stub is read. Messages about endpoints are read to their end. Of
  // others the ORPCTHIS is enough ([MS-DCOM] 2.2.13.3), which shows that a call is one of DCOM.
  [[nodiscard]] std::size_t stub_prefix(const Limits& limits) const noexcept {
    constexpr std::size_t kOrpcThisSize = 32;
    if (endpoints()) return kWholePdus;
    return activation ? limits.body_prefix_bytes : kOrpcThisSize;
  }
  // How much of it is told with the call.
  [[nodiscard]] std::size_t body_prefix(const Limits& limits) const noexcept {
    return std::min(stub_prefix(limits), limits.body_prefix_bytes);
  }
};

}  // namespace rpcaudit::dissect
