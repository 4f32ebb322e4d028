#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/audit/event/event_sink.h"

namespace rpcaudit::audit {

// Copies of some events of one shard, in their order, with everything that they refer to: what the
// auditor keeps may change or go before they are written. A context is copied once for all its
// events as long as it does not change. Cleared and used again, a chunk allocates nothing.
class EventChunk {
 public:
  // Of `shard` among `shards`. Contexts of all shards get different slots.
  EventChunk(std::size_t shard, std::size_t shards) : shard_(shard), shards_(shards) {}

  void add(const ContextInfo& context, const IdentityText& identity);
  void add(const ContextInfo& context, const RefusedContext& refused, const IdentityText& identity);
  void add(const ContextInfo& context, const CallEvent& call, const IdentityText& identity);
  void add(const ConnectionEvent& connection);
  void add(const dissect::Blindness& blindness);

  [[nodiscard]] bool empty() const noexcept { return next_ == events_.size(); }
  // How many events were added.
  [[nodiscard]] std::size_t size() const noexcept { return events_.size(); }
  // The position of the first event that was not passed on; not to be called when empty().
  [[nodiscard]] const dissect::Position& position() const noexcept {
    return events_[next_].position;
  }
  [[nodiscard]] const dissect::Position& last_position() const noexcept {
    return events_.back().position;
  }
  // Bytes taken, used or not.
  [[nodiscard]] std::size_t memory() const noexcept;

  // Tells `sink` the first event that was not passed on, and announces the contexts of later ones.
  void pass_on(EventSink& sink);
  void clear() noexcept;

 private:
  static constexpr std::uint32_t kNone = 0xffff'ffff;  // an index

  struct Event {
    dissect::Position position;
    std::uint32_t context = kNone;   // an index into contexts_
    std::uint32_t identity = kNone;  // an index into identities_
    // monostate: the context itself
    std::variant<std::monostate, CallEvent, RefusedContext, ConnectionEvent, dissect::Blindness>
        what;
  };
  // Where a name is in names_.
  struct Name {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  struct Identity {
    Name user;
    Name domain;
    bool null_session = false;
    Name workstation = {};
    Name service = {};
  };
  struct Context {
    ContextInfo info;
    std::uint32_t identity = kNone;  // of its event added last
  };

  Event& add_event(dissect::Position position) {
    return events_.emplace_back(Event{position, kNone, kNone, {}});
  }
  Event& add_event(dissect::Position position, const ContextInfo& context,
                   const IdentityText& identity);
  [[nodiscard]] std::uint32_t keep_context(const ContextInfo& context);
  [[nodiscard]] std::uint32_t keep_identity(std::uint32_t context, const IdentityText& identity);
  [[nodiscard]] Name keep_name(std::string_view name);
  [[nodiscard]] std::string_view view(const Name& name) const noexcept {
    return std::string_view(names_).substr(name.begin, name.size);
  }
  [[nodiscard]] IdentityText text(std::uint32_t identity) const noexcept;
  void announce_later_context(EventSink& sink) const noexcept;

  static constexpr std::size_t kRecent = 64;

  std::size_t shard_;
  std::size_t shards_;
  std::vector<Event> events_;
  std::size_t next_ = 0;           // the first event that was not passed on
  std::vector<Context> contexts_;  // those from contexts_used_ on keep their memory
  std::size_t contexts_used_ = 0;
  std::vector<Identity> identities_;
  std::string names_;
  std::array<std::uint32_t, kRecent> recent_{};  // by slot: where in contexts_ one may be
};

}  // namespace rpcaudit::audit
