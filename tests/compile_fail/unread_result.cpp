// Whether anything was read may not be ignored.
#include "capture/frame_source.h"

std::size_t read_once(rpcaudit::FrameSource& source, std::span<rpcaudit::Frame> frames) {
#ifdef MUST_NOT_COMPILE
  source.read(frames);
  return 0;
#else
  return source.read(frames).count;
#endif
}

int main() { return 0; }
