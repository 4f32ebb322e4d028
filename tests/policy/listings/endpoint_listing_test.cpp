#include "engine/policy/listings/endpoint_listing.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/policy/policy_text.h"

namespace rpcaudit::policy {
namespace {

struct ReadListing {
  std::vector<ListedEndpoint> endpoints;
  std::vector<Diagnostic> diagnostics;

  [[nodiscard]] bool says(std::string_view code) const {
    for (const Diagnostic& one : diagnostics) {
      if (one.code == code) return true;
    }
    return false;
  }
};

ReadListing read(const std::string& text) {
  ReadListing result;
  Reporter reporter(result.diagnostics);
  result.endpoints = read_endpoint_listing(SourceText::decode(text), 0, reporter);
  return result;
}

// `server protocol port name interface version annotation`, a line for each endpoint.
std::string table(const std::vector<ListedEndpoint>& endpoints) {
  std::string out;
  for (const ListedEndpoint& one : endpoints) {
    out += to_string(one.server) + " " + one.protocol + " ";
    out += one.port != 0 ? std::to_string(one.port) : one.name;
    out += " " + to_string(one.interface).substr(0, 8);
    if (one.version) {
      out += " v" + std::to_string(one.version->major) + "." + std::to_string(one.version->minor);
    }
    if (!one.annotation.empty()) out += " " + one.annotation;
    out += "\n";
  }
  return out;
}

constexpr const char* kDrs = "e3514235-4b06-11d1-ab04-00c04fc2dcd2";
constexpr const char* kSamr = "12345778-1234-abcd-ef00-0123456789ac";

struct ListingCase {
  const char* name;
  std::string text;
  const char* endpoints;
};

void PrintTo(const ListingCase& one, std::ostream* out) { *out << one.name; }

const ListingCase kListings[] = {
    {"RpcdumpPyHasVersionsAndPipesAtTheAddressThatWasAsked",
     std::string("Impacket v0.10.0\n\n[*] Retrieving endpoint list from 10.77.0.1\n"
                 "[+] StringBinding ncacn_ip_tcp:10.77.0.1[135]\n"
                 "Protocol: [MS-DRSR]: Directory Replication \nProvider: ntdsai.dll \nUUID    : ") +
         kDrs +
         " v4.0 MS NT Directory DRS Interface\nBindings: \n"
         "          ncacn_np:\\\\DC1[\\PIPE\\lsass]\n          ncacn_ip_tcp:10.77.0.1[49153]\n"
         "          ncalrpc:[NTDS_LPC]\n\n[*] Received 3 endpoints.\n",
     "10.77.0.1 ncacn_np \\PIPE\\lsass e3514235 v4.0 MS NT Directory DRS Interface\n"
     "10.77.0.1 ncacn_ip_tcp 49153 e3514235 v4.0 MS NT Directory DRS Interface\n"
     "10.77.0.1 ncalrpc NTDS_LPC e3514235 v4.0 MS NT Directory DRS Interface\n"},
    {"RpcdumpExeHasSectionsOfProtocolsAndDoubledBackslashes",
     std::string("Querying Endpoint Mapper Database...\n2 registered endpoints found.\n\n"
                 "ncacn_np(Connection-oriented named pipes)\n  \\\\\\\\DC1[\\\\PIPE\\\\lsass] [") +
         kSamr + "] :YES\nncacn_ip_tcp(Connection-oriented TCP/IP)\n  10.77.0.1[1025] [" + kDrs +
         "] Directory: DRS :NOT_PINGED\n",
     "10.77.0.1 ncacn_ip_tcp 1025 e3514235 Directory: DRS\n"
     "10.77.0.1 ncacn_np \\PIPE\\lsass 12345778\n"},
    {"PortQryNamesTheInterfaceBeforeEachBinding",
     std::string("Name resolved to 10.77.0.1\nServer's response:\n\nUUID: ") + kDrs +
         " DRS\nncacn_np:\\\\DC1[\\pipe\\lsass]\n\nUUID: " + kSamr +
         "\nncadg_ip_udp:10.77.0.1[1032]\n",
     "10.77.0.1 ncacn_np \\pipe\\lsass e3514235 DRS\n10.77.0.1 ncadg_ip_udp 1032 12345778\n"},
    {"NmapHasFieldsInAnyOrderAndListensEverywhere",
     std::string("Nmap scan report for dc1 (10.77.0.1)\n| msrpc-enum: \n|   \n|     uuid: ") +
         kDrs +
         "\n|     tcp_port: 49153\n|     ip_addr: 0.0.0.0\n|   \n|     ncacn_np: \\pipe\\lsass\n"
         "|     uuid: " +
         kSamr + "\n|     netbios: \\\\DC1\n|   \n|     ncalrpc: audit\n|_    uuid: " + kSamr +
         "\n",
     "10.77.0.1 ncacn_ip_tcp 49153 e3514235\n10.77.0.1 ncacn_np \\pipe\\lsass 12345778\n"
     "10.77.0.1 ncalrpc audit 12345778\n"},
    {"TwoServersInOneFileAreKeptApart",
     std::string("[*] Retrieving endpoint list from 10.77.0.1\nUUID    : ") + kDrs +
         " v4.0 \nncacn_ip_tcp:10.77.0.1[1]\n[*] Retrieving endpoint list from fd00::2\nUUID    "
         ": " +
         kDrs + " v4.0 \nncacn_np:\\\\DC2[\\pipe\\lsass]\n",
     "10.77.0.1 ncacn_ip_tcp 1 e3514235 v4.0\nfd00::2 ncacn_np \\pipe\\lsass e3514235 v4.0\n"},
};

class EndpointListingTest : public testing::TestWithParam<ListingCase> {};

TEST_P(EndpointListingTest, IsReadAndRecognised) {
  const ReadListing listing = read(GetParam().text);
  EXPECT_EQ(table(listing.endpoints), GetParam().endpoints);
  EXPECT_TRUE(listing.diagnostics.empty());
}

INSTANTIATE_TEST_SUITE_P(Forms, EndpointListingTest, testing::ValuesIn(kListings),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(EndpointListing, WithoutAnAddressIsLeftOutAloud) {
  const ReadListing listing =
      read(std::string("UUID: ") + kDrs + "\nncacn_np:\\\\DC1[\\pipe\\lsass]\n");
  EXPECT_TRUE(listing.endpoints.empty());
  EXPECT_TRUE(listing.says("no-address"));
  EXPECT_TRUE(listing.says("no-endpoints"));
}

TEST(EndpointListing, SaysWhatItCannotRead) {
  const std::string head = std::string("UUID: ") + kDrs + "\n";
  EXPECT_TRUE(read(head + "ncacn_ip_tcp:10.0.0.1\n").says("bad-binding"));
  EXPECT_TRUE(read(head + "ncacn_ip_tcp:10.0.0.1[x]\n").says("bad-port"));
  EXPECT_TRUE(read("UUID: 1234\n").says("bad-uuid"));
  EXPECT_TRUE(read("rpc filter\n").says("no-endpoints"));
}

TEST(EndpointListing, HoldsABoundedNumber) {
  std::string text = std::string("UUID: ") + kDrs + "\nncacn_ip_tcp:10.0.0.1[1]\n";
  for (int i = 0; i < 65'600; ++i) text += "ncalrpc:[a]\n";
  const ReadListing listing = read(text);
  EXPECT_TRUE(listing.says("too-many-endpoints"));
  EXPECT_EQ(listing.endpoints.size(), std::size_t{1} << 16);
}

TEST(EndpointListing, GivenAsAPolicyIsSentToItsCommand) {
  for (const ListingCase& one : kListings) {
    Policy policy;
    std::vector<Diagnostic> diagnostics;
    read_policy(one.text, "rpcdump.txt", policy, diagnostics);
    ASSERT_EQ(diagnostics.size(), 1u) << one.name;
    EXPECT_EQ(diagnostics[0].code, "unknown-form") << one.name;
    EXPECT_NE(diagnostics[0].hint.find("endpoints --listing"), std::string::npos) << one.name;
  }
}

}  // namespace
}  // namespace rpcaudit::policy
