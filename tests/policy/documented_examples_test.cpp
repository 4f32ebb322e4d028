// Every example of Microsoft's page `Netsh Commands for Remote Procedure Call`, and that of `Load
// Balancing Best Practices`, letter by letter, with the meaning that is written beside it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Example {
  const char* name;
  const char* script;
  const char* meaning;
};

void PrintTo(const Example& example, std::ostream* out) { *out << example.name; }

constexpr Example kExamples[] = {
    {"block_all_over_tcp",
     "netsh rpc filter add rule layer=um actiontype=block\n"
     "netsh rpc filter add condition field=protocol matchtype=equals data= NCACN_IP_TCP\n"
     "netsh rpc filter add filter\n",
     "block um protocol=ncacn_ip_tcp"},
    {"block_port_12345",
     "netsh rpc filter add rule layer=um actiontype=block\n"
     "netsh rpc filter add condition field=local_port matchtype=equals data=12345\n"
     "netsh rpc filter add filter\n",
     "block um local_port=12345"},
    {"block_server",
     "netsh rpc filter add rule layer=um actiontype=block\n"
     "netsh rpc filter add condition field=remot_addr_v4 matchtype=equals data=0xC0A80101\n"
     "netsh rpc filter add filter\n",
     "block um remote_addr_v4=192.168.1.1"},
    {"add_dynamic_endpoint",
     "netsh rpc filter add rule layer=ep_add actiontype=permit\n"
     "netsh rpc filter add condition field= process_with_if_uuid matchtype=equal "
     "data=11111111-1111-1111-1111-111111111111\n"
     "netsh rpc filter add condition field=protocol matchtype=equal data=ncacn_ip_tcp\n"
     "netsh rpc filter add filter\n",
     "permit ep_add process_with_if_uuid=11111111-1111-1111-1111-111111111111 "
     "protocol=ncacn_ip_tcp"},
    {"block_version_1_of_an_interface",
     "netsh rpc filter add rule layer=epmap actiontype=block\n"
     "netsh rpc filter add condition field=if_uuid matchtype=equal "
     "data=11111111-1111-1111-1111-111111111111\n"
     "netsh rpc filter add condition field=if_version matchtype=equal data=1\n"
     "netsh rpc filter add filter\n",
     "block epmap if_uuid=11111111-1111-1111-1111-111111111111 if_version=1"},
    {"block_target_server_through_proxy",
     "netsh rpc filter add rule layer=proxy_conn actiontype=block\n"
     "netsh rpc filter add condition field=server_name matchtype=equals data=sTargetServer\n"
     "netsh rpc filter add filter\n",
     "block proxy_conn server_name=TargetServer"},
    {"block_dcom_activation",
     "add rule layer=um actiontype=block\n"
     "Netsh rpc filter add condition field=if_flag matchtype=equals data=0x0001\n"
     "add filter\n",
     "block um if_flag=0x00000001"},
    {"condition_on_image_exe",
     "add rule layer=um actiontype=block\n"
     "Netsh rpc filter add condition field=image_name matchtype=equal data=simage.exe\n"
     "add filter\n",
     "block um image_name=image.exe"},
    {"static_port_of_load_balancing_best_practices",
     "netsh rpc filter add rule layer=ep_add actiontype=permit\n\n"
     "netsh rpc filter add condition field=process_with_if_uuid matchtype=equal data=\n"
     "3357951c-a1d1-47db-a278-ab945d063d03\n\n"
     "netsh rpc filter add condition field=protocol matchtype=equal data=ncacn_ip_tcp\n\n"
     "netsh rpc filter add condition field=ep_value matchtype=equal data=w3010\n\n"
     "netsh rpc filter add filter\n",
     "permit ep_add process_with_if_uuid=3357951c-a1d1-47db-a278-ab945d063d03 "
     "protocol=ncacn_ip_tcp ep_value=3010"},
    {"protocol_by_its_name",
     "add rule layer=um actiontype=block\n"
     "netsh rpc filter add condition field=protocol matchtype=equal data=NCACN_IP_TCP\n"
     "filter add filter\n",
     "block um protocol=ncacn_ip_tcp"},
};

class DocumentedExample : public testing::TestWithParam<Example> {};

TEST_P(DocumentedExample, MeansWhatIsWrittenBesideIt) {
  const ReadPolicy read = read_policy(GetParam().script);
  EXPECT_THAT(read.filters(), ElementsAre(GetParam().meaning));
  for (const Diagnostic& diagnostic : read.diagnostics) {
    EXPECT_NE(diagnostic.severity, Severity::error) << format(diagnostic, read.policy.files);
  }
}

INSTANTIATE_TEST_SUITE_P(Page, DocumentedExample, testing::ValuesIn(kExamples),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(DocumentedRule, TakesTheFilterKeyThatItNames) {
  const ReadPolicy read = read_policy(
      "add rule layer=ep_add actiontype=permit filterkey=11111111-2222-3333-4444-555555555555\n"
      "add condition field=process_with_if_uuid matchtype=equal "
      "data=11111111-1111-1111-1111-111111111111\n"
      "add condition field=protocol matchtype=equal data=NCACN_NP\n"
      "add filter\n");
  ASSERT_EQ(read.policy.filters.size(), 1u);
  EXPECT_EQ(read.policy.filters[0].key, uuid("11111111-2222-3333-4444-555555555555"));
  EXPECT_FALSE(read.policy.filters[0].key_generated);
  EXPECT_THAT(read.codes(), IsEmpty());
}

constexpr const char* kTwoFilters =
    "add rule um block filterkey=11111111-2222-3333-4444-555555555555\n"
    "add condition opnum equal 1\n"
    "add filter\n"
    "add rule um block filterkey=21111111-2222-3333-4444-555555555555\n"
    "add condition opnum equal 2\n"
    "add filter\n";

TEST(DocumentedDelete, AllDeletesEveryFilter) {
  const ReadPolicy read = read_policy(std::string(kTwoFilters) + "delete filter filterkey=all\n");
  EXPECT_THAT(read.filters(), IsEmpty());
  EXPECT_THAT(read.codes(), IsEmpty());
}

struct DeleteCase {
  const char* name;
  const char* command;
};

void PrintTo(const DeleteCase& row, std::ostream* out) { *out << row.name; }

// [semantics] 1.1.12, 1.2.7, 1.2.8.
class DeleteByKey : public testing::TestWithParam<DeleteCase> {};

TEST_P(DeleteByKey, DeletesThatFilterOnly) {
  const ReadPolicy read = read_policy(std::string(kTwoFilters) + GetParam().command);
  EXPECT_THAT(read.filters(), ElementsAre("block um opnum=2"));
  EXPECT_THAT(read.codes(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Form, DeleteByKey,
    testing::Values(
        DeleteCase{"tagged", "Delete filter filterkey=11111111-2222-3333-4444-555555555555"},
        DeleteCase{"bare", "filter delete filter 11111111-2222-3333-4444-555555555555"},
        DeleteCase{"dotted", "filter delete filter.11111111-2222-3333-4444-555555555555"},
        DeleteCase{"apart", "delete filter .11111111-2222-3333-4444-555555555555"},
        DeleteCase{"braces", "delete filter {11111111-2222-3333-4444-555555555555}"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rpcaudit::policy
