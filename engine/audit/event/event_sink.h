#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/audit/event/audit_event.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::audit {

// A counter under a stable name.
struct NamedCounter {
  std::string_view name;
  std::uint64_t value = 0;
};

// How much of an interface's traffic was seen, since the capture began.
struct InterfaceStatistics {
  std::string_view name;
  std::string_view state;     // literal
  std::uint64_t frames = 0;   // that passed the filter, seen or not
  std::uint64_t dropped = 0;  // the part of `frames` that came faster than it was read: not seen
  std::uint64_t missed = 0;  // not in `frames` and not seen: the adapter or its driver dropped them

  // Of all frames that there were, from 0 to 1.
  [[nodiscard]] double share_seen() const noexcept {
    const auto all = static_cast<double>(frames + missed);
    return all == 0 ? 1 : static_cast<double>(frames - dropped) / all;
  }
};

// The counters of a run, at its end or, of a capture that goes on, until now. Spans are borrowed.
struct StatisticsEvent {
  Timestamp timestamp;                  // of the last frame; without one, of the clock
  bool interrupted = false;             // the run was stopped before its input ended
  std::string_view version;             // of the program
  std::span<const std::string> inputs;  // captures and folders, as they were named
  std::optional<Timestamp> first;       // of the earliest frame
  std::span<const NamedCounter> dissect;
  std::span<const NamedCounter> audit;
  std::span<const InterfaceStatistics> interfaces = {};  // of a capture that goes on
  std::uint64_t records_lost = 0;                        // that outputs did not take
};

// Policies were read, and these judge from here on.
struct PoliciesEvent {
  Timestamp timestamp;  // of the clock
  const evaluate::ServerPolicies* policies = nullptr;
  std::uint32_t first = 0;  // the index of the first that judges; the earlier ones did before
  PolicyOutcome outcome = PolicyOutcome::taken_over;
  std::string_view asked_by;  // literal: who wanted policies to be read
};

// Calls that are told together, in place of each of them.
struct Repeats {
  std::uint64_t count = 0;
  Timestamp first;  // the time of the first of these calls
  Timestamp last;
};

// Name of an input by its number: FrameSource::input_name. Empty when there is none.
using InputName = std::function<std::string_view(std::uint32_t)>;

// Where events go, in the order in which they are to be written. References are borrowed for the
// call. Failures of the output are the business of the sink's OutputBuffer.
class EventSink {
 public:
  EventSink() = default;
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;
  virtual ~EventSink() = default;

  // A record of the context with this ContextInfo::slot will follow shortly: time to bring into the
  // cache what is kept of it.
  virtual void on_approach(std::uint32_t context_slot) noexcept { (void)context_slot; }

  virtual void on_context(const ContextInfo& context, const IdentityText& identity) = 0;
  // A context that the server refused, and whose calls the policy would stop.
  virtual void on_refused_context(const ContextInfo& context, const RefusedContext& refused,
                                  const IdentityText& identity) = 0;
  virtual void on_connection(const ConnectionEvent& connection) = 0;
  virtual void on_call(const ContextInfo& context, const CallEvent& call,
                       const IdentityText& identity) = 0;
  // Calls of one kind, of which `call` is the first.
  virtual void on_repeats(const ContextInfo& context, const CallEvent& call,
                          const IdentityText& identity, const Repeats& repeats) {
    (void)repeats;
    on_call(context, call, identity);
  }
  virtual void on_blindness(const dissect::Blindness& blindness) = 0;
  virtual void on_statistics(const StatisticsEvent& statistics) = 0;

  // Told before any event that refers to these policies. They outlive the sink.
  virtual void on_policies(const PoliciesEvent& policies) { (void)policies; }

  // Nothing more may come for a while: what is held to be handed on in large pieces is handed on.
  virtual void flush() {}
};

}  // namespace rpcaudit::audit
