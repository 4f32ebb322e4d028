#include "engine/evaluate/evaluation_order.h"

#include <algorithm>

namespace rpcaudit {

std::uint32_t filter_weight(const Filter& filter) noexcept {
  std::uint32_t weight = 0;
  for (const Condition& condition : filter.conditions) {
    const auto place = static_cast<std::size_t>(condition.field);
    if (place < kWeightFieldCount) weight |= std::uint32_t{1} << (kWeightFieldCount - 1 - place);
  }
  return weight;
}

std::vector<std::uint32_t> evaluation_order(const Policy& policy) {
  struct Place {
    std::uint32_t weight;
    std::uint32_t filter;
  };
  std::vector<Place> places;
  for (std::uint32_t i = 0; i < policy.filters.size(); ++i) {
    if (policy.filters[i].layer == Layer::um) {
      places.push_back({filter_weight(policy.filters[i]), i});
    }
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.filter > b.filter;
  });
  std::vector<std::uint32_t> order;
  order.reserve(places.size());
  for (const Place& place : places) order.push_back(place.filter);
  return order;
}

}  // namespace rpcaudit
