#include "engine/policy/check/value_lints.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

struct InterfaceVersion {
  Uuid uuid;
  std::uint16_t major;
};

// Major versions of the interfaces that policies are written about, from their specifications.
constexpr std::array kVersions{
    InterfaceVersion{uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 4},  // [MS-DRSR]
    InterfaceVersion{uuid("12345778-1234-abcd-ef00-0123456789ac"), 1},  // [MS-SAMR]
    InterfaceVersion{uuid("12345778-1234-abcd-ef00-0123456789ab"), 0},  // [MS-LSAD]
    InterfaceVersion{uuid("12345678-1234-abcd-ef00-01234567cffb"), 1},  // [MS-NRPC]
    InterfaceVersion{uuid("367abb81-9844-35f1-ad32-98f038001003"), 2},  // [MS-SCMR]
    InterfaceVersion{uuid("12345678-1234-abcd-ef00-0123456789ab"), 1},  // [MS-RPRN]
    InterfaceVersion{uuid("76f03f96-cdfd-44fc-a22c-64950a001209"), 1},  // [MS-PAR]
    InterfaceVersion{uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), 1},  // [MS-EFSR]
    InterfaceVersion{uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), 1},  // [MS-EFSR]
    InterfaceVersion{uuid("338cd001-2244-31f1-aaaa-900038001003"), 1},  // [MS-RRP]
    InterfaceVersion{uuid("1ff70682-0a51-30e8-076d-740be8cee98b"), 1},  // [MS-TSCH]
    InterfaceVersion{uuid("86d35949-83c9-4044-b424-db363231fd0c"), 1},  // [MS-TSCH]
    InterfaceVersion{uuid("4b324fc8-1670-01d3-1278-5a47bf6ee188"), 3},  // [MS-SRVS]
    InterfaceVersion{uuid("6bffd098-a112-3610-9833-46c3f87e345a"), 1},  // [MS-WKST]
    InterfaceVersion{uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), 3},  // C706, endpoint mapper
    InterfaceVersion{uuid("4fc742e0-4a10-11cf-8273-00aa004ae673"), 3},  // [MS-DFSNM]
    InterfaceVersion{uuid("82273fdc-e32a-18c3-3f78-827929dc23ea"), 0},  // [MS-EVEN]
    InterfaceVersion{uuid("50abc2a4-574d-40b3-9d66-ee4fd5fba076"), 5},  // [MS-DNSP]
};

const NumberRange* equal_number(const Condition& condition, Field field) noexcept {
  if (condition.field != field || condition.match != MatchType::equal) return nullptr;
  return std::get_if<NumberRange>(&condition.data);
}

// The first value that a lower bound takes, or the last that an upper bound takes.
std::optional<std::uint64_t> bound_of(const Condition& condition, bool is_lower) noexcept {
  std::optional<std::uint64_t> value;
  if (const auto* number = std::get_if<NumberRange>(&condition.data)) value = number->low;
  const auto* address = std::get_if<AddressRange>(&condition.data);
  if (address != nullptr && address->low.is_v4()) value = address->low.v4_value();
  if (!value) return std::nullopt;
  switch (condition.match) {
    case MatchType::greater: return is_lower ? std::optional(*value + 1) : std::nullopt;
    case MatchType::greater_or_equal: return is_lower ? value : std::nullopt;
    case MatchType::less: return is_lower || *value == 0 ? std::nullopt : std::optional(*value - 1);
    case MatchType::less_or_equal: return is_lower ? std::nullopt : value;
    default: return std::nullopt;
  }
}

// The only interface that the filter is about, if it names one.
std::optional<Uuid> interface_of(const Filter& filter) {
  std::optional<Uuid> found;
  for (const Condition& condition : filter.conditions) {
    if (condition.field != Field::if_uuid) continue;
    const auto* uuid = std::get_if<UuidRange>(&condition.data);
    if (found || uuid == nullptr || condition.match != MatchType::equal) return std::nullopt;
    found = uuid->low;
  }
  return found;
}

void lint_version(const Condition& condition, const Uuid& interface, Reporter& reporter) {
  const NumberRange* const version = equal_number(condition, Field::if_version);
  if (version == nullptr) return;
  const auto* const known = std::find_if(kVersions.begin(), kVersions.end(),
                                         [&](const auto& row) { return row.uuid == interface; });
  if (known == kVersions.end() || known->major == version->low) return;
  reporter.warning("impossible-value", condition.span,
                   "the interface has version " + std::to_string(known->major) +
                       ".0: the filter never matches its calls",
                   "write " + std::to_string(known->major) + ", or leave the version out");
}

void lint_operation(const Condition& condition, const Uuid& interface,
                    const InterfaceNames& interfaces, Reporter& reporter) {
  const NumberRange* const opnum = equal_number(condition, Field::opnum);
  if (opnum == nullptr) return;
  const std::optional<std::uint16_t> last = interfaces.last_operation(interface);
  if (!last || opnum->low <= *last) return;
  reporter.warning("impossible-value", condition.span,
                   interfaces.name_of(interface) + " has no operation " +
                       std::to_string(opnum->low) + ": the last that is known is " +
                       std::to_string(*last),
                   "compare it with the interface's specification");
}

void lint_security(const Condition& condition, Reporter& reporter) {
  const NumberRange* const level = equal_number(condition, Field::auth_level);
  if (level != nullptr && level->low > 6) {
    reporter.warning("impossible-value", condition.span,
                     "levels of authentication go from 0 to 6: the filter never matches",
                     "6 is privacy (RPC_C_AUTHN_LEVEL_PKT_PRIVACY)");
  }
  const NumberRange* const type = equal_number(condition, Field::auth_type);
  if (type == nullptr) return;
  constexpr std::array<std::uint64_t, 18> kTypes{0,  1,  2,  4,  9,  10, 14, 16,  17,
                                                 18, 20, 21, 22, 30, 31, 68, 100, 0xffff'ffff};
  if (std::find(kTypes.begin(), kTypes.end(), type->low) == kTypes.end()) {
    reporter.warning("impossible-value", condition.span,
                     "RPC knows no authentication type " + std::to_string(type->low) +
                         ": the filter never matches",
                     "9 is Negotiate, 10 NTLM, 16 Kerberos");
  } else if (type->low == 16) {
    reporter.note("kerberos-negotiated", condition.span,
                  "most clients ask for Kerberos by Negotiate (9), which the engine is reported "
                  "to match unreliably with 16",
                  "test it on a server with the clients that matter");
  }
}

}  // namespace

void lint_alternatives(const Filter& filter, Reporter& reporter) {
  for (std::size_t i = 1; i < filter.conditions.size(); ++i) {
    const Condition& one = filter.conditions[i - 1];
    const Condition& two = filter.conditions[i];
    if (one.field != two.field) continue;
    for (const auto& [lower, upper] : {std::pair(&one, &two), std::pair(&two, &one)}) {
      const std::optional<std::uint64_t> first = bound_of(*lower, true);
      const std::optional<std::uint64_t> last = bound_of(*upper, false);
      if (!first || !last || *last == std::numeric_limits<std::uint64_t>::max()) continue;
      if (*first > *last + 1) continue;
      reporter.warning("alternatives-match-all", two.span,
                       "adjacent conditions on one field are alternatives, and every " +
                           quoted(to_string(two.field)) + " meets one of these",
                       "for values between the two write one condition with `matchtype=range`");
      break;
    }
  }
}

void lint_values(const Filter& filter, const InterfaceNames* interfaces, Reporter& reporter) {
  const std::optional<Uuid> interface = interface_of(filter);
  for (const Condition& condition : filter.conditions) {
    if (condition.unreadable) continue;
    lint_security(condition, reporter);
    if (!interface) continue;
    lint_version(condition, *interface, reporter);
    if (interfaces != nullptr) lint_operation(condition, *interface, *interfaces, reporter);
  }
}

}  // namespace rpcaudit::policy
