#pragma once

#include <memory>
#include <span>
#include <string>

#include "capture/byte_window.h"
#include "capture/frame_source.h"

namespace rpcaudit::capture {

struct OpenedCaptures {
  std::unique_ptr<FrameSource> source;  // empty when `error` says why
  std::string error;
};

// All frames of the captures named, as one series in capture-time order; within a file, frames keep
// the file's order, and ties go to the input named first. A folder stands for all files below it,
// by name; `-` is standard input. Files that are no captures are told by problems(); only a filter
// that does not compile is an error here.
//
// `filter` is a libpcap filter expression; empty lets everything through. Frames keep the numbers
// they have in their files. Inputs are opened when their time comes, so many of them cost little.
// A batch stays valid for `options.loans` calls of read(), at least one: whoever hands batches to
// other threads needs more than the next.
[[nodiscard]] OpenedCaptures open_captures(std::span<const std::string> paths,
                                           const std::string& filter,
                                           const ReadOptions& options = {});

// One capture held in memory, for tests. `bytes` is borrowed, and so are its frames.
[[nodiscard]] std::unique_ptr<FrameSource> open_capture_in_memory(Bytes bytes);

}  // namespace rpcaudit::capture
