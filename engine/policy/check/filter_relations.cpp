#include "engine/policy/check/filter_relations.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/policy/check/overlap.h"
#include "engine/policy/filter_weight.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kComparisonsMax = 10'000'000;  // of conditions
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

// The filters of one part of a layer, by the interfaces that they name, so that only filters that
// may meet are compared. Ranks are places in the order of evaluation.
class RankIndex {
 public:
  void add(const Filter& filter, std::uint32_t rank) {
    const std::vector<Uuid> interfaces = named_interfaces(filter);
    for (const Uuid& interface : interfaces) by_interface_[interface].push_back(rank);
    if (interfaces.empty()) others_.push_back(rank);
    all_.push_back(rank);
  }

  // The ranks of filters that may meet `filter`, in order of evaluation.
  [[nodiscard]] std::vector<std::uint32_t> neighbours(const Filter& filter) const {
    const std::vector<Uuid> interfaces = named_interfaces(filter);
    if (interfaces.empty()) return all_;
    std::vector<std::uint32_t> ranks = others_;
    for (const Uuid& interface : interfaces) {
      const auto found = by_interface_.find(interface);
      if (found == by_interface_.end()) continue;
      ranks.insert(ranks.end(), found->second.begin(), found->second.end());
    }
    std::sort(ranks.begin(), ranks.end());
    ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
    return ranks;
  }

 private:
  // The interfaces that its conditions on `if_uuid` name, when those are nothing but equalities.
  static std::vector<Uuid> named_interfaces(const Filter& filter) {
    std::vector<Uuid> interfaces;
    for (const Condition& condition : filter.conditions) {
      if (condition.field != Field::if_uuid) continue;
      const auto* uuid = std::get_if<UuidRange>(&condition.data);
      const bool is_plain = uuid != nullptr && condition.match == MatchType::equal;
      if (!is_plain || condition.unreadable) return {};
      interfaces.push_back(uuid->low);
    }
    return interfaces;
  }

  std::map<Uuid, std::vector<std::uint32_t>> by_interface_;
  std::vector<std::uint32_t> others_;
  std::vector<std::uint32_t> all_;
};

// One part of a layer: filters that are weighed against each other.
class Part {
 public:
  Part(const Policy& policy, std::vector<std::uint32_t> order, std::size_t& comparisons,
       Reporter& reporter)
      : policy_(policy), order_(std::move(order)), comparisons_(comparisons), reporter_(reporter) {
    for (std::uint32_t rank = 0; rank < order_.size(); ++rank) index_.add(at(rank), rank);
  }

  // False when there is too much to compare.
  bool run() {
    for (std::uint32_t rank = 0; rank < order_.size(); ++rank) {
      const Filter& filter = at(rank);
      if (filter.action == Action::continue_) continue;
      const std::vector<std::uint32_t> neighbours = index_.neighbours(filter);
      for (const std::uint32_t other : neighbours) {
        comparisons_ += 1 + filter.conditions.size() * at(other).conditions.size();
      }
      if (comparisons_ > kComparisonsMax) return false;
      if (!note_shadow(rank, neighbours)) note_what_comes_after(rank, neighbours);
    }
    return true;
  }

 private:
  [[nodiscard]] const Filter& at(std::uint32_t rank) const { return policy_.filters[order_[rank]]; }

  [[nodiscard]] std::string place(std::uint32_t rank) const {
    return '`' + printable(source_text(policy_, at(rank).span)) + '`';
  }

  // A filter that is tried before and takes every call of this one.
  bool note_shadow(std::uint32_t rank, const std::vector<std::uint32_t>& neighbours) {
    const Filter& filter = at(rank);
    for (const std::uint32_t other : neighbours) {
      if (other >= rank) return false;
      const Filter& heavier = at(other);
      if (heavier.action == Action::continue_ || !covers(heavier, filter)) continue;
      const bool same = heavier.action == filter.action;
      reporter_.warning(same ? "shadowed-filter" : "overruled-filter", filter.span,
                        "the filter never decides: that of " + place(other) +
                            " is tried first and takes all of its calls" +
                            (same ? ", with the same action" : ", with the other action"),
                        "remove it, or give it a condition that outweighs the other filter");
      return true;
    }
    return false;
  }

  // What would be said of the filter's calls without it.
  void note_what_comes_after(std::uint32_t rank, const std::vector<std::uint32_t>& neighbours) {
    const Filter& filter = at(rank);
    bool meets_block = false;
    std::uint32_t nearest_block = kNone;
    for (const std::uint32_t other : neighbours) {
      if (other <= rank) continue;
      const Filter& lighter = at(other);
      if (lighter.action == Action::continue_ || !may_overlap(filter, lighter)) continue;
      if (lighter.action == Action::block) meets_block = true;
      if (nearest_block == kNone && lighter.action != filter.action) nearest_block = other;
      // Between the two nothing decides otherwise, and the lighter one takes them all.
      if (nearest_block == kNone && lighter.action == filter.action && covers(lighter, filter)) {
        return reporter_.warning("redundant-filter", filter.span,
                                 "without the filter that of " + place(other) +
                                     " would decide its calls, with the same action",
                                 "remove one of them");
      }
    }
    if (filter.action != Action::permit || filter.audit || meets_block) return;
    reporter_.warning("permit-without-block", filter.span,
                      "no filter would block what this one permits, and what no filter matches is "
                      "permitted",
                      "add a block that is lighter: on the same interface, without the conditions "
                      "of this one");
  }

  const Policy& policy_;
  std::vector<std::uint32_t> order_;
  std::size_t& comparisons_;
  Reporter& reporter_;
  RankIndex index_;
};

}  // namespace

void lint_relations(const Policy& policy, Reporter& reporter) {
  std::size_t comparisons = 0;
  for (std::size_t i = 0; i < kLayerCount; ++i) {
    const auto layer = static_cast<Layer>(i);
    if (layer == Layer::ep_add) continue;  // adds endpoints, decides nothing
    std::array<std::vector<std::uint32_t>, 3> parts;
    for (const std::uint32_t filter : evaluation_order(policy, layer)) {
      const Filter& one = policy.filters[filter];
      const bool is_rule = one.enforcer == Enforcer::rpc_firewall;
      parts[is_rule ? 2 : one.audit ? 1 : 0].push_back(filter);
    }
    for (std::vector<std::uint32_t>& part : parts) {
      if (part.empty()) continue;
      const SourceSpan first = policy.filters[part.front()].span;
      if (Part(policy, std::move(part), comparisons, reporter).run()) continue;
      return reporter.note("overlaps-not-checked", first,
                           "the policy is too large to compare all of its filters",
                           "check its parts one by one");
    }
  }
}

}  // namespace rpcaudit::policy
