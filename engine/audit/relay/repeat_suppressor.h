#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/audit/event/event_sink.h"
#include "engine/audit/event/slot_list.h"
#include "engine/audit/event/slot_pool.h"

namespace rpcaudit::audit {

// Passes the first call of a kind on at once. Later calls of that kind become one record for each
// interval, with their number (EventSink::on_repeats), so that whoever calls a thousand times a
// second does not write a thousand records. Calls are of one kind when they agree in client,
// server, interface, operation, verdict (action, control and filter), outcome and user. Every other
// event passes.
//
// Nothing vanishes: the calls passed on and the numbers of repeats together are all calls. A kind
// that finds no room takes that of the one that was met least recently, whose repeats are written
// then. Time is that of the frames, and of on_time(). Does not allocate in the steady state.
class RepeatSuppressor : public EventSink {
 public:
  static constexpr std::size_t kKindsMax = 8192;
  // What it takes when it is full; names of users and pipes may be longer.
  [[nodiscard]] static std::size_t memory() noexcept;

  // Borrows `next`. `interval` is in nanoseconds, above 0.
  RepeatSuppressor(EventSink& next, std::int64_t interval, std::size_t kinds_max = kKindsMax);

  // No call before this time will follow: writes the repeats that are due.
  void on_time(Timestamp now);
  // Writes all repeats, and forgets all kinds. To be called before the last statistics.
  void write_pending();

  void on_approach(std::uint32_t context_slot) noexcept override {
    next_.on_approach(context_slot);
  }
  void on_context(const ContextInfo& context, const IdentityText& identity) override {
    next_.on_context(context, identity);
  }
  void on_refused_context(const ContextInfo& context, const RefusedContext& refused,
                          const IdentityText& identity) override {
    next_.on_refused_context(context, refused, identity);
  }
  void on_connection(const ConnectionEvent& connection) override {
    next_.on_connection(connection);
  }
  void on_call(const ContextInfo& context, const CallEvent& call,
               const IdentityText& identity) override;
  void on_blindness(const dissect::Blindness& blindness) override { next_.on_blindness(blindness); }
  void on_statistics(const StatisticsEvent& statistics) override {
    next_.on_statistics(statistics);
  }
  // Filters of other policies are others: all repeats are written before.
  void on_policies(const PoliciesEvent& policies) override {
    write_pending();
    next_.on_policies(policies);
  }
  void flush() override { next_.flush(); }

 private:
  // What makes calls one kind, but for the names of the user.
  struct Key {
    IpAddress client;
    IpAddress server;
    std::optional<dissect::SyntaxId> interface;
    std::uint16_t opnum = 0;
    std::uint32_t policy = 0;
    std::uint32_t filter = evaluate::kNoFilter;
    std::uint8_t action = 0;  // a VerdictAction and one more; 0: not judged
    std::uint8_t control = 0;
    dissect::Outcome outcome = dissect::Outcome::unanswered;
    bool null_session = false;

    bool operator==(const Key&) const = default;
  };
  struct Kind {
    Key key;
    std::string user;
    std::string domain;
    std::size_t bucket = 0;
    std::uint32_t next_in_bucket = kNoSlot;
    Timestamp begun;  // its interval
    Repeats repeats;  // in the interval
    // The first one of them.
    ContextInfo context;
    CallEvent call;
    std::string workstation;
  };

  [[nodiscard]] static Key key_of(const ContextInfo& context, const CallEvent& call,
                                  const IdentityText& identity) noexcept;
  [[nodiscard]] std::size_t bucket_of(const Key& key, const IdentityText& identity) const noexcept;
  [[nodiscard]] std::uint32_t find(std::size_t bucket, const Key& key,
                                   const IdentityText& identity) const noexcept;
  void add(std::size_t bucket, const Key& key, const IdentityText& identity, Timestamp time);
  void note_repeat(Kind& kind, const ContextInfo& context, const CallEvent& call,
                   const IdentityText& identity);
  [[nodiscard]] bool is_over(const Kind& kind, Timestamp now) const noexcept;
  void write(Kind& kind);
  void forget(std::uint32_t slot);

  EventSink& next_;
  const std::int64_t interval_;
  std::uint64_t seed_;
  SlotPool<Kind> kinds_;
  std::vector<std::uint32_t> buckets_;  // the first kind of each
  SlotList by_use_;                     // the one met least recently first
  SlotList by_interval_;                // the one whose interval began first, first
};

}  // namespace rpcaudit::audit
