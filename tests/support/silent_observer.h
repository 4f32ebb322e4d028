#pragma once

#include "dissect/rpc_observer.h"

namespace rpcaudit::test {

// Hears everything and keeps nothing: what a test wants to hear, it overrides.
class SilentObserver : public dissect::RpcObserver {
 public:
  void on_context(const dissect::RpcContext&) override {}
  void on_context_result(const dissect::RpcContext&) override {}
  void on_context_closed(dissect::ContextKey) override {}
  void on_call(const dissect::RpcContext&, const dissect::RpcCall&) override {}
  void on_outcome(const dissect::RpcOutcome&) override {}
  void on_blindness(const dissect::Blindness&) override {}
  void on_watermark(std::uint64_t) override {}
};

}  // namespace rpcaudit::test
