// A bare number has no unit, so it is no time.
#include "capture/timestamp.h"

int main() {
  const rpcaudit::Timestamp second{rpcaudit::kNanosecondsPerSecond};
#ifdef MUST_NOT_COMPILE
  return second < 30 ? 0 : 1;
#else
  return second < rpcaudit::Timestamp{30} ? 1 : 0;
#endif
}
