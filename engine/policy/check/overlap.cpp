#include "engine/policy/check/overlap.h"

#include <algorithm>
#include <span>

namespace rpcaudit::policy {
namespace {

// The values between two ends, either of which may be open or absent.
template <typename T>
struct Interval {
  const T* low = nullptr;
  const T* high = nullptr;
  bool low_open = false;
  bool high_open = false;
};

bool is_flag_test(MatchType match) noexcept {
  return match == MatchType::all_set || match == MatchType::any_set || match == MatchType::none_set;
}

template <typename Range>
auto interval(MatchType match, const Range& range) noexcept {
  Interval<decltype(range.low)> interval;
  switch (match) {
    case MatchType::greater:
    case MatchType::greater_or_equal:
      interval.low = &range.low;
      interval.low_open = match == MatchType::greater;
      break;
    case MatchType::less:
    case MatchType::less_or_equal:
      interval.high = &range.low;
      interval.high_open = match == MatchType::less;
      break;
    default:
      interval.low = &range.low;
      interval.high = &range.high;
      break;
  }
  return interval;
}

// Whether one ends before the other begins.
template <typename T>
bool ends_before(const Interval<T>& a, const Interval<T>& b) noexcept {
  if (a.high == nullptr || b.low == nullptr) return false;
  return *a.high < *b.low || (*a.high == *b.low && (a.high_open || b.low_open));
}

template <typename Range>
bool disjoint_as(const Condition& a, const Condition& b) noexcept {
  const auto* left = std::get_if<Range>(&a.data);
  const auto* right = std::get_if<Range>(&b.data);
  if (left == nullptr || right == nullptr) return false;
  const auto first = interval(a.match, *left);
  const auto second = interval(b.match, *right);
  return ends_before(first, second) || ends_before(second, first);
}

// Whether every value of `inner` is one of `outer`.
template <typename T>
bool lies_within(const Interval<T>& inner, const Interval<T>& outer) noexcept {
  const auto reaches = [](const T* bound, bool open, const T* value, bool value_open, bool is_low) {
    if (bound == nullptr) return true;
    if (value == nullptr) return false;
    if (*bound == *value) return !open || value_open;
    return is_low ? *bound < *value : *value < *bound;
  };
  return reaches(outer.low, outer.low_open, inner.low, inner.low_open, true) &&
         reaches(outer.high, outer.high_open, inner.high, inner.high_open, false);
}

template <typename Range>
bool implies_as(const Condition& inner, const Condition& outer) noexcept {
  const auto* left = std::get_if<Range>(&inner.data);
  const auto* right = std::get_if<Range>(&outer.data);
  return left != nullptr && right != nullptr &&
         lies_within(interval(inner.match, *left), interval(outer.match, *right));
}

// Whether the one condition makes the other hold, both on the same field.
bool implies(const Condition& inner, const Condition& outer) noexcept {
  if (inner.unreadable || outer.unreadable) return false;
  if (same_meaning(inner, outer)) return true;
  if (inner.in_network_order != outer.in_network_order) return false;
  if (is_flag_test(inner.match) || is_flag_test(outer.match)) return false;
  return implies_as<NumberRange>(inner, outer) || implies_as<UuidRange>(inner, outer) ||
         implies_as<AddressRange>(inner, outer) || implies_as<TextRange>(inner, outer);
}

bool disjoint(const Condition& a, const Condition& b) noexcept {
  if (a.unreadable || b.unreadable) return false;
  if (is_flag_test(a.match) || is_flag_test(b.match)) return false;
  return disjoint_as<NumberRange>(a, b) || disjoint_as<UuidRange>(a, b) ||
         disjoint_as<AddressRange>(a, b) || disjoint_as<TextRange>(a, b);
}

using Run = std::span<const Condition>;

// Cuts the run of adjacent conditions on one field off the front.
Run take_run(Run& conditions) noexcept {
  std::size_t size = 1;
  while (size < conditions.size() && conditions[size].field == conditions[0].field) ++size;
  const Run run = conditions.first(size);
  conditions = conditions.subspan(size);
  return run;
}

// The conditions of a run are alternatives, so every pair must exclude each other.
bool disjoint(Run a, Run b) noexcept {
  return std::all_of(a.begin(), a.end(), [b](const Condition& left) {
    return std::all_of(b.begin(), b.end(),
                       [&left](const Condition& right) { return disjoint(left, right); });
  });
}

}  // namespace

std::uint32_t field_set(const Filter& filter) noexcept {
  std::uint32_t set = 0;
  for (const Condition& condition : filter.conditions) {
    set |= std::uint32_t{1} << static_cast<unsigned>(condition.field);
  }
  return set;
}

bool may_overlap(const Filter& a, const Filter& b) {
  for (Run rest = a.conditions; !rest.empty();) {
    const Run run = take_run(rest);
    for (Run other_rest = b.conditions; !other_rest.empty();) {
      const Run other = take_run(other_rest);
      if (run[0].field == other[0].field && disjoint(run, other)) return false;
    }
  }
  return true;
}

bool covers(const Filter& outer, const Filter& inner) {
  for (Run rest = outer.conditions; !rest.empty();) {
    const Run run = take_run(rest);
    if (std::any_of(run.begin(), run.end(), always_holds)) continue;
    bool met = false;
    for (Run inner_rest = inner.conditions; !inner_rest.empty() && !met;) {
      const Run other = take_run(inner_rest);
      if (run[0].field != other[0].field) continue;
      met = std::all_of(other.begin(), other.end(), [run](const Condition& one) {
        return std::any_of(run.begin(), run.end(),
                           [&one](const Condition& wanted) { return implies(one, wanted); });
      });
    }
    if (!met) return false;
  }
  return true;
}

bool never_holds(const Condition& condition) noexcept {
  if (condition.unreadable) return false;
  const auto* number = std::get_if<NumberRange>(&condition.data);
  if (number == nullptr) return false;
  switch (condition.match) {
    case MatchType::greater: return number->low >= value_max(info(condition.field).type);
    case MatchType::less:
    case MatchType::any_set: return number->low == 0;
    default: return false;
  }
}

bool always_holds(const Condition& condition) noexcept {
  if (condition.unreadable) return false;
  const auto* number = std::get_if<NumberRange>(&condition.data);
  if (number == nullptr) return false;
  switch (condition.match) {
    case MatchType::greater_or_equal:
    case MatchType::all_set:
    case MatchType::none_set: return number->low == 0;
    case MatchType::less_or_equal: return number->low >= value_max(info(condition.field).type);
    default: return false;
  }
}

}  // namespace rpcaudit::policy
