#pragma once

#include "dissect/rpc_observer.h"

namespace rpcaudit::test {

// Hears everything and keeps nothing: what a test wants to hear, it overrides.
class SilentObserver : public RpcObserver {
 public:
  void on_context(const RpcContext&) override {}
  void on_context_result(const RpcContext&) override {}
  void on_context_closed(ContextKey) override {}
  void on_call(const RpcContext&, const RpcCall&) override {}
  void on_outcome(const RpcOutcome&) override {}
  void on_blindness(const Blindness&) override {}
  void on_watermark(std::uint64_t) override {}
};

}  // namespace rpcaudit::test
