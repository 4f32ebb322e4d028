#include "engine/audit/event/pending_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "engine/audit/event/identity_store.h"
#include "engine/audit/event/slot_pool.h"

namespace rpcaudit::audit {
namespace {

std::vector<dissect::Position> drain(PendingQueue& queue) {
  std::vector<dissect::Position> order;
  while (!queue.empty()) {
    order.push_back(queue[queue.head()].position);
    queue.pop_head();
  }
  return order;
}

TEST(PendingQueue, GivesEventsByPosition) {
  PendingQueue queue(8);
  for (const dissect::Position at :
       {dissect::Position{5, 0}, dissect::Position{7, 0}, dissect::Position{5, 1},
        dissect::Position{6, 2}, dissect::Position{7, 1}, dissect::Position{1, 9}}) {
    (void)queue.add(at);
  }
  const std::vector<dissect::Position> wanted{{1, 9}, {5, 0}, {5, 1}, {6, 2}, {7, 0}, {7, 1}};
  EXPECT_EQ(drain(queue), wanted);
}

TEST(PendingQueue, KeepsTheOrderOfArrivalOfEqualPositions) {
  PendingQueue queue(8);
  (void)queue.add({9, 0});
  const std::uint32_t first = queue.add({4, 0});
  const std::uint32_t second = queue.add({4, 0});
  const std::uint32_t third = queue.add({4, 0});
  for (const std::uint32_t slot : {first, second, third}) {
    EXPECT_EQ(queue.head(), slot);
    queue.pop_head();
  }
}

TEST(PendingQueue, IsFullAtItsCapacityAndUsableAfterwards) {
  PendingQueue queue(3);
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(queue.full());
    (void)queue.add({10 - i, 0});
  }
  EXPECT_TRUE(queue.full());
  queue.pop_head();
  EXPECT_FALSE(queue.full());
  (void)queue.add({1, 0});
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(drain(queue).front(), (dissect::Position{1, 0}));
}

TEST(PendingQueue, SortsAnyOrderOfArrival) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    PendingQueue queue(64);
    std::vector<dissect::Position> wanted;
    for (std::uint64_t i = 0; i < 64; ++i) {
      const std::uint64_t back = std::min<std::uint64_t>(i, random() % 40);
      wanted.push_back({100 + i - back, static_cast<std::uint32_t>(random() % 3)});
      (void)queue.add(wanted.back());
    }
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(drain(queue), wanted);
  }
}

TEST(SlotPool, GivesBackAndRunsOut) {
  SlotPool<int> pool(2);
  const std::uint32_t a = pool.take();
  const std::uint32_t b = pool.take();
  EXPECT_NE(a, b);
  EXPECT_TRUE(pool.full());
  EXPECT_EQ(pool.take(), kNoSlot);
  pool.release(a);
  EXPECT_EQ(pool.size(), 1u);
  EXPECT_EQ(pool.take(), a);
}

dissect::SecurityIdentity identity(std::string_view user, std::string_view domain) {
  dissect::SecurityIdentity who;
  who.user = user;
  who.domain = domain;
  return who;
}

TEST(IdentityStore, SharesWhatSaysTheSame) {
  IdentityStore store(2);
  const std::uint32_t first = store.intern(identity("user1", "LAB77"), kNoSlot);
  EXPECT_EQ(store.intern(identity("user1", "LAB77"), first), first);
  const std::uint32_t other = store.intern(identity("user2", "LAB77"), first);
  EXPECT_NE(other, first);
  EXPECT_EQ(store.text(first).user, "user1");
  EXPECT_EQ(store.text(other).domain, "LAB77");

  EXPECT_EQ(store.intern(identity("user3", ""), other), kNoSlot);
  EXPECT_EQ(store.dropped(), 1u);
  store.release(first);
  store.release(first);
  EXPECT_EQ(store.size(), 1u);
  EXPECT_NE(store.intern(identity("user3", ""), other), kNoSlot);
}

TEST(IdentityStore, HasNoPlaceForNobodyAndCutsAtACharacter) {
  IdentityStore store(4);
  EXPECT_EQ(store.intern({}, kNoSlot), kNoSlot);
  EXPECT_EQ(store.text(kNoSlot).user, "");

  const std::string long_name = std::string(127, 'a') + "\xc3\xbc";
  const std::uint32_t handle = store.intern(identity(long_name, ""), kNoSlot);
  EXPECT_EQ(store.text(handle).user, std::string(127, 'a'));
  EXPECT_EQ(store.intern(identity(long_name, ""), handle), handle);

  dissect::SecurityIdentity nobody;
  nobody.null_session = true;
  EXPECT_TRUE(store.text(store.intern(nobody, handle)).null_session);
}

}  // namespace
}  // namespace rpcaudit::audit
