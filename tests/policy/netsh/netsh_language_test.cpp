// The rules of the language, one row for each statement of engine/policy/semantics.md about it: 1.1
// the commands, 1.2 what Microsoft's text writes otherwise than netsh takes it, 1.3 match
// types, 1.4 data by field.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>

#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

using Texts = std::vector<std::string>;

struct Statement {
  const char* name;
  std::string script;
  Texts filters;
  Texts codes;
};

const std::string kRule = "add rule layer=um actiontype=block\n";
const std::string kOpnum = "add condition field=opnum matchtype=equal data=3\n";
const std::string kCommit = "add filter\n";
const std::string kWhole = kRule + kOpnum + kCommit;
const Texts kOpnumThree{"block um opnum=3"};
const std::string kKey = "11111111-2222-3333-4444-555555555555";

const Statement kCommands[] = {
    {"[semantics] 1.1.13: auditparameters",
     "add rule um permit audit=enable auditparameters=enable\n" + kOpnum + kCommit,
     {"permit um opnum=3 audit"},
     {}},
    {"[semantics] 1.1.12: delete filter all", kWhole + "delete filter all\n", {}, {}},
    {"[semantics] 1.1.12: show filter changes nothing",
     kWhole + "show filter\n",
     kOpnumThree,
     {"show-ignored"}},
    {"[semantics] 1.1.14: selective binding is not about filters",
     "netsh rpc add 10.0.0.0\n" + kWhole,
     kOpnumThree,
     {"selective-binding"}},
    {"[semantics] 1.1.1: tags may be left out, and mixed with places",
     "add rule um actiontype=block\nadd condition opnum matchtype=equal 3\n" + kCommit,
     kOpnumThree,
     {}},
    {"[semantics] 1.1.1: tags in any order",
     "add rule actiontype=block layer=um\nadd condition data=3 field=opnum matchtype=equal\n" +
         kCommit,
     kOpnumThree,
     {}},
    {"[semantics] 1.1.1: an unknown tag is an error",
     kRule + "add condition field=opnum matchtype=equal data=3 colour=red\n" + kCommit,
     {},
     {"unknown-tag", "filter-not-added"}},
    {"[semantics] 1.1.2: case does not count",
     "ADD Rule LAYER=Um ActionType=BLOCK\nadd CONDITION Field=OPNUM MatchType=EQUAL Data=3\n"
     "Add Filter\n",
     kOpnumThree,
     {}},
    {"[semantics] 1.1.3: prefixes, warned of once",
     "netsh rpc f a r l=um act=block\nnetsh rpc f a c f=opnum "
     "m=equal d=3\nnetsh rpc f a f\n",
     kOpnumThree,
     {"abbreviation"}},
    {"[semantics] 1.1.4: the whole command",
     "netsh rpc filter add rule um block\nnetsh rpc filter add condition opnum equal 3\n"
     "netsh rpc filter add filter\n",
     kOpnumThree,
     {}},
    {"[semantics] 1.1.4: from the context rpc",
     "rpc\nfilter add rule um block\nfilter add condition opnum "
     "equal 3\nfilter add filter\nquit\n",
     kOpnumThree,
     {}},
    {"[semantics] 1.1.4: from the context rpc filter",
     "rpc filter\n" + kWhole + "..\nbye\n",
     kOpnumThree,
     {}},
    {"[semantics] 1.1.4: a context is left and entered again",
     "rpc filter\n" + kRule + "pushd\n..\npopd\n" + kOpnum + kCommit + "exit\n",
     kOpnumThree,
     {}},
    {"[semantics] 1.1.5: delete rule drops the pending rule and its conditions",
     "add rule um permit\nadd condition opnum equal 1\ndelete rule\n" + kWhole,
     kOpnumThree,
     {}},
    {"[semantics] 1.1.5: what add filter answers may stand between",
     kWhole + "FilterKey: " + kKey + "\nOk.\n",
     kOpnumThree,
     {"not-a-command", "not-a-command"}},
    {"[semantics] 1.1.6: a second rule replaces the pending one",
     "add rule um permit\n" + kWhole,
     kOpnumThree,
     {"rule-replaced"}},
    {"[semantics] 1.1.7: without conditions every call matches",
     kRule + kCommit,
     {"block um (every call)"},
     {"catch-all"}},
    {"[semantics] 1.1.8: comments", "# a\n; b\nrem c\n:: d\n\n" + kWhole, kOpnumThree, {}},
    {"[semantics] 1.1.9: typographic dashes, spaces and quotation marks",
     "add rule um block {11111111\xe2\x80\x93"
     "2222\xe2\x80\x94"
     "3333\xe2\x80\x93"
     "4444\xe2\x80\x93"
     "555555555555}\nadd condition\xc2\xa0opnum equal \xe2\x80\x9c"
     "3\xe2\x80\x9d\nadd filter\n",
     kOpnumThree,
     {}},
    {"[semantics] 1.1.10: a line that ends with a backslash goes on",
     "add rule layer=um \\\n  actiontype=block\n" + kOpnum + kCommit,
     kOpnumThree,
     {"joined-lines"}},
};

std::string with(const std::string& rule, std::initializer_list<std::string_view> conditions) {
  std::string script = "add rule " + rule + '\n';
  for (const std::string_view condition : conditions) {
    script += "add condition " + std::string(condition) + '\n';
  }
  return script + kCommit;
}

const Texts kMisspelt{"misspelt-match-type"};

const Statement kVariants[] = {
    {"[semantics] 1.2.1: equals", with("um block", {"opnum equals 3"}), kOpnumThree, kMisspelt},
    {"[semantics] 1.2.2: Greater or equal",
     with("um block", {"opnum Greater or equal 3"}),
     {"block um opnum>=3"},
     kMisspelt},
    {"[semantics] 1.2.2: Less or equal",
     with("um block", {"opnum Less or equal 3"}),
     {"block um opnum<=3"},
     kMisspelt},
    {"[semantics] 1.2.2: All set",
     with("um block", {"if_flag All set 0x1"}),
     {"block um if_flag all_set 0x00000001"},
     kMisspelt},
    {"[semantics] 1.2.2: Any set",
     with("um block", {"if_flag Any set 0x1"}),
     {"block um if_flag any_set 0x00000001"},
     kMisspelt},
    {"[semantics] 1.2.2: None set",
     with("um block", {"if_flag None set 0x1"}),
     {"block um if_flag none_set 0x00000001"},
     kMisspelt},
    {"[semantics] 1.2.2: a hyphen",
     with("um block", {"opnum greater-or-equal 3"}),
     {"block um opnum>=3"},
     kMisspelt},
    {"[semantics] 1.2.2: no separator",
     with("um block", {"if_flag noneset 0x1"}),
     {"block um if_flag none_set 0x00000001"},
     kMisspelt},
    {"[semantics] 1.2.3: remot_addr_v4",
     with("um block", {"remot_addr_v4 equal 0xC0A80101"}),
     {"block um remote_addr_v4=192.168.1.1"},
     {"misspelt-field"}},
    {"[semantics] 1.2.4: a space after data=",
     with("um block", {"field=protocol matchtype=equal data= NCACN_NP"}),
     {"block um protocol=ncacn_np"},
     {}},
    {"[semantics] 1.2.4: a space after field=",
     with("um block", {"field= opnum matchtype=equal data=3"}),
     kOpnumThree,
     {}},
    {"[semantics] 1.2.5: audit=enable",
     with("um permit audit=enable", {"opnum equal 3"}),
     {"permit um opnum=3 audit"},
     {}},
    {"[semantics] 1.2.5: audit=enabled",
     with("um permit audit=Enabled", {"opnum equal 3"}),
     {"permit um opnum=3 audit"},
     {}},
    {"[semantics] 1.2.5: audit=yes",
     with("um permit audit=yes", {"opnum equal 3"}),
     {"permit um opnum=3 audit"},
     {"misspelt-value"}},
    {"[semantics] 1.2.5: audit=true",
     with("um permit audit=true", {"opnum equal 3"}),
     {"permit um opnum=3 audit"},
     {"misspelt-value"}},
    {"[semantics] 1.2.5: audit=1",
     with("um permit audit=1", {"opnum equal 3"}),
     {"permit um opnum=3 audit"},
     {"misspelt-value"}},
    {"[semantics] 1.2.5: audit=disabled",
     with("um permit audit=disabled", {"opnum equal 3"}),
     {"permit um opnum=3"},
     {}},
    {"[semantics] 1.2.5: audit=no",
     with("um permit audit=no", {"opnum equal 3"}),
     {"permit um opnum=3"},
     {"misspelt-value"}},
    {"[semantics] 1.2.6: persistence=yes",
     with("um block persistence=yes", {"opnum equal 3"}),
     kOpnumThree,
     {"misspelt-value"}},
    {"[semantics] 1.2.7: braces around a key",
     with("um block filterkey={" + kKey + "}", {"opnum equal 3"}),
     kOpnumThree,
     {}},
    {"[semantics] 1.2.8: a stray dot",
     with("um block filterkey=" + kKey, {"opnum equal 3"}) + "filter delete filter." + kKey + "\n",
     {},
     {}},
    {"[semantics] 1.2.9: ep_flags is a number in hexadecimal",
     with("ep_add permit", {"process_with_if_uuid equal " + kKey, "protocol equal ncacn_ip_tcp",
                            "ep_flags equal 0x0001"}),
     {"permit ep_add process_with_if_uuid=" + kKey + " protocol=ncacn_ip_tcp ep_flags=0x00000001"},
     {}},
    {"[semantics] 1.2.10: client_cert_key_name",
     with("proxy_conn block", {"client_cert_key_name equal 2048"}),
     {"block proxy_conn client_cert_key_length=2048"},
     {"misspelt-field"}},
    {"[semantics] 1.2.10: cert_key_length",
     with("proxy_if block", {"if_uuid equal " + kKey, "cert_key_length less 2048"}),
     {"block proxy_if if_uuid=" + kKey + " client_cert_key_length<2048"},
     {"misspelt-field"}},
    {"[semantics] 1.2.12: epmap wants if_uuid first",
     with("epmap block", {"if_version equal 1", "if_uuid equal " + kKey}),
     {"block epmap if_version=1 if_uuid=" + kKey},
     {"field-order", "field-order"}},
    {"[semantics] 1.2.12: ep_add wants process_with_if_uuid first",
     with("ep_add permit", {"protocol equal ncacn_np", "process_with_if_uuid equal " + kKey}),
     {"permit ep_add protocol=ncacn_np process_with_if_uuid=" + kKey},
     {"field-order", "field-order"}},
    {"[semantics] 1.2.12: proxy_if wants if_uuid first",
     with("proxy_if block", {"server_port equal 80", "if_uuid equal " + kKey}),
     {"block proxy_if server_port=80 if_uuid=" + kKey},
     {"field-order"}},
};

const Statement kData[] = {
    {"[semantics] 1.3.1: equal", with("um block", {"opnum equal 3"}), kOpnumThree, {}},
    {"[semantics] 1.3.1: greater", with("um block", {"opnum greater 3"}), {"block um opnum>3"}, {}},
    {"[semantics] 1.3.1: less", with("um block", {"opnum less 3"}), {"block um opnum<3"}, {}},
    {"[semantics] 1.3.1: greater_or_equal",
     with("um block", {"opnum greater_or_equal 3"}),
     {"block um opnum>=3"},
     {}},
    {"[semantics] 1.3.1: less_or_equal",
     with("um block", {"opnum less_or_equal 3"}),
     {"block um opnum<=3"},
     {}},
    {"[semantics] 1.3.3: range with a hyphen",
     with("um block", {"opnum range 3-5"}),
     {"block um opnum=3..5"},
     {}},
    {"[semantics] 1.3.3: range with a comma",
     with("um block", {"opnum range 3,5"}),
     {"block um opnum=3..5"},
     {}},
    {"[semantics] 1.3.1: all_set",
     with("um block", {"sec_key_size all_set 3"}),
     {"block um sec_key_size all_set 3"},
     {}},
    {"[semantics] 1.3.1: any_set",
     with("um block", {"sec_key_size any_set 3"}),
     {"block um sec_key_size any_set 3"},
     {}},
    {"[semantics] 1.3.1: none_set",
     with("um block", {"sec_key_size none_set 3"}),
     {"block um sec_key_size none_set 3"},
     {}},
    {"[semantics] 1.3.2: flags are for numbers only",
     with("um block", {"if_uuid any_set " + kKey}),
     {},
     {"match-type-not-for-field", "filter-not-added"}},
    {"[semantics] 1.3.2: orders of everything but descriptors",
     with("um block", {"remote_user_token less D:(A;;CC;;;BA)"}),
     {},
     {"match-type-not-for-field", "filter-not-added"}},
    {"[semantics] 1.4.1: UUIDs in either case",
     with("um block", {"if_uuid equal E3514235-4B06-11D1-AB04-00C04FC2DCD2"}),
     {"block um if_uuid=e3514235-4b06-11d1-ab04-00c04fc2dcd2"},
     {}},
    {"[semantics] 1.4.1: dcom_app_id",
     with("um block", {"dcom_app_id equal " + kKey}),
     {"block um dcom_app_id=" + kKey},
     {}},
    {"[semantics] 1.4.2: if_version has 16 bits",
     with("um block", {"if_version equal 65536"}),
     {},
     {"out-of-range", "filter-not-added"}},
    {"[semantics] 1.4.2: if_flag",
     with("um block", {"if_flag equal 0x0001"}),
     {"block um if_flag=0x00000001"},
     {}},
    {"[semantics] 1.4.3: a name in ASCII",
     with("um block", {"image_name equal simage.exe"}),
     {"block um image_name=image.exe"},
     {}},
    {"[semantics] 1.4.3: a name in Unicode",
     with("um block", {"image_name equal wimage.exe"}),
     {"block um image_name=image.exe"},
     {}},
    {"[semantics] 1.4.3: the marker is taken where a name has none",
     with("um block", {"image_name equal svchost.exe"}),
     {"block um image_name=vchost.exe"},
     {"marker-in-name"}},
    {"[semantics] 1.4.3: a name without a marker",
     with("um block", {"image_name equal lsass.exe"}),
     {"block um image_name=lsass.exe"},
     {"missing-marker"}},
    {"[semantics] 1.4.3: server_name",
     with("proxy_conn block", {"server_name equal wTarget"}),
     {"block proxy_conn server_name=Target"},
     {}},
    {"[semantics] 1.4.4: protocol by number",
     with("um block", {"protocol equal 2"}),
     {"block um protocol=ncacn_np"},
     {}},
    {"[semantics] 1.4.2: auth_type",
     with("um block", {"auth_type equal 68"}),
     {"block um auth_type=68"},
     {}},
    {"[semantics] 1.4.2: auth_level",
     with("um block", {"auth_level equal 6"}),
     {"block um auth_level=6"},
     {}},
    {"[semantics] 1.4.2: sec_encrypt_alg",
     with("um block", {"sec_encrypt_alg equal 0x6610"}),
     {"block um sec_encrypt_alg=26128"},
     {}},
    {"[semantics] 1.4.2: sec_key_size",
     with("um block", {"sec_key_size less 128"}),
     {"block um sec_key_size<128"},
     {}},
    {"[semantics] 1.4.5: remote_user_token",
     with("um block", {"remote_user_token equal D:(A;;CC;;;BA)"}),
     {"block um remote_user_token=D:(A;;CC;;;BA)"},
     {}},
    {"[semantics] 1.4.5: client_token",
     with("proxy_conn block", {"client_token equal D:(A;;CC;;;BA)"}),
     {"block proxy_conn client_token=D:(A;;CC;;;BA)"},
     {}},
    {"[semantics] 1.4.6: IPv4 in hexadecimal",
     with("um block", {"local_addr_v4 equal 0xC0A80101"}),
     {"block um local_addr_v4=192.168.1.1"},
     {}},
    {"[semantics] 1.4.6: IPv4 with dots",
     with("um block", {"local_addr_v4 equal 192.168.1.1"}),
     {"block um local_addr_v4=192.168.1.1"},
     {}},
    {"[semantics] 1.4.7: IPv6 with colons",
     with("um block", {"local_addr_v6 equal FE80:0:0::1"}),
     {"block um local_addr_v6=fe80::1"},
     {}},
    {"[semantics] 1.4.2: local_port",
     with("um block", {"local_port equal 65535"}),
     {"block um local_port=65535"},
     {}},
    {"[semantics] 1.4.2: server_port",
     with("proxy_conn block", {"server_port equal 593"}),
     {"block proxy_conn server_port=593"},
     {}},
    {"[semantics] 1.4.8: pipe keeps its case",
     with("um block", {"pipe equal \\PIPE\\WinReg"}),
     {"block um pipe=\\PIPE\\WinReg"},
     {}},
    {"[semantics] 1.4.9: ep_value",
     with("ep_add permit", {"process_with_if_uuid equal " + kKey, "protocol equal ncacn_ip_tcp",
                            "ep_value equal 3010"}),
     {"permit ep_add process_with_if_uuid=" + kKey + " protocol=ncacn_ip_tcp ep_value=3010"},
     {}},
    {"[semantics] 1.4.10: proxy_auth_type",
     with("proxy_conn block", {"proxy_auth_type equal NTLM"}),
     {"block proxy_conn proxy_auth_type=NTLM"},
     {}},
    {"[semantics] 1.4.10: client_cert_oid",
     with("proxy_conn block", {"client_cert_oid equal 1.3.6.1.4.1.311"}),
     {"block proxy_conn client_cert_oid=1.3.6.1.4.1.311"},
     {}},
    {"[semantics] 1.4.10: client_cert_key_length",
     with("proxy_conn block", {"client_cert_key_length less 2048"}),
     {"block proxy_conn client_cert_key_length<2048"},
     {}},
    {"[semantics] 2.1: a field of another layer is an error",
     with("epmap block", {"opnum equal 3"}),
     {},
     {"field-not-on-layer", "filter-not-added"}},
};

void expect_all(std::span<const Statement> statements) {
  for (const Statement& row : statements) {
    const ReadPolicy read = read_policy(row.script);
    EXPECT_EQ(read.filters(), row.filters) << row.name;
    EXPECT_EQ(read.codes(), row.codes) << row.name;
  }
}

// [semantics] 1.1.13: `auditparameters` is a switch of its own.
TEST(NetshLanguage, AuditParametersAreKept) {
  const ReadPolicy read =
      read_policy("add rule um permit audit=enable auditparameters=enable\n" + kOpnum + kCommit);
  ASSERT_EQ(read.policy.filters.size(), 1u);
  EXPECT_TRUE(read.policy.filters[0].audit);
  EXPECT_TRUE(read.policy.filters[0].audit_parameters);
}

TEST(NetshLanguage, CommandsAreReadAsStated) { expect_all(kCommands); }
TEST(NetshLanguage, VariantsOfTheDocumentationMeanWhatWasMeant) { expect_all(kVariants); }
TEST(NetshLanguage, MatchTypesAndDataAreReadAsStated) { expect_all(kData); }

}  // namespace
}  // namespace rpcaudit::policy
