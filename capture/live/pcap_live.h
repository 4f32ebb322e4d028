#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "capture/frame_source.h"
#include "capture/live/live_interface.h"

namespace rpcaudit::capture {

struct LiveOptions {
  std::vector<std::string> interfaces;                   // names; kAllInterfaces stands for all
  std::string filter;                                    // a libpcap expression; empty: everything
  std::uint32_t snap_length = std::uint32_t{256} << 10;  // bytes kept of a frame
  std::size_t buffer_bytes = std::size_t{64} << 20;      // of each interface, for all workers
  bool promiscuous = true;
  unsigned workers = 1;
  int stop_descriptor = -1;  // becomes readable when the capture is to end; -1: it never is
};

// Interfaces that are being captured, with a source of frames for each worker.
struct LiveCapture {
  std::vector<std::unique_ptr<LiveInterface>> interfaces;  // by Frame::input
  std::vector<std::unique_ptr<FrameSource>> sources;       // by worker; borrow the interfaces
  std::string error;                                       // why there are none
  bool is_usage_error = false;                             // a filter that does not compile
};

// Opens all interfaces and starts to capture. Each frame goes to one of the sources, which one says
// fanout.h. Sources may be used by a thread each.
//
// Sequences are the time of arrival in nanoseconds, so that those of all sources are of one order,
// and grow whatever the clock does. A source that is asked to stop gives what was captured until
// then, and ends. Interfaces that go down or vanish are no end: LiveInterface::state tells.
[[nodiscard]] LiveCapture open_live(const LiveOptions& options);

// The interfaces of this host for people, a line for each; `error` says why there are none.
[[nodiscard]] std::string list_interfaces(std::string& error);

}  // namespace rpcaudit::capture
