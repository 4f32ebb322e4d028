#include "engine/audit/tally/activity_table.h"

#include <algorithm>
#include <tuple>

#include "engine/audit/event/evidence.h"
#include "engine/audit/event/hash_mixer.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::audit {
namespace {

auto key_of(const Activity& activity) noexcept {
  return std::tie(activity.client, activity.server, activity.interface, activity.opnum,
                  activity.action, activity.depends_on_target, activity.targets,
                  activity.only_logged);
}

std::uint64_t hash_of(const Activity& key, std::uint64_t seed) noexcept {
  HashMixer mixer(seed);
  mixer.add(key.client.bytes);
  mixer.add(key.server.bytes);
  if (key.interface) mixer.add(key.interface->bytes);
  mixer.add(key.opnum);
  mixer.add(static_cast<std::uint64_t>(key.action));
  mixer.add(key.targets.bits());
  return mixer.value();
}

void note_user(Activity& activity, const IdentityText& who) {
  if (who.user.empty() && who.domain.empty() && !who.null_session) return;
  for (std::size_t i = 0; i < activity.user_count; ++i) {
    const ActivityUser& known = activity.users[i];
    if (known.user == who.user && known.domain == who.domain &&
        known.null_session == who.null_session) {
      return;
    }
  }
  if (activity.user_count == Activity::kUsersMax) {
    activity.more_users = true;
    return;
  }
  activity.users[activity.user_count++] = {std::string(who.user), std::string(who.domain),
                                           who.null_session};
}

// Calls from `first` to `last` join those that were counted.
void note_call(Activity& activity, const dissect::FrameReference& first, Timestamp last) {
  const bool is_first = activity.count == 0;
  if (is_first || first.sequence < activity.first.sequence) activity.first = first;
  if (is_first || last > activity.last) activity.last = last;
}

}  // namespace

ActivityTable::ActivityTable() : seed_(hash_seed()), buckets_(kBuckets) {
  static_assert(kActivitiesMax < 0xffff);
  activities_.reserve(kActivitiesMax);
}

Activity* ActivityTable::find_or_add(const Activity& key) {
  std::size_t bucket = hash_of(key, seed_) % kBuckets;
  for (std::size_t probe = 0; probe < kProbesMax; ++probe) {
    std::uint16_t& index = buckets_[bucket];
    if (index == 0) {
      if (activities_.size() == kActivitiesMax) return nullptr;
      activities_.push_back(key);
      index = static_cast<std::uint16_t>(activities_.size());
    }
    Activity& activity = activities_[index - 1u];
    if (key_of(activity) == key_of(key)) return &activity;
    bucket = (bucket + 1) % kBuckets;
  }
  return nullptr;
}

void ActivityTable::note(const ContextInfo& context, const CallEvent& call,
                         const IdentityText& identity, bool by_target) {
  if (!call.verdict) return;
  Activity key;
  key.client = context.client.address;
  key.server = context.server.address;
  if (call.has_interface && context.abstract_syntax) key.interface = context.abstract_syntax->uuid;
  key.opnum = call.opnum;
  key.action = call.verdict->action;
  key.only_logged = evaluate::is_only_logged(*call.verdict);
  if (by_target && call.verdict->depends_on_target) {
    key.depends_on_target = true;
    key.targets = call.verdict->targets;
  }
  Activity* const activity = find_or_add(key);
  if (activity == nullptr) {
    ++overflow_;
    return;
  }
  note_call(*activity, call.frame, call.frame.timestamp);
  ++activity->count;
  const Enforced what = evidence_of(context, call).enforced;
  if (what == Enforced::consistent) ++activity->consistent;
  if (what == Enforced::contradicted) ++activity->contradicted;
  activity->unseen |= call.verdict->deciding_filters().unseen;
  activity->doubts.add(call.verdict->doubts);
  note_user(*activity, identity);
}

void ActivityTable::add(const ActivityTable& more) {
  overflow_ += more.overflow_;
  for (const Activity& other : more.activities_) {
    Activity key;
    key.client = other.client;
    key.server = other.server;
    key.interface = other.interface;
    key.opnum = other.opnum;
    key.action = other.action;
    key.targets = other.targets;
    key.depends_on_target = other.depends_on_target;
    key.only_logged = other.only_logged;
    Activity* const activity = find_or_add(key);
    if (activity == nullptr) {
      overflow_ += other.count;
      continue;
    }
    note_call(*activity, other.first, other.last);
    activity->count += other.count;
    activity->consistent += other.consistent;
    activity->contradicted += other.contradicted;
    activity->unseen |= other.unseen;
    activity->doubts.add(other.doubts);
    activity->more_users |= other.more_users;
    for (std::size_t i = 0; i < other.user_count; ++i) {
      const ActivityUser& who = other.users[i];
      note_user(*activity, {who.user, who.domain, who.null_session});
    }
  }
}

std::vector<const Activity*> ActivityTable::sorted() const {
  std::vector<const Activity*> all;
  for (const Activity& activity : activities_) all.push_back(&activity);
  std::sort(all.begin(), all.end(), [](const Activity* a, const Activity* b) {
    return a->count != b->count ? a->count > b->count : key_of(*a) < key_of(*b);
  });
  return all;
}

std::string account_of(const IdentityText& identity) {
  if (identity.user.empty() && identity.domain.empty()) {
    return identity.null_session ? "anonymous" : "";
  }
  std::string account;
  append_account(account, identity.domain, identity.user);
  return account;
}

}  // namespace rpcaudit::audit
