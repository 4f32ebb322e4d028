#include "engine/policy/listings/dsinternals_names.h"

#include <algorithm>
#include <span>

#include "engine/policy/listings/filter_collector.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

struct NamedInterface {
  std::string_view name;
  Uuid uuid;
};

// Names as they are printed, then those of the parameter `-WellKnownProtocol`.
constexpr NamedInterface kInterfaces[] = {
    {"MS-DRSR", uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2")},
    {"MS-SCMR", uuid("367abb81-9844-35f1-ad32-98f038001003")},
    {"MS-TSCH (SASec)", uuid("378e52b0-c0a9-11cf-822d-00aa0051e40f")},
    {"MS-TSCH (ATSvc)", uuid("1ff70682-0a51-30e8-076d-740be8cee98b")},
    {"MS-TSCH (ITaskSchedulerService)", uuid("86d35949-83c9-4044-b424-db363231fd0c")},
    {"MS-EVEN", uuid("82273fdc-e32a-18c3-3f78-827929dc23ea")},
    {"MS-EVEN6", uuid("f6beaff7-1e19-4fbb-9f8f-b89e2018337c")},
    {"MimiCom", uuid("17fc11e9-c258-4b8d-8d07-2f4125156244")},
    {"MS-RRP", uuid("338cd001-2244-31f1-aaaa-900038001003")},
    {"MS-RSP (InitShutdown)", uuid("894de0c0-0d55-11d3-a322-00c04fa321a1")},
    {"MS-RSP (WindowsShutdown)", uuid("d95afe70-a6d5-4259-822e-2c84da1ddb0d")},
    {"MS-RPRN", uuid("12345678-1234-abcd-ef00-0123456789ab")},
    {"MS-PAR", uuid("76f03f96-cdfd-44fc-a22c-64950a001209")},
    {"MS-DFSNM", uuid("4fc742e0-4a10-11cf-8273-00aa004ae673")},
    {"MS-FRS1", uuid("f5cc59b4-4264-101a-8c59-08002b2f8426")},
    {"MS-FRS2", uuid("897e2e5f-93f3-4376-9c9c-fd2277495c27")},
    {"MS-FSRP", uuid("a8e0653c-2744-4389-a61d-7373df8b2292")},
    {"MS-FSRVP", uuid("a8e0653c-2744-4389-a61d-7373df8b2292")},
    {"MS-NRPC", uuid("12345678-1234-abcd-ef00-01234567cffb")},
    {"MS-EFSR (\\pipe\\efsrpc)", uuid("df1941c5-fe89-4e79-bf10-463657acf44d")},
    {"MS-EFSR (\\pipe\\lsarpc)", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e")},
    {"MS-SRVSVC", uuid("4b324fc8-1670-01d3-1278-5a47bf6ee188")},
    {"MS-SRVS", uuid("4b324fc8-1670-01d3-1278-5a47bf6ee188")},
    {"MS-WKSSVC", uuid("6bffd098-a112-3610-9833-46c3f87e345a")},
    {"MS-WKST", uuid("6bffd098-a112-3610-9833-46c3f87e345a")},
    {"MS-BKRP", uuid("3dde7c30-165d-11d1-ab8f-00805f14db40")},
    {"MS-LSAD", uuid("12345778-1234-abcd-ef00-0123456789ab")},
    {"MS-DNSP", uuid("50abc2a4-574d-40b3-9d66-ee4fd5fba076")},
    {"MS-SAMR", uuid("12345778-1234-abcd-ef00-0123456789ac")},
    {"MS-ICPR", uuid("91ae6020-9e3c-11cf-8d7c-00aa00c091be")},
    {"MS-PAN (IRPCAsyncNotify)", uuid("0b6edbfa-4a24-4fc6-8a23-942b1eca65d1")},
    {"MS-PAN (IRPCRemoteObject)", uuid("ae33069b-a2a8-46ee-a235-ddfd339be281")},
    {"DirectoryReplicationService", uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2")},
    {"ServiceControlManager", uuid("367abb81-9844-35f1-ad32-98f038001003")},
    {"TaskSchedulerAgent", uuid("378e52b0-c0a9-11cf-822d-00aa0051e40f")},
    {"NetSchedule", uuid("1ff70682-0a51-30e8-076d-740be8cee98b")},
    {"TaskSchedulerService", uuid("86d35949-83c9-4044-b424-db363231fd0c")},
    {"EventLog", uuid("82273fdc-e32a-18c3-3f78-827929dc23ea")},
    {"EventLogV6", uuid("f6beaff7-1e19-4fbb-9f8f-b89e2018337c")},
    {"RemoteRegistry", uuid("338cd001-2244-31f1-aaaa-900038001003")},
    {"InitShutdown", uuid("894de0c0-0d55-11d3-a322-00c04fa321a1")},
    {"WindowsShutdown", uuid("d95afe70-a6d5-4259-822e-2c84da1ddb0d")},
    {"SecurityAccountManager", uuid("12345778-1234-abcd-ef00-0123456789ac")},
    {"PrintSpooler", uuid("12345678-1234-abcd-ef00-0123456789ab")},
    {"PrintSpoolerAsync", uuid("76f03f96-cdfd-44fc-a22c-64950a001209")},
    {"NamespaceManagement", uuid("4fc742e0-4a10-11cf-8273-00aa004ae673")},
    {"FileReplicationService", uuid("f5cc59b4-4264-101a-8c59-08002b2f8426")},
    {"DistributedFileReplication", uuid("897e2e5f-93f3-4376-9c9c-fd2277495c27")},
    {"VolumeShadowCopy", uuid("a8e0653c-2744-4389-a61d-7373df8b2292")},
    {"Netlogon", uuid("12345678-1234-abcd-ef00-01234567cffb")},
    {"EncryptingFileSystem", uuid("df1941c5-fe89-4e79-bf10-463657acf44d")},
    {"EncryptingFileSystemLSA", uuid("c681d488-d850-11d0-8c52-00c04fd90f7e")},
    {"ServerService", uuid("4b324fc8-1670-01d3-1278-5a47bf6ee188")},
    {"WorkstationService", uuid("6bffd098-a112-3610-9833-46c3f87e345a")},
    {"BackupKey", uuid("3dde7c30-165d-11d1-ab8f-00805f14db40")},
    {"LocalSecurityAuthority", uuid("12345778-1234-abcd-ef00-0123456789ab")},
    {"DnsManagement", uuid("50abc2a4-574d-40b3-9d66-ee4fd5fba076")},
    {"EndpointMapper", uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa")},
    {"DirectoryServicesSetup", uuid("3919286a-b10c-11d0-9ba8-00c04fd92ef5")},
    {"NameServiceProvider", uuid("f5cc5a18-4264-101a-8c59-08002b2f8426")},
    {"ICertPassage", uuid("91ae6020-9e3c-11cf-8d7c-00aa00c091be")},
    {"ICertRequestD", uuid("d99e6e70-fc88-11d0-b498-00a0c90312f3")},
    {"ICertRequestD2", uuid("5422fd3a-d4b8-4cef-a12e-e87d4ca22e90")},
    {"ICertAdminD", uuid("d99e6e71-fc88-11d0-b498-00a0c90312f3")},
    {"ICertAdminD2", uuid("7fe0d935-dda6-443f-85d0-1cfb58fe41dd")},
    {"WindowsTime", uuid("8fb6d884-2388-11d0-8c35-00c04fda2795")},
    {"RemoteAccessManagement", uuid("8f09f000-b7ed-11ce-bbd2-00001a181cad")},
};

constexpr NamedOperation kOperations[] = {
    {"IDL_DRSGetNCChanges", "DirectoryReplicationService", 3},
    {"IDL_DRSAddEntry", "DirectoryReplicationService", 17},
    {"IDL_DRSReplicaAdd", "DirectoryReplicationService", 5},
    {"EvtRpcClearLog", "EventLogV6", 6},
    {"ElfrClearELFW", "EventLog", 0},
    {"ElfrClearELFA", "EventLog", 12},
    {"RCreateServiceW", "ServiceControlManager", 12},
    {"RCreateServiceA", "ServiceControlManager", 24},
    {"RCreateServiceWOW64A", "ServiceControlManager", 44},
    {"RCreateServiceWOW64W", "ServiceControlManager", 45},
    {"RCreateWowService", "ServiceControlManager", 60},
    {"BaseRegCreateKey", "RemoteRegistry", 6},
    {"BaseRegSetValue", "RemoteRegistry", 22},
    {"SchRpcRegisterTask", "TaskSchedulerService", 1},
    {"NetrJobAdd", "NetSchedule", 0},
    {"NetrFileEnum", "ServerService", 9},
    {"NetrSessionEnum", "ServerService", 12},
    {"NetrShareEnum", "ServerService", 15},
    {"NetrConnectionEnum", "ServerService", 8},
    {"RpcAsyncAddPrinterDriver", "PrintSpoolerAsync", 39},
    {"RpcAddPrinterDriverEx", "PrintSpooler", 89},
    {"RpcRemoteFindFirstPrinterChangeNotification", "PrintSpooler", 62},
    {"RpcRemoteFindFirstPrinterChangeNotificationEx", "PrintSpooler", 65},
    {"SamrEnumerateGroupsInDomain", "SecurityAccountManager", 11},
    {"SamrEnumerateUsersInDomain", "SecurityAccountManager", 13},
    {"LsarRetrievePrivateData", "LocalSecurityAuthority", 43},
    {"EfsRpcOpenFileRaw", "EncryptingFileSystem", 0},
    {"EfsRpcEncryptFileSrv", "EncryptingFileSystem", 4},
    {"EfsRpcDecryptFileSrv", "EncryptingFileSystem", 5},
    {"EfsRpcQueryUsersOnFile", "EncryptingFileSystem", 6},
    {"EfsRpcQueryRecoveryAgents", "EncryptingFileSystem", 7},
    {"EfsRpcRemoveUsersFromFile", "EncryptingFileSystem", 8},
    {"EfsRpcAddUsersToFile", "EncryptingFileSystem", 9},
    {"IsPathSupported", "VolumeShadowCopy", 8},
    {"IsPathShadowCopied", "VolumeShadowCopy", 9},
    {"NetrDfsAddStdRoot", "NamespaceManagement", 12},
    {"NetrDfsRemoveStdRoot", "NamespaceManagement", 13},
    {"NetrDfsAddRootTarget", "NamespaceManagement", 23},
    {"NetrDfsRemoveRootTarget", "NamespaceManagement", 24},
};

struct NamedNumber {
  std::string_view name;
  std::uint64_t number;
};

constexpr NamedNumber kTransports[] = {
    {"ncacn_ip_tcp", 1}, {"ncacn_np", 2}, {"ncalrpc", 3}, {"ncacn_http", 4}};
constexpr NamedNumber kLevels[] = {{"Default", 0},      {"None", 1},   {"Connect", 2},
                                   {"Call", 3},         {"Packet", 4}, {"PacketIntegrity", 5},
                                   {"PacketPrivacy", 6}};
constexpr NamedNumber kTypes[] = {{"None", 0},    {"Negotiate", 9}, {"WinNT", 10},
                                  {"NTLM", 10},   {"SChannel", 14}, {"Kerberos", 16},
                                  {"Digest", 21}, {"Netlogon", 68}};

std::optional<std::uint64_t> read_named(std::string_view text,
                                        std::span<const NamedNumber> names) noexcept {
  for (const NamedNumber& row : names) {
    if (equal_ignoring_case(text, row.name)) return row.number;
  }
  return read_plain_number(text);
}

}  // namespace

std::optional<Uuid> dsinternals_interface(std::string_view text) noexcept {
  for (std::size_t at = 0; at + kUuidTextSize <= text.size(); ++at) {
    if (const std::optional<Uuid> uuid = parse_uuid(text.substr(at, kUuidTextSize))) return uuid;
  }
  for (const NamedInterface& row : kInterfaces) {
    if (equal_ignoring_case(text, row.name)) return row.uuid;
  }
  return std::nullopt;
}

const NamedOperation* dsinternals_operation(std::string_view name) noexcept {
  const auto found =
      std::find_if(std::begin(kOperations), std::end(kOperations),
                   [name](const auto& row) { return equal_ignoring_case(row.name, name); });
  return found == std::end(kOperations) ? nullptr : found;
}

std::optional<std::uint64_t> dsinternals_transport(std::string_view text) noexcept {
  return read_named(text, kTransports);
}

std::optional<std::uint64_t> dsinternals_auth_level(std::string_view text) noexcept {
  return read_named(text, kLevels);
}

std::optional<std::uint64_t> dsinternals_auth_type(std::string_view text) noexcept {
  return read_named(text, kTypes);
}

}  // namespace rpcaudit::policy
