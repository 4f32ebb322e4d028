#include <algorithm>
#include <string>

#include "engine/policy/check/host_validator.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

std::vector<PortRange> sorted(const std::vector<Placed<PortRange>>& ranges) {
  std::vector<PortRange> all;
  for (const Placed<PortRange>& range : ranges) all.push_back(range.value);
  std::sort(all.begin(), all.end());
  std::vector<PortRange> joined;
  for (const PortRange& range : all) {
    if (!joined.empty() && range.low <= std::uint32_t{joined.back().high} + 1) {
      joined.back().high = std::max(joined.back().high, range.high);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

std::vector<PortRange> complement(const std::vector<PortRange>& listed, const PortRange& within) {
  std::vector<PortRange> rest;
  std::uint32_t next = within.low;
  for (const PortRange& range : listed) {
    if (range.high < next || range.low > within.high) continue;
    if (range.low > next)
      rest.push_back({static_cast<std::uint16_t>(next), static_cast<std::uint16_t>(range.low - 1)});
    next = std::uint32_t{range.high} + 1;
  }
  if (next <= within.high) rest.push_back({static_cast<std::uint16_t>(next), within.high});
  return rest;
}

}  // namespace

std::vector<PortRange> effective_port_ranges(const PortSettings& ports) {
  const PortRange system = ports.system_range ? ports.system_range->value : kDefaultDynamicRange;
  if (ports.ranges.empty()) return {system};
  const std::vector<PortRange> listed = sorted(ports.ranges);
  const bool are_internet = !ports.ports_are_internet || ports.ports_are_internet->value;
  const bool use_internet = !ports.use_internet || ports.use_internet->value;
  return are_internet == use_internet ? listed : complement(listed, system);
}

std::uint32_t port_count(const std::vector<PortRange>& ranges) noexcept {
  std::uint32_t count = 0;
  for (const PortRange& range : ranges) count += range.count();
  return count;
}

std::string ports_text(const std::vector<PortRange>& ranges) {
  std::string text;
  for (const PortRange& range : ranges) {
    if (!text.empty()) text += ", ";
    text += std::to_string(range.low);
    if (range.high != range.low) text += '-' + std::to_string(range.high);
  }
  return text.empty() ? "none" : text;
}

}  // namespace rpcaudit::policy
