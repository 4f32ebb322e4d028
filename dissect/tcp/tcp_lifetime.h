#pragma once

#include <cstdint>
#include <optional>

#include "dissect/direction.h"
#include "dissect/net/packet.h"

namespace rpcaudit::dissect {

// The first segment of a connection between ports that had one before.
struct TcpReopening {
  Direction opener = Direction::forward;
  std::uint32_t first = 0;  // sequence number of the opener's first byte
};

// How a connection ends before its time, and when another one takes its place. A receiver takes a
// reset only where it expects the next byte (RFC 5961 3.2), and does not take a SYN at all (4.2);
// what the sensor has to do is to see whether the connection goes on all the same.
class TcpLifetime {
 public:
  void note_reset(Direction direction, bool is_expected) noexcept;
  // More came in `direction`. True when that side had reset the connection.
  [[nodiscard]] bool goes_on(Direction direction) noexcept;
  [[nodiscard]] bool is_reset() const noexcept { return reset_ == Reset::taken; }

  // A SYN, or the answer to one, of another connection was seen.
  [[nodiscard]] bool is_reopening() const noexcept { return was_asked_for_ || was_answered_; }
  // A SYN, or the answer to one, that does not belong to the connection. Returns the new connection
  // when both have been seen.
  [[nodiscard]] std::optional<TcpReopening> note_opening(Direction direction,
                                                         const Packet& packet) noexcept;
  // The new connection that was asked for, if `packet` holds its first bytes.
  [[nodiscard]] std::optional<TcpReopening> begun_by(Direction direction,
                                                     const Packet& packet) const noexcept;

 private:
  enum class Reset : std::uint8_t {
    none,
    perhaps,  // in the window, but not where it is expected
    taken,
  };

  Reset reset_ = Reset::none;
  Direction reset_by_ = Direction::forward;
  bool was_asked_for_ = false;  // by a SYN
  bool was_answered_ = false;
  TcpReopening reopening_;
};

}  // namespace rpcaudit::dissect
