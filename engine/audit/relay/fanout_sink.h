#pragma once

#include <utility>
#include <vector>

#include "engine/audit/event/event_sink.h"

namespace rpcaudit::audit {

// Tells several sinks every event.
class FanoutSink : public EventSink {
 public:
  // Borrows the sinks.
  explicit FanoutSink(std::vector<EventSink*> sinks) : sinks_(std::move(sinks)) {}

  void on_approach(std::uint32_t context_slot) noexcept override {
    for (EventSink* sink : sinks_) sink->on_approach(context_slot);
  }
  void on_context(const ContextInfo& context, const IdentityText& identity) override {
    for (EventSink* sink : sinks_) sink->on_context(context, identity);
  }
  void on_refused_context(const ContextInfo& context, const RefusedContext& refused,
                          const IdentityText& identity) override {
    for (EventSink* sink : sinks_) sink->on_refused_context(context, refused, identity);
  }
  void on_connection(const ConnectionEvent& connection) override {
    for (EventSink* sink : sinks_) sink->on_connection(connection);
  }
  void on_call(const ContextInfo& context, const CallEvent& call,
               const IdentityText& identity) override {
    for (EventSink* sink : sinks_) sink->on_call(context, call, identity);
  }
  void on_repeats(const ContextInfo& context, const CallEvent& call, const IdentityText& identity,
                  const Repeats& repeats) override {
    for (EventSink* sink : sinks_) sink->on_repeats(context, call, identity, repeats);
  }
  void on_blindness(const dissect::Blindness& blindness) override {
    for (EventSink* sink : sinks_) sink->on_blindness(blindness);
  }
  void on_statistics(const StatisticsEvent& statistics) override {
    for (EventSink* sink : sinks_) sink->on_statistics(statistics);
  }
  void on_policies(const PoliciesEvent& policies) override {
    for (EventSink* sink : sinks_) sink->on_policies(policies);
  }
  void flush() override {
    for (EventSink* sink : sinks_) sink->flush();
  }

 private:
  std::vector<EventSink*> sinks_;
};

}  // namespace rpcaudit::audit
