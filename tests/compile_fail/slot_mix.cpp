// The slots of two slabs are both numbers and are not interchangeable.
#include "dissect/store/slab.h"

struct Session {};
struct Call {};

bool is_taken(rpcaudit::dissect::Slot<Session> session) { return bool{session}; }

int main() {
  const rpcaudit::dissect::Slot<Session> session{1};
#ifdef MUST_NOT_COMPILE
  const rpcaudit::dissect::Slot<Call> call{1};
  return is_taken(session) && is_taken(call) ? 0 : 1;
#else
  return is_taken(session) ? 0 : 1;
#endif
}
