// The handles of calls and of contexts have the same fields and are not interchangeable.
#include "dissect/rpc_observer.h"

int main() {
  const rpcaudit::dissect::ContextKey context{1, 1};
#ifdef MUST_NOT_COMPILE
  const rpcaudit::dissect::CallKey call = context;
  return call.slot == 1 ? 0 : 1;
#else
  return context.slot == 1 ? 0 : 1;
#endif
}
