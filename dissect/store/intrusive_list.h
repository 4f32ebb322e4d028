#pragma once

#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// The neighbours of an object in an IntrusiveList: a member of the object.
template <class T>
struct ListLinks {
  Slot<T> older;
  Slot<T> newer;
};

// A doubly linked list of objects of a slab, oldest to newest; with touch() it is an LRU list. An
// object keeps its links itself and stands in one list of this type at a time. `Store` is whatever
// `store[Slot<T>]` finds the objects in; it is handed in, so that the list is two slots and no
// more.
template <class T, ListLinks<T> T::*kLinks>
class IntrusiveList {
 public:
  // None when the list is empty.
  [[nodiscard]] Slot<T> oldest() const noexcept { return oldest_; }
  [[nodiscard]] Slot<T> newest() const noexcept { return newest_; }

  template <class Store>
  void push_newest(Slot<T> slot, Store& store) noexcept {
    ListLinks<T>& links = store[slot].*kLinks;
    links.newer = {};
    links.older = newest_;
    (newest_ ? (store[newest_].*kLinks).newer : oldest_) = slot;
    newest_ = slot;
  }

  template <class Store>
  void remove(Slot<T> slot, Store& store) noexcept {
    const ListLinks<T> links = store[slot].*kLinks;
    (links.older ? (store[links.older].*kLinks).newer : oldest_) = links.newer;
    (links.newer ? (store[links.newer].*kLinks).older : newest_) = links.older;
  }

  // Makes the object, which stands in the list, the newest.
  template <class Store>
  void touch(Slot<T> slot, Store& store) noexcept {
    if (newest_ == slot) return;
    remove(slot, store);
    push_newest(slot, store);
  }

 private:
  Slot<T> oldest_;
  Slot<T> newest_;
};

}  // namespace rpcaudit::dissect
