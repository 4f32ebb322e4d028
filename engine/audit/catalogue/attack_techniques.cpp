#include "engine/audit/catalogue/attack_techniques.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace rpcaudit::audit {
namespace {

// Sources: mitre-attack/bzar, jsecurity101/MSRPC-to-ATTACK, p0dalirius/Coercer, and the
// specifications of the protocols read for what an operation does. By technique.
constexpr AttackOperation kOperations[] = {
    {"T1003.002", uuid("338cd001-2244-31f1-aaaa-900038001003"), 20, "registry hive dump"},
    {"T1003.002", uuid("338cd001-2244-31f1-aaaa-900038001003"), 31, "registry hive dump"},
    {"T1003.004", uuid("12345778-1234-abcd-ef00-0123456789ab"), 30, "LSA secret read"},
    {"T1003.004", uuid("12345778-1234-abcd-ef00-0123456789ab"), 43, "LSA secret read"},
    {"T1003.006", uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 2, "DCSync"},
    {"T1003.006", uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 3, "DCSync"},
    {"T1003.006", uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 12, "DCSync name lookup"},
    {"T1021.003", uuid("000001a0-0000-0000-c000-000000000046"), 3, "DCOM activation"},
    {"T1021.003", uuid("000001a0-0000-0000-c000-000000000046"), 4, "DCOM activation"},
    {"T1021.003", uuid("00020400-0000-0000-c000-000000000046"), 6, "DCOM method invocation"},
    {"T1021.003", uuid("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57"), 0, "DCOM activation"},
    {"T1053.002", uuid("1ff70682-0a51-30e8-076d-740be8cee98b"), 0, "AT job creation"},
    {"T1053.002", uuid("378e52b0-c0a9-11cf-822d-00aa0051e40f"), 0, "AT job account change"},
    {"T1053.005", uuid("86d35949-83c9-4044-b424-db363231fd0c"), 1, "remote scheduled task"},
    {"T1053.005", uuid("86d35949-83c9-4044-b424-db363231fd0c"), 12, "remote scheduled task"},
    {"T1053.005", uuid("86d35949-83c9-4044-b424-db363231fd0c"), 19, "remote scheduled task"},
    {"T1070.001", uuid("82273fdc-e32a-18c3-3f78-827929dc23ea"), 0, "event log clearing"},
    {"T1070.001", uuid("82273fdc-e32a-18c3-3f78-827929dc23ea"), 12, "event log clearing"},
    {"T1070.001", uuid("f6beaff7-1e19-4fbb-9f8f-b89e2018337c"), 6, "event log clearing"},
    {"T1112", uuid("338cd001-2244-31f1-aaaa-900038001003"), 6, "remote registry write"},
    {"T1112", uuid("338cd001-2244-31f1-aaaa-900038001003"), 7, "remote registry write"},
    {"T1112", uuid("338cd001-2244-31f1-aaaa-900038001003"), 8, "remote registry write"},
    {"T1112", uuid("338cd001-2244-31f1-aaaa-900038001003"), 13, "remote registry write"},
    {"T1112", uuid("338cd001-2244-31f1-aaaa-900038001003"), 18, "remote registry write"},
    {"T1112", uuid("338cd001-2244-31f1-aaaa-900038001003"), 19, "remote registry write"},
    {"T1112", uuid("338cd001-2244-31f1-aaaa-900038001003"), 22, "remote registry write"},
    {"T1112", uuid("338cd001-2244-31f1-aaaa-900038001003"), 35, "remote registry write"},
    {"T1187", uuid("12345678-1234-abcd-ef00-0123456789ab"), 62, "coerced authentication"},
    {"T1187", uuid("12345678-1234-abcd-ef00-0123456789ab"), 65, "coerced authentication"},
    {"T1187", uuid("4fc742e0-4a10-11cf-8273-00aa004ae673"), 12, "coerced authentication"},
    {"T1187", uuid("4fc742e0-4a10-11cf-8273-00aa004ae673"), 13, "coerced authentication"},
    {"T1187", uuid("4fc742e0-4a10-11cf-8273-00aa004ae673"), 23, "coerced authentication"},
    {"T1187", uuid("4fc742e0-4a10-11cf-8273-00aa004ae673"), 24, "coerced authentication"},
    {"T1187", uuid("76f03f96-cdfd-44fc-a22c-64950a001209"), 58, "coerced authentication"},
    {"T1187", uuid("82273fdc-e32a-18c3-3f78-827929dc23ea"), 9, "coerced authentication"},
    {"T1187", uuid("a8e0653c-2744-4389-a61d-7373df8b2292"), 8, "coerced authentication"},
    {"T1187", uuid("a8e0653c-2744-4389-a61d-7373df8b2292"), 9, "coerced authentication"},
    {"T1187", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), 0, "coerced authentication"},
    {"T1187", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), 4, "coerced authentication"},
    {"T1187", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), 5, "coerced authentication"},
    {"T1187", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), 6, "coerced authentication"},
    {"T1187", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), 7, "coerced authentication"},
    {"T1187", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), 8, "coerced authentication"},
    {"T1187", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), 9, "coerced authentication"},
    {"T1187", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), 12, "coerced authentication"},
    {"T1187", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), 15, "coerced authentication"},
    {"T1187", uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), 0, "coerced authentication"},
    {"T1187", uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), 4, "coerced authentication"},
    {"T1187", uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), 5, "coerced authentication"},
    {"T1187", uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), 6, "coerced authentication"},
    {"T1187", uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), 7, "coerced authentication"},
    {"T1187", uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), 8, "coerced authentication"},
    {"T1187", uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), 9, "coerced authentication"},
    {"T1187", uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), 12, "coerced authentication"},
    {"T1187", uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), 15, "coerced authentication"},
    {"T1207", uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 4, "rogue domain controller"},
    {"T1207", uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 5, "rogue domain controller"},
    {"T1207", uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 17, "rogue domain controller"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 11, "service reconfiguration"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 12, "remote service creation"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 15, "service manager access"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 23, "service reconfiguration"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 24, "remote service creation"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 27, "service manager access"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 37, "service reconfiguration"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 44, "remote service creation"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 45, "remote service creation"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 60, "remote service creation"},
    {"T1543.003", uuid("367abb81-9844-35f1-ad32-98f038001003"), 64, "service manager access"},
    {"T1547.012", uuid("12345678-1234-abcd-ef00-0123456789ab"), 89,
     "print driver or processor install"},
    {"T1547.012", uuid("76f03f96-cdfd-44fc-a22c-64950a001209"), 39,
     "print driver or processor install"},
    {"T1555", uuid("3dde7c30-165d-11d1-ab8f-00805f14db40"), 0, "DPAPI backup key access"},
    {"T1569.002", uuid("367abb81-9844-35f1-ad32-98f038001003"), 12, "remote service execution"},
    {"T1569.002", uuid("367abb81-9844-35f1-ad32-98f038001003"), 19, "remote service execution"},
    {"T1569.002", uuid("367abb81-9844-35f1-ad32-98f038001003"), 24, "remote service execution"},
    {"T1569.002", uuid("367abb81-9844-35f1-ad32-98f038001003"), 31, "remote service execution"},
    {"T1569.002", uuid("367abb81-9844-35f1-ad32-98f038001003"), 44, "remote service execution"},
    {"T1569.002", uuid("367abb81-9844-35f1-ad32-98f038001003"), 45, "remote service execution"},
    {"T1649", uuid("5422fd3a-d4b8-4cef-a12e-e87d4ca22e90"), 6, "certificate enrolment request"},
    {"T1649", uuid("91ae6020-9e3c-11cf-8d7c-00aa00c091be"), 0, "certificate enrolment request"},
    {"T1649", uuid("d99e6e70-fc88-11d0-b498-00a0c90312f3"), 3, "certificate enrolment request"},
};

struct ByOperation {
  bool operator()(const AttackOperation& a, const AttackOperation& b) const noexcept {
    return std::tie(a.interface, a.opnum, a.technique) <
           std::tie(b.interface, b.opnum, b.technique);
  }
};

std::vector<AttackOperation> sorted_by_operation() {
  std::vector<AttackOperation> sorted(std::begin(kOperations), std::end(kOperations));
  std::sort(sorted.begin(), sorted.end(), ByOperation());
  return sorted;
}

}  // namespace

std::span<const AttackOperation> attack_operations(const Uuid& interface) {
  static const std::vector<AttackOperation> kSorted = sorted_by_operation();
  const auto first =
      std::partition_point(kSorted.begin(), kSorted.end(),
                           [&](const AttackOperation& one) { return one.interface < interface; });
  const auto last = std::find_if(
      first, kSorted.end(), [&](const AttackOperation& one) { return one.interface != interface; });
  return {first, last};
}

std::span<const AttackOperation> attack_operations() noexcept { return kOperations; }

std::span<const AttackOperation> attack_operations(std::string_view technique) noexcept {
  const auto is_of = [technique](const AttackOperation& one) { return one.technique == technique; };
  const auto first = std::find_if(std::begin(kOperations), std::end(kOperations), is_of);
  const auto last = std::find_if_not(first, std::end(kOperations), is_of);
  return {first, last};
}

}  // namespace rpcaudit::audit
