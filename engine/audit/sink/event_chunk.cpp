#include "engine/audit/sink/event_chunk.h"

#include <type_traits>

namespace rpcaudit::audit {
namespace {

// What IdentityText has is copied member by member: whoever adds one comes here.
static_assert(sizeof(IdentityText) == 4 * sizeof(std::string_view) + alignof(std::string_view));

bool is_copy_of(const ContextInfo& copy, const ContextInfo& context, std::uint32_t slot) noexcept {
  return copy.slot == slot && copy.generation == context.generation &&
         copy.revision == context.revision;
}

}  // namespace

EventChunk::Event& EventChunk::add_event(dissect::Position position, const ContextInfo& context,
                                         const IdentityText& identity) {
  Event& event = add_event(position);
  event.context = keep_context(context);
  event.identity = keep_identity(event.context, identity);
  return event;
}

void EventChunk::add(const ContextInfo& context, const IdentityText& identity) {
  add_event({context.frame.sequence, 0}, context, identity);
}

void EventChunk::add(const ContextInfo& context, const RefusedContext& refused,
                     const IdentityText& identity) {
  add_event({context.frame.sequence, 0}, context, identity).what = refused;
}

void EventChunk::add(const ContextInfo& context, const CallEvent& call,
                     const IdentityText& identity) {
  add_event({call.frame.sequence, 0}, context, identity).what = call;
}

void EventChunk::add(const ConnectionEvent& connection) {
  add_event({connection.frame.sequence, 0}).what = connection;
}

void EventChunk::add(const dissect::Blindness& blindness) {
  static_assert(std::is_trivially_copyable_v<decltype(Event::what)>, "it would allocate");
  add_event({blindness.frame.sequence, blindness.ordinal}).what = blindness;
}

std::uint32_t EventChunk::keep_context(const ContextInfo& context) {
  const auto slot = static_cast<std::uint32_t>(context.slot * shards_ + shard_);
  std::uint32_t& recent = recent_[context.slot % kRecent];
  if (recent < contexts_used_ && is_copy_of(contexts_[recent].info, context, slot)) return recent;
  recent = static_cast<std::uint32_t>(contexts_used_++);
  if (contexts_used_ > contexts_.size()) contexts_.emplace_back();
  Context& copy = contexts_[recent];
  copy.info = context;
  copy.info.slot = slot;
  copy.identity = kNone;
  return recent;
}

std::uint32_t EventChunk::keep_identity(std::uint32_t context, const IdentityText& identity) {
  const bool is_unknown = identity.user.empty() && identity.domain.empty() &&
                          identity.workstation.empty() && identity.service.empty();
  if (is_unknown && !identity.null_session) return kNone;
  std::uint32_t& last = contexts_[context].identity;
  if (last != kNone) {
    const IdentityText kept = text(last);
    if (kept.user == identity.user && kept.domain == identity.domain &&
        kept.workstation == identity.workstation && kept.service == identity.service &&
        kept.null_session == identity.null_session) {
      return last;
    }
  }
  last = static_cast<std::uint32_t>(identities_.size());
  identities_.push_back({keep_name(identity.user), keep_name(identity.domain),
                         identity.null_session, keep_name(identity.workstation),
                         keep_name(identity.service)});
  return last;
}

EventChunk::Name EventChunk::keep_name(std::string_view name) {
  const auto begin = static_cast<std::uint32_t>(names_.size());
  names_.append(name);
  return {begin, static_cast<std::uint32_t>(name.size())};
}

IdentityText EventChunk::text(std::uint32_t identity) const noexcept {
  if (identity == kNone) return {};
  const Identity& kept = identities_[identity];
  return {view(kept.user), view(kept.domain), kept.null_session, view(kept.workstation),
          view(kept.service)};
}

std::size_t EventChunk::memory() const noexcept {
  return sizeof *this + events_.capacity() * sizeof(Event) +
         contexts_.capacity() * sizeof(Context) + identities_.capacity() * sizeof(Identity) +
         names_.capacity();
}

void EventChunk::announce_later_context(EventSink& sink) const noexcept {
  constexpr std::size_t kPrefetchDistance = 3;
  if (next_ + kPrefetchDistance >= events_.size()) return;
  const std::uint32_t context = events_[next_ + kPrefetchDistance].context;
  if (context != kNone) sink.on_approach(contexts_[context].info.slot);
}

void EventChunk::pass_on(EventSink& sink) {
  announce_later_context(sink);
  const Event& event = events_[next_++];
  if (const auto* connection = std::get_if<ConnectionEvent>(&event.what)) {
    sink.on_connection(*connection);
    return;
  }
  if (const auto* blindness = std::get_if<dissect::Blindness>(&event.what)) {
    sink.on_blindness(*blindness);
    return;
  }
  const ContextInfo& context = contexts_[event.context].info;
  const IdentityText identity = text(event.identity);
  if (const auto* call = std::get_if<CallEvent>(&event.what)) {
    sink.on_call(context, *call, identity);
  } else if (const auto* refused = std::get_if<RefusedContext>(&event.what)) {
    sink.on_refused_context(context, *refused, identity);
  } else {
    sink.on_context(context, identity);
  }
}

void EventChunk::clear() noexcept {
  events_.clear();
  next_ = 0;
  contexts_used_ = 0;
  identities_.clear();
  names_.clear();
}

}  // namespace rpcaudit::audit
