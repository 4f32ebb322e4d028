#include "engine/policy/target.h"

#include "engine/policy/text/enum_names.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr EnumNames<Target, kTargetCount> kTargetNames("documented", "ws2008", "ws2008r2",
                                                       "ws2012r2", "ws2016", "ws2019", "ws2022",
                                                       "ws2025", "w10", "w11-24h2", "w11-25h2");
constexpr EnumNames<Difference, kDifferenceCount> kDifferenceNames(
    "opnum", "pipe-addresses", "address-order", "v4-byte-order", "alternatives", "datagrams",
    "only-continue", "audit", "audited-block", "audit-parameters", "separate-processes");
constexpr EnumNames<Behaviour, kBehaviourCount> kBehaviourNames("applies", "ignored", "refused",
                                                                "contested", "never", "swapped",
                                                                "all needed", "undecidable",
                                                                "permits", "logs only");

using enum Behaviour;

// documented | ws2008, ws2008r2, ws2012r2, ws2016, ws2019, ws2022, ws2025, w10, w11-24h2, w11-25h2
constexpr DifferenceRow kTable[] = {
    {Difference::opnum,
     "conditions on `opnum`",
     {applies, refused, refused, refused, refused, ignored, ignored, applies, ignored, applies,
      applies},
     "tests of DSInternals; the first builds of Windows Server 2019 and 2022 refuse it until "
     "updated"},
    {Difference::pipe_addresses,
     "addresses of calls over named pipes",
     {contested, never, never, never, never, never, never, never, never, never, applies},
     "tests of DSInternals and Zero Networks; NtObjectManager for build 26200"},
    {Difference::address_order,
     "ranges, orders and flags of addresses",
     {applies, never, never, never, never, never, never, never, never, never, never},
     "tests of DSInternals and Zero Networks"},
    {Difference::v4_byte_order,
     "IPv4 addresses",
     {applies, swapped, swapped, swapped, swapped, swapped, swapped, swapped, swapped, swapped,
      swapped},
     "inferred from three tools that store them in network order; unconfirmed"},
    {Difference::alternatives,
     "adjacent conditions on one field",
     {applies, all_needed, applies, applies, applies, applies, applies, applies, applies, applies,
      applies},
     "FWPM_FILTER0: alternatives from Windows 7 and Windows Server 2008 R2 on"},
    {Difference::datagrams,
     "layer `um` for datagram calls",
     {applies, undecidable, undecidable, undecidable, undecidable, undecidable, undecidable,
      undecidable, undecidable, undecidable, undecidable},
     "no source says whether the layer sees them"},
    {Difference::only_continue,
     "calls that only `continue` filters match",
     {undecidable, permits, permits, permits, permits, permits, permits, permits, permits, permits,
      permits},
     "netsh page: denied until all rules have run; Filter Arbitration: no decision"},
    {Difference::audit,
     "filters with `audit=enable`",
     {logs_only, applies, applies, applies, applies, applies, applies, applies, applies, applies,
      applies},
     "netsh page: logged, not applied; tests of Akamai, DSInternals, Zero Networks: both"},
    {Difference::audited_block,
     "`audit=enable` on a rule that blocks",
     {applies, applies, applies, applies, applies, applies, applies, contested, applies, applies,
      refused},
     "netsh page of 2025: audit for `permit` only; DSInternals: netsh of build 26200 refuses it, "
     "and in one place that of Windows Server 2025"},
    {Difference::audit_parameters,
     "rules with `auditparameters=enable`",
     {applies, refused, refused, refused, refused, refused, refused, refused, refused, refused,
      applies},
     "DSInternals: from build 26200 on"},
    {Difference::separate_processes,
     "rules of which each command is a process of its own",
     {applies, refused, refused, refused, refused, refused, refused, refused, refused, refused,
      refused},
     "the pending rule ends with its netsh; the netsh page shows such commands all the same"},
};

constexpr bool table_is_sound() {
  for (std::size_t i = 0; i < kDifferenceCount; ++i) {
    if (static_cast<std::size_t>(kTable[i].difference) != i) return false;
  }
  return std::size(kTable) == kDifferenceCount;
}
static_assert(table_is_sound());

}  // namespace

std::string_view to_string(Target target) noexcept { return kTargetNames[target]; }

std::string_view to_string(Difference difference) noexcept { return kDifferenceNames[difference]; }

std::string_view to_string(Behaviour behaviour) noexcept { return kBehaviourNames[behaviour]; }

std::optional<Target> parse_target(std::string_view token) noexcept {
  return kTargetNames.find(token, equal_ignoring_case);
}

TargetProfile::TargetProfile(Target target) noexcept {
  for (const DifferenceRow& row : kTable) {
    set(row.difference, row.behaviours[static_cast<std::size_t>(target)]);
  }
}

std::span<const DifferenceRow> target_table() noexcept { return kTable; }

}  // namespace rpcaudit::policy
