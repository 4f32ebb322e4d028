#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/audit/event/audit_event.h"

namespace rpcaudit::audit {

// An account that made calls, as the wire showed it.
struct ActivityUser {
  std::string user;
  std::string domain;
  bool null_session = false;

  [[nodiscard]] IdentityText text() const { return {user, domain, null_session}; }
};

// Calls that belong together for a reader of the summary: who asked whom for what, and how the
// policy takes it.
struct Activity {
  static constexpr std::size_t kUsersMax = 3;

  IpAddress client;
  IpAddress server;
  std::optional<Uuid> interface;
  std::uint16_t opnum = 0;
  evaluate::VerdictAction action = evaluate::VerdictAction::would_block;

  evaluate::TargetActions targets;  // where it depends on the target, and all are asked for
  bool depends_on_target = false;
  bool only_logged = false;

  std::uint64_t count = 0;
  dissect::FrameReference first;   // the first call, to look at
  Timestamp last;                  // the time of the last call
  std::uint64_t consistent = 0;    // the server denied access
  std::uint64_t contradicted = 0;  // the server answered
  evaluate::FieldSet unseen = 0;
  dissect::Doubts doubts;
  std::array<ActivityUser, kUsersMax> users;  // the first that were met
  std::size_t user_count = 0;
  bool more_users = false;
};

// Counts activities in bounded memory. What does not fit is counted together.
class ActivityTable {
 public:
  ActivityTable();

  // With `by_target`, calls that targets judge otherwise are activities of their own.
  void note(const ContextInfo& context, const CallEvent& call, const IdentityText& identity,
            bool by_target);

  // Adds the activities of a table that saw other pairs of hosts, or the same pairs at other times.
  void add(const ActivityTable& more);

  // By count, the largest first; equal counts by key.
  [[nodiscard]] std::vector<const Activity*> sorted() const;
  // Calls that found no place.
  [[nodiscard]] std::uint64_t overflow() const noexcept { return overflow_; }

 private:
  static constexpr std::size_t kActivitiesMax = 4096;
  static constexpr std::size_t kBuckets = 4 * kActivitiesMax;
  static constexpr std::size_t kProbesMax = 32;

  Activity* find_or_add(const Activity& key);

  std::vector<Activity> activities_;
  std::uint64_t seed_;
  std::vector<std::uint16_t> buckets_;  // index + 1; 0: empty
  std::uint64_t overflow_ = 0;
};

// `domain\user`, either alone when the other is unknown, or `anonymous`; empty when nothing is.
[[nodiscard]] std::string account_of(const IdentityText& identity);

}  // namespace rpcaudit::audit
