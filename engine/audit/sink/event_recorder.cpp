#include "engine/audit/sink/event_recorder.h"

#include <algorithm>
#include <cassert>

namespace rpcaudit::audit {

EventRecorder::EventRecorder(EventMerger& merger, std::size_t shard)
    : merger_(merger), shard_(shard), chunk_(merger.make_chunk(shard)) {}

void EventRecorder::publish(EventMerger::Progress progress) {
  progress_ = progress;
  merger_.publish(shard_, chunk_, progress_);
}

// Events come in order: none is before the last one.
void EventRecorder::publish_when_full() {
  if (chunk_->size() < merger_.bounds().chunk_events) return;
  progress_.safe_before = std::max(progress_.safe_before, chunk_->last_position().sequence);
  merger_.publish(shard_, chunk_, progress_);
}

void EventRecorder::on_context(const ContextInfo& context, const IdentityText& identity) {
  chunk_->add(context, identity);
  publish_when_full();
}

void EventRecorder::on_refused_context(const ContextInfo& context, const RefusedContext& refused,
                                       const IdentityText& identity) {
  chunk_->add(context, refused, identity);
  publish_when_full();
}

void EventRecorder::on_connection(const ConnectionEvent& connection) {
  chunk_->add(connection);
  publish_when_full();
}

void EventRecorder::on_call(const ContextInfo& context, const CallEvent& call,
                            const IdentityText& identity) {
  chunk_->add(context, call, identity);
  publish_when_full();
}

void EventRecorder::on_blindness(const dissect::Blindness& blindness) {
  if (blindness.ordinal == dissect::kLastInFrame) {
    merger_.add_to_sum(blindness);
    return;
  }
  chunk_->add(blindness);
  publish_when_full();
}

void EventRecorder::on_statistics(const StatisticsEvent&) { assert(false); }

}  // namespace rpcaudit::audit
