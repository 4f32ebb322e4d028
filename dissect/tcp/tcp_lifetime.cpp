#include "dissect/tcp/tcp_lifetime.h"

namespace rpcaudit::dissect {

void TcpLifetime::note_reset(Direction direction, bool is_expected) noexcept {
  if (reset_ == Reset::taken) return;
  reset_ = is_expected ? Reset::taken : Reset::perhaps;
  reset_by_ = direction;
}

bool TcpLifetime::goes_on(Direction direction) noexcept {
  if (reset_ == Reset::none || reset_by_ != direction) return false;
  reset_ = Reset::none;
  return true;
}

std::optional<TcpReopening> TcpLifetime::note_opening(Direction direction,
                                                      const Packet& packet) noexcept {
  const bool is_answer = packet.tcp.has_ack();
  TcpReopening seen{direction, packet.tcp.sequence + 1};
  if (is_answer) seen = {opposite(direction), packet.tcp.acknowledgment};
  if (seen.opener != reopening_.opener || seen.first != reopening_.first) {
    reopening_ = seen;
    was_asked_for_ = was_answered_ = false;
  }
  (is_answer ? was_answered_ : was_asked_for_) = true;
  if (was_asked_for_ && was_answered_) return reopening_;
  return std::nullopt;
}

std::optional<TcpReopening> TcpLifetime::begun_by(Direction direction,
                                                  const Packet& packet) const noexcept {
  if (!is_reopening() || reopening_.opener != direction || packet.payload_length == 0 ||
      packet.tcp.sequence != reopening_.first) {
    return std::nullopt;
  }
  return reopening_;
}

}  // namespace rpcaudit::dissect
