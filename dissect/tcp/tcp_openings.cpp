#include "dissect/tcp/tcp_openings.h"

#include <algorithm>

namespace rpcaudit::dissect {

TcpOpenings::TcpOpenings(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics)
    : observer_(observer),
      statistics_(statistics),
      window_(limits.outcome_window),
      attempts_(limits.tcp_openings),
      places_(2 * kPlaces * std::max<std::size_t>(limits.tcp_openings / kPlaces, 1)) {}

std::span<std::uint32_t, TcpOpenings::kPlaces> TcpOpenings::places_of(std::uint64_t tag) noexcept {
  const std::size_t group = tag % (places_.size() / kPlaces);
  return std::span<std::uint32_t, kPlaces>(&places_[group * kPlaces], kPlaces);
}

Slot<TcpOpenings::Attempt> TcpOpenings::find(std::uint64_t tag) noexcept {
  for (const std::uint32_t place : places_of(tag)) {
    if (place == 0) continue;
    const Slot<Attempt> slot(place - 1);
    if (attempts_[slot].tag == tag) return slot;
  }
  return {};
}

void TcpOpenings::remove(Slot<Attempt> slot) noexcept {
  const Attempt& attempt = attempts_[slot];
  const std::span<std::uint32_t, kPlaces> places = places_of(attempt.tag);
  *std::find(places.begin(), places.end(), slot.index + 1) = 0;
  by_syn_.remove(slot, attempts_);
  attempts_.release(slot);
}

void TcpOpenings::settle(Slot<Attempt> slot, OpeningAnswer answer) noexcept {
  attempts_[slot].opening.answer = answer;
  observer_.on_opening_answer(attempts_[slot].opening);
  remove(slot);
}

void TcpOpenings::forget(Slot<Attempt> slot) noexcept {
  ++statistics_.openings_forgotten;
  settle(slot, OpeningAnswer::unknown);
}

void TcpOpenings::note_syn(std::uint64_t tag, const Packet& packet,
                           const FrameReference& frame) noexcept {
  if (const Slot<Attempt> known = find(tag)) {
    TcpOpening& opening = attempts_[known].opening;
    if (opening.client == packet.source_endpoint()) ++opening.repeated;
    return;
  }
  if (attempts_.size() == attempts_.capacity()) forget(by_syn_.oldest());
  const std::span<std::uint32_t, kPlaces> places = places_of(tag);
  std::uint32_t& place = *std::min_element(places.begin(), places.end());
  if (place != 0) forget(Slot<Attempt>(place - 1));
  const Slot<Attempt> slot = attempts_.take();
  place = slot.index + 1;
  Attempt& attempt = attempts_[slot];
  attempt = {tag, {}, {}};
  attempt.opening.slot = slot.index;
  attempt.opening.frame = frame;
  attempt.opening.client = packet.source_endpoint();
  attempt.opening.server = packet.destination_endpoint();
  by_syn_.push_newest(slot, attempts_);
  observer_.on_opening(attempt.opening);
}

void TcpOpenings::note_other(std::uint64_t tag, const Packet& packet) noexcept {
  const Slot<Attempt> slot = find(tag);
  if (!slot) return;
  const bool from_client = packet.source_endpoint() == attempts_[slot].opening.client;
  if (packet.tcp.has_rst()) {
    if (!from_client) settle(slot, OpeningAnswer::refused);
  } else if (!from_client || packet.tcp.has_ack()) {
    // A client that acknowledges had an answer, even if the capture does not hold it.
    settle(slot, OpeningAnswer::accepted);
  }
}

void TcpOpenings::expire(Timestamp now) noexcept {
  while (by_syn_.oldest()) {
    const Timestamp since = attempts_[by_syn_.oldest()].opening.frame.timestamp;
    if (nanoseconds_between(since, now) <= window_.nanoseconds) return;
    settle(by_syn_.oldest(), OpeningAnswer::none);
  }
}

void TcpOpenings::finish() noexcept {
  while (by_syn_.oldest()) {
    // A repeated SYN shows that the answer was due: a client waits for a second (RFC 6298 2.1).
    if (attempts_[by_syn_.oldest()].opening.repeated != 0) {
      settle(by_syn_.oldest(), OpeningAnswer::none);
    } else {
      forget(by_syn_.oldest());
    }
  }
}

}  // namespace rpcaudit::dissect
