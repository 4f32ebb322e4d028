#include "engine/policy/check/linter.h"

#include <algorithm>
#include <array>

#include "engine/policy/check/filter_relations.h"
#include "engine/policy/check/overlap.h"
#include "engine/policy/check/value_lints.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

bool has_address(const Filter& filter) noexcept {
  return std::any_of(filter.conditions.begin(), filter.conditions.end(),
                     [](const Condition& condition) { return is_address(condition.field); });
}

bool is_palindrome(std::uint32_t value) noexcept {
  return (value >> 24) == (value & 0xff) && (value >> 16 & 0xff) == (value >> 8 & 0xff);
}

// Whether a condition beside it names the address in the other order, so that one of them matches.
bool has_reversed_beside(const Filter& filter, const Condition& condition, std::uint32_t value) {
  const std::uint32_t reversed =
      value >> 24 | (value >> 8 & 0xff00) | (value << 8 & 0xff'0000) | value << 24;
  return std::any_of(filter.conditions.begin(), filter.conditions.end(), [&](const Condition& one) {
    const auto* address = std::get_if<AddressRange>(&one.data);
    return one.field == condition.field && one.match == MatchType::equal && address != nullptr &&
           address->low.is_v4() && address->low.v4_value() == reversed;
  });
}

// One condition, on targets that treat it otherwise than the documents do.
void lint_condition(const Filter& filter, const Condition& condition, const TargetProfile& profile,
                    Reporter& reporter) {
  if (condition.field == Field::opnum && profile[Difference::opnum] == Behaviour::ignored) {
    reporter.warning("broader-on-target", condition.span,
                     "the target ignores conditions on `opnum`: the filter is about every "
                     "operation",
                     "leave the operation to a target that knows it, or accept the broader filter");
  }
  if (!is_address(condition.field)) return;
  if (condition.match != MatchType::equal) {
    if (profile[Difference::address_order] != Behaviour::never) return;
    return reporter.warning("never-on-target", condition.span,
                            "on the target ranges and orders of addresses never match",
                            "name single addresses in adjacent conditions");
  }
  const auto* address = std::get_if<AddressRange>(&condition.data);
  const bool swaps = profile[Difference::v4_byte_order] == Behaviour::swapped;
  if (address == nullptr || !swaps || condition.in_network_order || !address->low.is_v4()) return;
  const std::uint32_t value = address->low.v4_value();
  if (is_palindrome(value) || has_reversed_beside(filter, condition, value)) return;
  reporter.warning("never-on-target", condition.span,
                   "the target is believed to compare the bytes of the address in reverse, so "
                   "that " +
                       to_string(address->low) + " does not match",
                   "test it on a server");
}

bool is_only_for_pipes(const Filter& filter) {
  return std::any_of(filter.conditions.begin(), filter.conditions.end(),
                     [](const Condition& condition) {
                       if (condition.field == Field::pipe) return true;
                       const auto* number = std::get_if<NumberRange>(&condition.data);
                       return condition.field == Field::protocol && number != nullptr &&
                              condition.match == MatchType::equal && number->low == 2;
                     });
}

// Adjacent conditions on one field that no value meets together.
bool needs_the_impossible(const Filter& filter) {
  for (std::size_t i = 1; i < filter.conditions.size(); ++i) {
    if (filter.conditions[i].field != filter.conditions[i - 1].field) continue;
    Filter first;
    Filter second;
    first.conditions.push_back(filter.conditions[i - 1]);
    second.conditions.push_back(filter.conditions[i]);
    if (!may_overlap(first, second)) return true;
  }
  return false;
}

void lint_filter(const Filter& filter, const TargetProfile& profile, Reporter& reporter) {
  if (filter.enforcer == Enforcer::rpc_firewall) return;
  const bool has_opnum = (field_set(filter) >> static_cast<unsigned>(Field::opnum) & 1) != 0;
  if (has_opnum && profile[Difference::opnum] == Behaviour::refused) {
    reporter.warning("refused-by-target", filter.span,
                     "the target does not know `opnum` and refuses the filter",
                     "it came to Windows Server 2019; name the interface alone");
  }
  const bool audits_block = filter.audit && !filter.by_api && filter.action == Action::block;
  if (audits_block && profile[Difference::audited_block] == Behaviour::refused) {
    reporter.warning("refused-by-target", filter.span,
                     "netsh of the target takes `audit=enable` with `actiontype=permit` only",
                     "remove `audit=enable` to block");
  }
  if (filter.audit_parameters && profile[Difference::audit_parameters] == Behaviour::refused) {
    reporter.warning("refused-by-target", filter.span,
                     "the target does not know `auditparameters` and refuses the rule",
                     "it came with Windows 11 25H2");
  }
  if (profile[Difference::alternatives] == Behaviour::all_needed && needs_the_impossible(filter)) {
    reporter.warning("never-on-target", filter.span,
                     "on the target adjacent conditions on one field must all hold, which these "
                     "cannot",
                     "make a filter of each");
  }
  const bool no_pipe_addresses = profile[Difference::pipe_addresses] == Behaviour::never;
  if (no_pipe_addresses && is_only_for_pipes(filter) && has_address(filter)) {
    reporter.warning("never-on-target", filter.span,
                     "on the target calls over named pipes have no address: the filter never "
                     "matches",
                     "remove the address, or block the pipe for everybody");
  }
  for (const Condition& condition : filter.conditions) {
    lint_condition(filter, condition, profile, reporter);
  }
}

// A block that nothing limits.
void lint_catch_all(const Filter& filter, const InterfaceNames* interfaces, Reporter& reporter) {
  const bool blocks = filter.layer == Layer::um && filter.action == Action::block;
  if (!blocks || filter.enforcer == Enforcer::rpc_firewall) return;
  if (!std::all_of(filter.conditions.begin(), filter.conditions.end(), always_holds)) return;
  // What every domain member or controller needs.
  constexpr std::array kNeeded{
      uuid("12345678-1234-abcd-ef00-01234567cffb"), uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"),
      uuid("12345778-1234-abcd-ef00-0123456789ab"), uuid("12345778-1234-abcd-ef00-0123456789ac"),
      uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), uuid("367abb81-9844-35f1-ad32-98f038001003"),
      uuid("000001a0-0000-0000-c000-000000000046")};
  std::string names;
  for (const Uuid& needed : kNeeded) {
    std::string name = interfaces == nullptr ? std::string() : interfaces->name_of(needed);
    if (name.empty()) name = to_string(needed);
    names += (names.empty() ? "" : ", ") + name;
  }
  reporter.warning("blocks-everything", filter.span,
                   "the filter blocks every call, logons, replication and the look-up of endpoints "
                   "among them: " +
                       names,
                   "name interfaces, and permit what has to go on");
}

// Interfaces that the catalogue does not know.
void lint_interfaces(const Filter& filter, const InterfaceNames& interfaces, Reporter& reporter) {
  for (const Condition& condition : filter.conditions) {
    const auto* uuid = std::get_if<UuidRange>(&condition.data);
    const bool is_interface =
        condition.field == Field::if_uuid || condition.field == Field::process_with_if_uuid;
    if (uuid == nullptr || !is_interface || condition.match != MatchType::equal) continue;
    if (condition.unreadable || !interfaces.name_of(uuid->low).empty()) continue;
    const std::optional<Uuid> nearest = interfaces.nearest(uuid->low);
    if (nearest) {
      reporter.warning("unknown-interface", condition.span,
                       "no interface " + quoted(to_string(uuid->low)) + " is known",
                       "did you mean " + interfaces.name_of(*nearest) + ", " +
                           quoted(to_string(*nearest)) + "?");
    } else {
      reporter.note("unknown-interface", condition.span,
                    "no interface " + quoted(to_string(uuid->low)) + " is known",
                    "compare it with the one that the server registers");
    }
  }
}

}  // namespace

void lint(const Policy& policy, const LintOptions& options, std::vector<Diagnostic>& diagnostics) {
  Reporter reporter(diagnostics);
  lint_relations(policy, reporter);
  for (const Filter& filter : policy.filters) {
    lint_filter(filter, options.profile, reporter);
    lint_catch_all(filter, options.interfaces, reporter);
    if (options.interfaces != nullptr) lint_interfaces(filter, *options.interfaces, reporter);
    lint_alternatives(filter, reporter);
    lint_values(filter, options.interfaces, reporter);
  }
  reporter.sort_by_line();
}

void lint_processes(const Policy& policy, std::span<const std::uint32_t> scripts,
                    std::vector<Diagnostic>& diagnostics) {
  Reporter reporter(diagnostics);
  for (const Filter& filter : policy.filters) {
    const bool is_told =
        std::find(scripts.begin(), scripts.end(), filter.span.file) != scripts.end();
    if (!filter.by_separate_processes || is_told) continue;
    reporter.warning_once("separate-processes", filter.span,
                          "each command is a process of its own: the rule is lost when it ends, "
                          "and nothing is filtered",
                          "put the commands after a line `rpc filter` into a file for `netsh -f`");
  }
}

void lint_for_target(const Policy& policy, const TargetProfile& profile,
                     std::vector<Diagnostic>& diagnostics) {
  Reporter reporter(diagnostics);
  for (const Filter& filter : policy.filters) lint_filter(filter, profile, reporter);
}

}  // namespace rpcaudit::policy
