#include "engine/app/run/capture_reader.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "engine/app/run/stop_signal.h"

namespace rpcaudit::app {

Progress::~Progress() {
  if (last_percent_ >= 0) std::fputs("\r\033[K", stderr);
}

void Progress::show(const capture::FrameSource& source) {
  constexpr int kBarWidth = 40;
  if (!shown_) return;
  const auto total = static_cast<double>(source.bytes_total());
  if (total == 0) return;
  const double done = std::min(1.0, static_cast<double>(source.bytes_read()) / total);
  const int percent = static_cast<int>(100 * done);
  if (percent == last_percent_) return;
  last_percent_ = percent;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
  const std::string bar(static_cast<std::size_t>(kBarWidth * done), '#');
  std::fprintf(stderr, "\r[%-*s] %3d%%  %.0f s left\033[K", kBarWidth, bar.c_str(), percent,
               done > 0 ? elapsed.count() * (1 - done) / done : 0.0);
  std::fflush(stderr);
}

CaptureReader::CaptureReader(capture::FrameSource& source, bool progress)
    : source_(source), progress_(progress) {
  watch_for_stop_signals();
}

ReadFrames CaptureReader::read(std::span<Frame> room) {
  if (stop_requested()) {
    run_.interrupted = true;
    return {{}, true};
  }
  const capture::ReadResult result = source_.read(room);
  if (result.status == capture::ReadStatus::end) return {{}, true};
  std::size_t count = 0;
  for (Frame& frame : room.first(result.count)) {
    note(frame);
    if (frame.link == LinkType::other && !peel(frame)) continue;
    if (&frame != &room[count]) room[count] = frame;
    ++count;
  }
  progress_.show(source_);
  return {room.first(count), false};
}

void CaptureReader::note(const Frame& frame) noexcept {
  ++run_.frames;
  run_.bytes += frame.bytes.size();
  if (!run_.first || frame.timestamp < *run_.first) run_.first = frame.timestamp;
  if (!run_.last || frame.timestamp > *run_.last) run_.last = frame.timestamp;
}

bool CaptureReader::peel(Frame& frame) {
  if (odd_link_.peel(frame)) return true;
  ++run_.frames_of_odd_links;
  return false;
}

}  // namespace rpcaudit::app
