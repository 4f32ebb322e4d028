#include "engine/policy/check/validator.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "engine/policy/check/condition_checks.h"
#include "engine/policy/check/host_validator.h"
#include "engine/policy/check/overlap.h"
#include "engine/policy/filter_weight.h"
#include "engine/policy/netsh/printer.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kComparisonsMax = 10'000'000;  // of conditions of permit and block filters
constexpr std::uint64_t kTcp = 1;                    // conditions on `protocol`
constexpr std::uint64_t kNamedPipes = 2;

bool has(const Filter& filter, Field field) noexcept {
  return (field_set(filter) >> static_cast<unsigned>(field) & 1) != 0;
}

void check_audit(const Filter& filter, Reporter& reporter) {
  if (filter.audit && filter.layer == Layer::ep_add) {
    reporter.error("audit-on-ep-add", filter.span, "layer `ep_add` cannot be audited",
                   "remove `audit=enable`");
  } else if (filter.audit && filter.action == Action::block && !filter.by_api) {
    reporter.warning("block-with-audit", filter.span,
                     "documented as logged and not applied; other sources say it blocks, and "
                     "recent versions of netsh refuse it",
                     "remove `audit=enable` to block, or make the action `permit` to log");
  }
  const bool wrong_layer = filter.layer != Layer::um;
  if (!filter.audit_parameters || (filter.audit && !wrong_layer)) return;
  reporter.warning("audit-parameters", filter.span, "`auditparameters=enable` has no effect here",
                   wrong_layer ? "it is for layer `um` only" : "it needs `audit=enable`");
}

void check_layer(const Filter& filter, Reporter& reporter) {
  if (filter.layer == Layer::ep_add && filter.action != Action::permit) {
    reporter.warning("ep-add-action", filter.span,
                     "layer `ep_add` adds endpoints and filters nothing: its documented action "
                     "is `permit`",
                     "write `actiontype=permit`, or block on layer `um`");
  }
  if (filter.layer == Layer::um || filter.layer == Layer::epmap) return;
  reporter.note(
      "layer-not-evaluated", filter.span,
      "layer " + quoted(to_string(filter.layer)) + " is parsed and validated, not evaluated yet",
      "what the filter does is not in any verdict: test it on a server");
}

// A field whose conditions stand apart: they must all hold, where adjacent ones are alternatives.
void check_split_fields(const Filter& filter, Reporter& reporter) {
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < filter.conditions.size(); ++i) {
    const Condition& condition = filter.conditions[i];
    const std::uint32_t bit = std::uint32_t{1} << static_cast<unsigned>(condition.field);
    const bool adjacent = i > 0 && filter.conditions[i - 1].field == condition.field;
    if ((seen & bit) != 0 && !adjacent) {
      reporter.warning("split-field", condition.span,
                       "the conditions on " + quoted(to_string(condition.field)) +
                           " stand apart and must hold together",
                       "put them next to each other to make them alternatives");
    }
    seen |= bit;
  }
}

bool allows_protocol(const Filter& filter, std::uint64_t protocol) {
  Filter probe;
  Condition condition;
  condition.field = Field::protocol;
  condition.data = NumberRange{protocol, protocol};
  probe.conditions.push_back(std::move(condition));
  return may_overlap(filter, probe);
}

// Interfaces that Windows serves over named pipes alone.
bool is_interface_of_pipes(const Condition& condition) {
  constexpr std::array kInterfaces{
      uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"),  // efsrpc, in lsass
      uuid("df1941c5-fe89-4e79-bf10-463657acf44d"),  // efsrpc
      uuid("82273fdc-e32a-18c3-3f78-827929dc23ea"),  // eventlog
      uuid("a8e0653c-2744-4389-a61d-7373df8b2292"),  // fssagentrpc
  };
  const auto* interface = std::get_if<UuidRange>(&condition.data);
  return condition.field == Field::if_uuid && interface != nullptr &&
         condition.match == MatchType::equal &&
         std::find(kInterfaces.begin(), kInterfaces.end(), interface->low) != kInterfaces.end();
}

bool is_only_for_pipes(const Filter& filter) {
  return has(filter, Field::pipe) ||
         std::any_of(filter.conditions.begin(), filter.conditions.end(), is_interface_of_pipes) ||
         (has(filter, Field::protocol) && !allows_protocol(filter, kTcp));
}

void check_exclusive_fields(const Filter& filter, Reporter& reporter) {
  const bool local = has(filter, Field::local_addr_v4) && has(filter, Field::local_addr_v6);
  const bool remote = has(filter, Field::remote_addr_v4) && has(filter, Field::remote_addr_v6);
  if (local || remote) {
    reporter.warning("exclusive-fields", filter.span,
                     "no call has an IPv4 and an IPv6 address on one side: the filter never "
                     "matches",
                     "make two filters");
  }
  const bool allows_pipes = allows_protocol(filter, kNamedPipes);
  if (has(filter, Field::pipe) && !allows_pipes) {
    reporter.warning("exclusive-fields", filter.span,
                     "only `ncacn_np` has pipes: the filter never matches",
                     "remove the pipe, or the other protocol");
  }
  if (has(filter, Field::pipe) && has(filter, Field::local_port)) {
    reporter.warning("exclusive-fields", filter.span,
                     "calls over a named pipe have no port of their own: the filter never matches",
                     "remove the port, or the pipe");
  }
  const bool has_address = has(filter, Field::remote_addr_v4) ||
                           has(filter, Field::remote_addr_v6) ||
                           has(filter, Field::local_addr_v4) || has(filter, Field::local_addr_v6);
  if (!allows_pipes || !is_only_for_pipes(filter)) return;
  if (has_address) {
    reporter.note("address-on-pipe", filter.span,
                  "before Windows 11 25H2 a call over a named pipe has no address, so that the "
                  "filter never matches there",
                  "name the interface and the caller instead");
  }
  if (has(filter, Field::auth_type) || has(filter, Field::auth_level)) {
    reporter.note("security-on-pipe", filter.span,
                  "over a named pipe the engine was seen to report type 0 and level 0 for some "
                  "interfaces, 10 and 6 for others, where a call has no security of its own",
                  "test it on a server, or name the caller instead");
  }
}

// Things that only show when all filters are seen together.
class PolicyChecks {
 public:
  PolicyChecks(const Policy& policy, Reporter& reporter) : policy_(policy), reporter_(reporter) {}

  void run() {
    check_keys();
    check_duplicates();
    check_continue_only();
    check_equal_weights();
  }

 private:
  void check_keys() {
    std::map<Uuid, std::size_t> first;
    for (std::size_t i = 0; i < policy_.filters.size(); ++i) {
      const Filter& filter = policy_.filters[i];
      const auto [at, is_new] = first.emplace(filter.key, i);
      if (is_new) continue;
      reporter_.error("duplicate-filter-key", filter.span,
                      quoted(to_string(filter.key)) + " is the key of the filter of " +
                          place(at->second) + " too",
                      "netsh refuses the second one");
    }
  }

  void check_duplicates() {
    std::map<std::string, std::size_t> first;
    for (std::size_t i = 0; i < policy_.filters.size(); ++i) {
      const Filter& filter = policy_.filters[i];
      const auto [at, is_new] = first.emplace(describe(filter), i);
      if (is_new || !same_effect(filter, policy_.filters[at->second])) continue;
      reporter_.warning("duplicate-filter", filter.span,
                        "the filter says the same as that of " + place(at->second),
                        "remove one of them");
    }
  }

  void check_continue_only() {
    std::array<const Filter*, kLayerCount> first{};
    std::array<bool, kLayerCount> decides{};
    for (const Filter& filter : policy_.filters) {
      const auto layer = static_cast<std::size_t>(filter.layer);
      if (first[layer] == nullptr) first[layer] = &filter;
      if (filter.action != Action::continue_) decides[layer] = true;
    }
    for (std::size_t layer = 0; layer < kLayerCount; ++layer) {
      if (first[layer] == nullptr || decides[layer]) continue;
      reporter_.warning("continue-only", first[layer]->span,
                        "every filter of layer " + quoted(to_string(first[layer]->layer)) +
                            " continues: nothing decides",
                        "the sources differ on what follows then; add a filter that permits or "
                        "blocks");
    }
  }

  // Permit and block filters that the same fields give the same weight.
  void check_equal_weights() {
    struct Group {
      std::vector<std::size_t> permits;
      std::vector<std::size_t> blocks;
    };
    std::map<std::tuple<Layer, bool, std::uint64_t>, Group> groups;
    for (std::size_t i = 0; i < policy_.filters.size(); ++i) {
      const Filter& filter = policy_.filters[i];
      if (filter.enforcer == Enforcer::rpc_firewall) continue;  // its lines have an order
      Group& group = groups[{filter.layer, filter.audit, filter_weight(filter)}];
      if (filter.action == Action::permit) group.permits.push_back(i);
      if (filter.action == Action::block) group.blocks.push_back(i);
    }
    std::size_t comparisons = 0;
    for (const auto& [weight, group] : groups) {
      for (const std::size_t permit : group.permits) {
        for (const std::size_t block : group.blocks) {
          comparisons += 1 + policy_.filters[permit].conditions.size() *
                                 policy_.filters[block].conditions.size();
          if (comparisons > kComparisonsMax) {
            return reporter_.note("overlaps-not-checked", policy_.filters[permit].span,
                                  "the policy is too large to compare all of its filters",
                                  "check its parts one by one");
          }
          compare(permit, block);
        }
      }
    }
  }

  void compare(std::size_t permit, std::size_t block) {
    const std::size_t older = std::min(permit, block);
    const std::size_t newer = std::max(permit, block);
    if (!may_overlap(policy_.filters[older], policy_.filters[newer])) return;
    if (is_same_set(policy_.filters[older], policy_.filters[newer])) {
      return reporter_.warning("contradicting-filters", policy_.filters[newer].span,
                               "the filter contradicts that of " + place(older) +
                                   ", which has the same conditions and the other action",
                               "remove one of them");
    }
    reporter_.warning("equal-weight", policy_.filters[newer].span,
                      "a call may match this filter and that of " + place(older) +
                          ", which has the same weight and the other action",
                      "the newer one is taken to decide, which is not documented; add a "
                      "condition to the one that should win");
  }

  static bool is_same_set(const Filter& a, const Filter& b) { return covers(a, b) && covers(b, a); }

  [[nodiscard]] std::string place(std::size_t filter) const {
    return '`' + printable(source_text(policy_, policy_.filters[filter].span)) + '`';
  }

  const Policy& policy_;
  Reporter& reporter_;
};

}  // namespace

void validate(const Policy& policy, std::vector<Diagnostic>& diagnostics) {
  Reporter reporter(diagnostics);
  PolicyChecks(policy, reporter).run();
  for (const Filter& filter : policy.filters) {
    check_audit(filter, reporter);
    check_layer(filter, reporter);
    check_split_fields(filter, reporter);
    check_exclusive_fields(filter, reporter);
    for (const Condition& condition : filter.conditions) check_condition(condition, reporter);
  }
  validate_host_settings(policy, reporter);
  reporter.sort_by_line();
}

}  // namespace rpcaudit::policy
