#pragma once

#include <vector>

#include "engine/audit/event/event_sink.h"

namespace rpcaudit::test {

inline dissect::Blindness gap_at(dissect::Position position) {
  dissect::Blindness blindness;
  blindness.kind = dissect::BlindnessKind::gap;
  blindness.frame.sequence = position.sequence;
  blindness.ordinal = position.ordinal;
  return blindness;
}

// Remembers where the blindness stands that it is told of, and how much there is.
class PositionSink : public audit::EventSink {
 public:
  void on_context(const audit::ContextInfo&, const audit::IdentityText&) override {}
  void on_refused_context(const audit::ContextInfo&, const audit::RefusedContext&,
                          const audit::IdentityText&) override {}
  void on_connection(const audit::ConnectionEvent&) override {}
  void on_call(const audit::ContextInfo&, const audit::CallEvent&,
               const audit::IdentityText&) override {}
  void on_blindness(const dissect::Blindness& blindness) override {
    positions.push_back({blindness.frame.sequence, blindness.ordinal});
    messages += blindness.messages;
  }
  void on_statistics(const audit::StatisticsEvent&) override {}

  std::vector<dissect::Position> positions;
  std::uint64_t messages = 0;
};

}  // namespace rpcaudit::test
