#include "dissect/store/intrusive_list.h"

#include <gtest/gtest.h>

#include <string>

namespace rpcaudit::dissect {
namespace {

struct Item {
  char name = ' ';
  ListLinks<Item> links;
};

class IntrusiveListTest : public testing::Test {
 protected:
  Slot<Item> add(char name) {
    const Slot<Item> slot = items_.take();
    items_[slot] = {name, {}};
    list_.push_newest(slot, items_);
    return slot;
  }
  // The names from the oldest to the newest, then from the newest to the oldest.
  std::string both_ways() const {
    std::string names;
    for (Slot<Item> slot = list_.oldest(); slot; slot = items_[slot].links.newer) {
      names += items_[slot].name;
    }
    names += '|';
    for (Slot<Item> slot = list_.newest(); slot; slot = items_[slot].links.older) {
      names += items_[slot].name;
    }
    return names;
  }

  Slab<Item> items_{8};
  IntrusiveList<Item, &Item::links> list_;
};

TEST_F(IntrusiveListTest, KeepsTheOrderOfAddition) {
  EXPECT_EQ(both_ways(), "|");
  add('a');
  EXPECT_EQ(both_ways(), "a|a");
  add('b');
  add('c');
  EXPECT_EQ(both_ways(), "abc|cba");
}

TEST_F(IntrusiveListTest, RemovesFromEitherEndAndTheMiddle) {
  const Slot<Item> a = add('a');
  const Slot<Item> b = add('b');
  const Slot<Item> c = add('c');
  add('d');
  list_.remove(b, items_);
  EXPECT_EQ(both_ways(), "acd|dca");
  list_.remove(a, items_);
  EXPECT_EQ(both_ways(), "cd|dc");
  list_.remove(list_.newest(), items_);
  EXPECT_EQ(both_ways(), "c|c");
  list_.remove(c, items_);
  EXPECT_EQ(both_ways(), "|");
}

TEST_F(IntrusiveListTest, MakesATouchedObjectTheNewest) {
  const Slot<Item> a = add('a');
  const Slot<Item> b = add('b');
  const Slot<Item> c = add('c');
  list_.touch(a, items_);
  EXPECT_EQ(both_ways(), "bca|acb");
  list_.touch(c, items_);
  EXPECT_EQ(both_ways(), "bac|cab");
  list_.touch(c, items_);
  EXPECT_EQ(both_ways(), "bac|cab");
  list_.touch(b, items_);
  EXPECT_EQ(both_ways(), "acb|bca");
}

}  // namespace
}  // namespace rpcaudit::dissect
