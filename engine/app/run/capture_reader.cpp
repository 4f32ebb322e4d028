#include "engine/app/run/capture_reader.h"

#include <algorithm>
#include <cstdio>
#include <string>

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

CaptureReader::CaptureReader(capture::FrameSource& source, const Stop& stop, bool progress,
                             std::size_t batch_frames)
    : source_(source), stop_(stop), batch_frames_(batch_frames), progress_(progress) {}

bool CaptureReader::read(FrameRoom& room) {
  room.count = room.tick_count = 0;
  if (stop_.requested() && !source_.ends_with_stop()) {
    run_.stopped = stop_.reason();
    return false;
  }
  const capture::ReadResult result = source_.read(std::span(room.frames).first(batch_frames_));
  if (result.status == capture::ReadStatus::end) {
    run_.stopped = stop_.reason();
    return false;
  }
  room.idle = result.status == capture::ReadStatus::idle;
  room.tick = result.tick;
  for (std::size_t i = 0; i < result.count; ++i) {
    Frame& frame = room.frames[i];
    note(frame);
    if (frame.link == LinkType::other && !peel(frame)) continue;
    if (is_tick(frame)) room.ticks[room.tick_count++] = static_cast<std::uint16_t>(room.count);
    if (i != room.count) room.frames[room.count] = frame;
    ++room.count;
  }
  progress_.show(source_);
  return true;
}

// After so many frames, and whenever another second begins: what is waited for ends in time,
// however slowly frames come.
bool CaptureReader::is_tick(const Frame& frame) noexcept {
  constexpr std::uint64_t kFramesBetween = 256;
  const std::uint64_t tick = run_.frames / kFramesBetween;
  const std::int64_t second = frame.timestamp.nanoseconds / kNanosecondsPerSecond;
  if (tick == last_tick_ && second == last_second_) return false;
  last_tick_ = tick;
  last_second_ = second;
  return true;
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
