#include "dissect/store/unfinished_streams.h"

#include <algorithm>

namespace rpcaudit::dissect {
namespace {

constexpr std::uint32_t kChildren = 4;

}  // namespace

bool UnfinishedStreams::is_before(std::uint32_t one, std::uint32_t other) const noexcept {
  const std::uint64_t of_one = marks_[one].sequence;
  const std::uint64_t of_other = marks_[other].sequence;
  return of_one != of_other ? of_one < of_other : one < other;
}

void UnfinishedStreams::change(std::uint32_t index, std::uint64_t earlier,
                               std::uint64_t sequence) noexcept {
  Mark& mark = marks_[index];
  mark.sequence = sequence;
  if (earlier == 0) {
    rise(size_++, index);
  } else if (sequence == 0) {
    const std::uint32_t last = heap_[--size_];
    if (last == index) return;
    // The last one takes the place that is free, from where it may have to move either way.
    rise(mark.place, last);
    sink(marks_[last].place, last);
  } else if (sequence < earlier) {
    rise(mark.place, index);
  } else {
    sink(mark.place, index);
  }
}

void UnfinishedStreams::put(std::uint32_t place, std::uint32_t index) noexcept {
  heap_[place] = index;
  marks_[index].place = place;
}

void UnfinishedStreams::rise(std::uint32_t place, std::uint32_t index) noexcept {
  while (place != 0) {
    const std::uint32_t parent = (place - 1) / kChildren;
    if (!is_before(index, heap_[parent])) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, index);
}

void UnfinishedStreams::sink(std::uint32_t place, std::uint32_t index) noexcept {
  for (;;) {
    const std::uint32_t first = kChildren * place + 1;
    if (first >= size_) break;
    std::uint32_t least = first;
    for (std::uint32_t child = first + 1; child < std::min(first + kChildren, size_); ++child) {
      if (is_before(heap_[child], heap_[least])) least = child;
    }
    if (!is_before(heap_[least], index)) break;
    put(place, heap_[least]);
    place = least;
  }
  put(place, index);
}

}  // namespace rpcaudit::dissect
