#include "engine/audit/catalogue/reached_interfaces.h"

namespace rpcaudit::audit {
namespace {

// Sources: [MS-DRSR], [MS-NRPC], [MS-LSAD], [MS-SAMR], [MS-SCMR], [MS-DCOM], [MS-RPRN], [MS-PAR],
// [MS-FSRVP], [MS-SRVS], C706 for the mapper, each section 2.1 (transport); group policy finds
// its files by way of netlogon, lsarpc and drsuapi ([MS-GPOL] 3.2.5.1).
constexpr ReachedInterface kVital[] = {
    {uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), "look-up of endpoints", "epmapper", true, 135},
    {uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), "replication, group policy", {}, true},
    {uuid("12345678-1234-abcd-ef00-01234567cffb"), "logon", "netlogon", true},
    {uuid("12345778-1234-abcd-ef00-0123456789ab"), "LSA: names, trusts", "lsarpc", true},
    {uuid("12345778-1234-abcd-ef00-0123456789ac"), "SAM: accounts, joins", "samr", true},
    {uuid("000001a0-0000-0000-c000-000000000046"), "DCOM activation", {}, true, 135},
    {uuid("367abb81-9844-35f1-ad32-98f038001003"), "service control", "svcctl", true},
    {uuid("4b324fc8-1670-01d3-1278-5a47bf6ee188"), "shares, sessions", "srvsvc", false},
    {uuid("12345678-1234-abcd-ef00-0123456789ab"), "print", "spoolss", true},
    {uuid("76f03f96-cdfd-44fc-a22c-64950a001209"), "print", {}, true},
    {uuid("a8e0653c-2744-4389-a61d-7373df8b2292"), "backup of shares (VSS)", "fssagentrpc", false},
};

// The other interfaces that techniques use.
constexpr ReachedInterface kOthers[] = {
    {uuid("4fc742e0-4a10-11cf-8273-00aa004ae673"), {}, "netdfs", true},
    {uuid("82273fdc-e32a-18c3-3f78-827929dc23ea"), {}, "eventlog", false},
    {uuid("df1941c5-fe89-4e79-bf10-463657acf44d"), {}, "efsrpc", false},
    {uuid("c681d488-d850-11d0-8c52-00c04fd90f7e"), {}, "lsarpc", false},
    {uuid("1ff70682-0a51-30e8-076d-740be8cee98b"), {}, "atsvc", true},
    {uuid("378e52b0-c0a9-11cf-822d-00aa0051e40f"), {}, "atsvc", true},
    {uuid("338cd001-2244-31f1-aaaa-900038001003"), {}, "winreg", false},
    {uuid("3dde7c30-165d-11d1-ab8f-00805f14db40"), {}, "protected_storage", false},
};

}  // namespace

std::span<const ReachedInterface> vital_interfaces() noexcept { return kVital; }

ReachedInterface reached_interface(const Uuid& interface) noexcept {
  for (const std::span<const ReachedInterface> table :
       {std::span<const ReachedInterface>(kVital), std::span<const ReachedInterface>(kOthers)}) {
    for (const ReachedInterface& one : table) {
      if (one.interface == interface) return one;
    }
  }
  return {interface, {}, {}, true, 0};
}

}  // namespace rpcaudit::audit
