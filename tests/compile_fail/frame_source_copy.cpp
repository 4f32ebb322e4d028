// A frame source owns an open input: two of them reading the same one would tear it apart.
#include "capture/frame_source.h"

#include <type_traits>

static_assert(!std::is_copy_constructible_v<rpcaudit::capture::FrameSource>);

#ifdef MUST_NOT_COMPILE
void assign(rpcaudit::capture::FrameSource& to, const rpcaudit::capture::FrameSource& from) {
  to = from;
}
#endif

int main() { return 0; }
