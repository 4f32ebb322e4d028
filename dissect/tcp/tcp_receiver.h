#pragma once

#include <cstdint>
#include <optional>

#include "dissect/tcp/sequence_number.h"

namespace rpcaudit::dissect {

// What can be told of the receiver of one direction of a connection: how far it has acknowledged
// and how far its window reaches, by the segments that it sent itself (RFC 9293 3.3.1), and the
// timestamp before which it takes segments for old (RFC 7323 5.3).
class TcpReceiver {
 public:
  // The shift count of its window field is known (RFC 7323 2.2). Until then the largest is assumed.
  void set_window_scale(std::uint8_t shift) noexcept { window_scale_ = shift; }

  // It sent a segment that acknowledges everything before `acknowledgment`.
  void note_sent(std::uint32_t acknowledgment, std::optional<std::uint16_t> window,
                 bool has_timestamp) noexcept {
    last_acknowledgment_ = acknowledgment;
    uses_timestamps_ = has_timestamp;
    if (!has_acknowledged_ || sequence_distance(acknowledged_, acknowledgment) > 0) {
      acknowledged_ = acknowledgment;
    }
    if (window) {
      const std::uint32_t edge = acknowledgment + (std::uint32_t{*window} << window_scale_);
      if (!has_window_ || sequence_distance(window_end_, edge) > 0) window_end_ = edge;
      has_window_ = true;
    }
    has_acknowledged_ = true;
  }
  // It sent an acknowledgment that is not believed.
  void note_doubtful(std::uint32_t acknowledgment) noexcept {
    last_acknowledgment_ = acknowledgment;
  }

  // All that is known but the scale means nothing any longer.
  void forget() noexcept {
    const std::uint8_t scale = window_scale_;
    *this = {};
    window_scale_ = scale;
  }

  // It was sent the next bytes of the stream.
  void note_taken(std::uint32_t timestamp) noexcept {
    if (has_timestamp_ && sequence_distance(recent_timestamp_, timestamp) < 0) return;
    recent_timestamp_ = timestamp;
    has_timestamp_ = true;
  }

  // Whether it has ever been seen to acknowledge anything: its side of the connection is captured.
  [[nodiscard]] bool has_acknowledged() const noexcept { return has_acknowledged_; }
  // It has all bytes before `sequence`.
  [[nodiscard]] bool has_acknowledged(std::uint32_t sequence) const noexcept {
    return has_acknowledged_ && sequence_distance(sequence, acknowledged_) >= 0;
  }
  [[nodiscard]] std::uint32_t acknowledged() const noexcept { return acknowledged_; }
  // As its last segment states, whatever that is worth.
  [[nodiscard]] std::uint32_t last_acknowledgment() const noexcept { return last_acknowledgment_; }

  [[nodiscard]] bool is_beyond_window(std::uint32_t sequence) const noexcept {
    return has_window_ && sequence_distance(window_end_, sequence) >= 0;
  }
  // A segment with this timestamp is a duplicate from long ago.
  [[nodiscard]] bool is_old(std::uint32_t timestamp) const noexcept {
    return has_timestamp_ && uses_timestamps_ &&
           sequence_distance(recent_timestamp_, timestamp) < 0;
  }

 private:
  std::uint32_t acknowledged_ = 0;
  std::uint32_t window_end_ = 0;  // at its farthest: a window does not shrink
  std::uint32_t last_acknowledgment_ = 0;
  std::uint32_t recent_timestamp_ = 0;  // TS.Recent
  std::uint8_t window_scale_ = 14;
  bool has_acknowledged_ = false;
  bool has_window_ = false;
  bool has_timestamp_ = false;    // TS.Recent means something
  bool uses_timestamps_ = false;  // it sends the option itself, so it was agreed upon
};

}  // namespace rpcaudit::dissect
