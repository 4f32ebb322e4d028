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

std::uint32_t TcpOpenings::find(std::uint64_t tag) noexcept {
  for (const std::uint32_t place : places_of(tag)) {
    if (place != 0 && attempts_[place - 1].tag == tag) return place - 1;
  }
  return kNoSlot;
}

void TcpOpenings::remove(std::uint32_t slot) noexcept {
  const Attempt& attempt = attempts_[slot];
  const std::span<std::uint32_t, kPlaces> places = places_of(attempt.tag);
  *std::find(places.begin(), places.end(), slot + 1) = 0;
  (attempt.older == kNoSlot ? oldest_ : attempts_[attempt.older].newer) = attempt.newer;
  (attempt.newer == kNoSlot ? newest_ : attempts_[attempt.newer].older) = attempt.older;
  attempts_.release(slot);
}

void TcpOpenings::settle(std::uint32_t slot, OpeningAnswer answer) noexcept {
  attempts_[slot].opening.answer = answer;
  observer_.on_opening_answer(attempts_[slot].opening);
  remove(slot);
}

void TcpOpenings::forget(std::uint32_t slot) noexcept {
  ++statistics_.openings_forgotten;
  settle(slot, OpeningAnswer::unknown);
}

void TcpOpenings::note_syn(std::uint64_t tag, const Packet& packet,
                           const FrameReference& frame) noexcept {
  if (const std::uint32_t known = find(tag); known != kNoSlot) {
    TcpOpening& opening = attempts_[known].opening;
    if (opening.client == packet.source_endpoint()) ++opening.repeated;
    return;
  }
  if (attempts_.size() == attempts_.capacity()) forget(oldest_);
  const std::span<std::uint32_t, kPlaces> places = places_of(tag);
  std::uint32_t& place = *std::min_element(places.begin(), places.end());
  if (place != 0) forget(place - 1);
  const std::uint32_t slot = attempts_.take();
  place = slot + 1;
  Attempt& attempt = attempts_[slot];
  attempt = {tag, {}, newest_, kNoSlot};
  attempt.opening.slot = slot;
  attempt.opening.frame = frame;
  attempt.opening.client = packet.source_endpoint();
  attempt.opening.server = packet.destination_endpoint();
  (newest_ == kNoSlot ? oldest_ : attempts_[newest_].newer) = slot;
  newest_ = slot;
  observer_.on_opening(attempt.opening);
}

void TcpOpenings::note_other(std::uint64_t tag, const Packet& packet) noexcept {
  const std::uint32_t slot = find(tag);
  if (slot == kNoSlot) return;
  const bool from_client = packet.source_endpoint() == attempts_[slot].opening.client;
  if (packet.tcp.has_rst()) {
    if (!from_client) settle(slot, OpeningAnswer::refused);
  } else if (!from_client || packet.tcp.has_ack()) {
    // A client that acknowledges had an answer, even if the capture does not hold it.
    settle(slot, OpeningAnswer::accepted);
  }
}

void TcpOpenings::expire(Timestamp now) noexcept {
  while (oldest_ != kNoSlot) {
    const Timestamp since = attempts_[oldest_].opening.frame.timestamp;
    if (nanoseconds_between(since, now) <= window_.nanoseconds) return;
    settle(oldest_, OpeningAnswer::none);
  }
}

void TcpOpenings::finish() noexcept {
  while (oldest_ != kNoSlot) {
    // A repeated SYN shows that the answer was due: a client waits for a second (RFC 6298 2.1).
    if (attempts_[oldest_].opening.repeated != 0) {
      settle(oldest_, OpeningAnswer::none);
    } else {
      forget(oldest_);
    }
  }
}

}  // namespace rpcaudit::dissect
