#pragma once

#include <cstddef>
#include <memory>

#include "engine/audit/sink/event_merger.h"

namespace rpcaudit::audit {

// The sink of one shard's auditor: copies its events for the merger.
class EventRecorder : public EventSink {
 public:
  // Borrows the merger.
  EventRecorder(EventMerger& merger, std::size_t shard);

  // Hands on what is recorded, and how far the shard has come. May wait (EventMerger::publish).
  void publish(EventMerger::Progress progress);

  void on_context(const ContextInfo& context, const IdentityText& identity) override;
  void on_refused_context(const ContextInfo& context, const RefusedContext& refused,
                          const IdentityText& identity) override;
  void on_connection(const ConnectionEvent& connection) override;
  void on_call(const ContextInfo& context, const CallEvent& call,
               const IdentityText& identity) override;
  void on_blindness(const dissect::Blindness& blindness) override;
  // A shard alone has no statistics: not to be called.
  void on_statistics(const StatisticsEvent& statistics) override;

 private:
  void publish_when_full();

  EventMerger& merger_;
  std::size_t shard_;
  std::unique_ptr<EventChunk> chunk_;
  EventMerger::Progress progress_;
};

}  // namespace rpcaudit::audit
