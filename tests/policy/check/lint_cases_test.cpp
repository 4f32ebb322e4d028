// Every code that validator and linter can emit has a policy that they say it of, and one very like
// it that they do not: a code without both fails here.

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "engine/policy/check/linter.h"
#include "engine/policy/check/validator.h"
#include "engine/policy/policy_text.h"
#include "tests/policy/emitted_codes.h"
#include "tests/support/places.h"

namespace rpcaudit::policy {
namespace {

namespace fs = std::filesystem;

constexpr Uuid kDrsuapi = uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2");

class OneName : public InterfaceNames {
 public:
  std::string name_of(const Uuid& interface) const override {
    return interface == kDrsuapi ? "drsuapi" : "";
  }
  std::optional<Uuid> nearest(const Uuid&) const override { return kDrsuapi; }
  std::optional<std::uint16_t> last_operation(const Uuid& interface) const override {
    return interface == kDrsuapi ? std::optional<std::uint16_t>(30) : std::nullopt;
  }
};

struct Case {
  std::string code;
  std::string says;
  std::string silent;
  Target target = Target::documented;
  bool domain_ipsec = false;  // of the case that speaks
};

std::string filter(std::string_view rule, std::initializer_list<std::string_view> conditions) {
  std::string script = "add rule " + std::string(rule) + '\n';
  for (const std::string_view condition : conditions) {
    script += "add condition " + std::string(condition) + '\n';
  }
  return script + "add filter\n";
}

std::string um(std::string_view condition) { return filter("um block", {condition}); }

std::string many_filters(std::size_t count) {
  std::string script;
  for (std::size_t i = 0; i < count; ++i) {
    script +=
        filter(i % 2 == 0 ? "um permit" : "um block", {"local_port equal " + std::to_string(i)});
  }
  return script;
}

std::string reg(std::string_view key, std::string_view value) {
  return "reg add \"HKLM\\" + std::string(key) + "\" /v " + std::string(value) + " /f\n";
}

std::string rpc_value(const char* name, const char* data) {
  return reg("SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc",
             std::string(name) + " /t REG_DWORD /d " + data);
}

std::string ipsec(const char* name, int port, const char* action) {
  return std::string("ipseccmd -w REG -p P -r \"") + name + "\" -f *=0:" + std::to_string(port) +
         ":TCP -n " + action + '\n';
}

std::string ipsec_from(const char* source, int port, const char* action) {
  return std::string("ipseccmd -w REG -p P -r \"") + action + " from " + source + ' ' +
         std::to_string(port) + "\" -f " + source + "/255.255.255.0=0:" + std::to_string(port) +
         ":TCP -n " + action + '\n';
}

const std::string kAssign = "ipseccmd -w REG -p P -x\n";
const std::string kPorts = "rpccfg -pe 5001-5002 -d 0\n";
const std::string kBlocked =
    kPorts + ipsec("a", 135, "BLOCK") + ipsec("b", 5001, "BLOCK") + ipsec("c", 5002, "BLOCK");
const std::string kPassed =
    kBlocked + ipsec_from("10.1.1.0", 135, "PASS") + ipsec_from("10.1.1.0", 5001, "PASS");
const std::string kSetting = rpc_value("RestrictRemoteClients", "1");
const std::string kLookups = kSetting + rpc_value("EnableAuthEpResolution", "1");
const std::string kNoNtlm = reg("SYSTEM\\CurrentControlSet\\Control\\Lsa\\MSV1_0",
                                "RestrictReceivingNTLMTraffic /t REG_DWORD /d 2");
// In a batch file, with the commands of other programs.
std::string endpoint(const char* port) {
  const std::string netsh = "netsh rpc filter add ";
  return netsh + "rule ep_add permit\n" + netsh +
         "condition process_with_if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2\n" + netsh +
         "condition protocol equal ncacn_ip_tcp\n" + netsh + "condition ep_value equal " + port +
         '\n' + netsh + "filter\n";
}

const Case kCases[] = {
    // The validator, on one condition.
    {"never-on-the-wire", um("image_name equal sa.exe"), um("opnum equal 1")},
    {"sddl-never-matches", um("remote_user_token equal D:(A;;RC;;;BA)"),
     um("remote_user_token equal D:(A;;CC;;;BA)")},
    {"address-order", um("remote_addr_v4 less 10.0.0.2"), um("remote_addr_v4 equal 10.0.0.2")},
    {"v4-byte-order", um("remote_addr_v4 equal 10.0.0.2"), um("remote_addr_v4 equal 10.1.1.10")},
    {"pipe-prefix", um("pipe equal winreg"), um("pipe equal \\PIPE\\winreg")},
    {"pipe-case", um("pipe equal \\PIPE\\WINREG"), um("pipe equal \\PIPE\\winreg")},
    {"protocol-not-documented", um("protocol equal ncacn_http"), um("protocol equal ncacn_np")},
    {"opnum-version", um("opnum equal 1"), um("local_port equal 1")},
    {"never-matches", um("opnum less 0"), um("opnum less 1")},
    {"always-matches", um("opnum greater_or_equal 0"), um("opnum greater_or_equal 1")},
    // On one filter.
    {"audit-on-ep-add", filter("ep_add permit audit=enable", {}), filter("ep_add permit", {})},
    {"block-with-audit", filter("um block audit=enable", {"opnum equal 1"}),
     filter("um permit audit=enable", {"opnum equal 1"})},
    {"audit-parameters", filter("um permit auditparameters=enable", {"opnum equal 1"}),
     filter("um permit audit=enable auditparameters=enable", {"opnum equal 1"})},
    {"ep-add-action", filter("ep_add block", {}), filter("ep_add permit", {})},
    {"layer-not-evaluated", filter("proxy_conn block", {"server_port equal 1"}),
     filter("um block", {"local_port equal 1"})},
    {"split-field", filter("um block", {"opnum equal 1", "local_port equal 2", "opnum equal 3"}),
     filter("um block", {"opnum equal 1", "opnum equal 3", "local_port equal 2"})},
    {"exclusive-fields", filter("um block", {"pipe equal \\PIPE\\a", "protocol equal 1"}),
     filter("um block", {"pipe equal \\PIPE\\a", "protocol equal 2"})},
    {"address-on-pipe", filter("um block", {"protocol equal 2", "remote_addr_v6 equal ::2"}),
     filter("um block", {"protocol equal 1", "remote_addr_v6 equal ::2"})},
    {"security-on-pipe", filter("um block", {"protocol equal 2", "auth_level less 6"}),
     filter("um block", {"protocol equal 1", "auth_level less 6"})},
    // On filters together.
    {"duplicate-filter-key",
     filter("um block 11111111-2222-3333-4444-555555555555", {"opnum equal 1"}) +
         filter("um block 11111111-2222-3333-4444-555555555555", {"opnum equal 2"}),
     filter("um block 11111111-2222-3333-4444-555555555555", {"opnum equal 1"}) +
         filter("um block 21111111-2222-3333-4444-555555555555", {"opnum equal 2"})},
    {"duplicate-filter", um("opnum equal 1") + um("opnum equal 0x1"),
     um("opnum equal 1") + um("opnum equal 2")},
    {"continue-only", filter("um continue", {"opnum equal 1"}),
     filter("um continue", {"opnum equal 1"}) + um("opnum equal 2")},
    {"contradicting-filters", filter("um permit", {"opnum equal 1"}) + um("opnum equal 1"),
     filter("um permit", {"opnum equal 1"}) + um("opnum equal 2")},
    {"equal-weight", filter("um permit", {"opnum range 1-5"}) + um("opnum range 4-8"),
     filter("um permit", {"opnum range 1-5"}) + um("opnum range 6-8")},
    {"overlaps-not-checked", many_filters(7000), many_filters(10)},
    // The linter.
    {"shadowed-filter", um("opnum equal 1") + um("opnum range 1-9"),
     um("opnum equal 1") + um("opnum range 2-9")},
    {"overruled-filter", filter("um permit", {"opnum equal 1"}) + um("opnum range 1-9"),
     filter("um permit", {"opnum equal 1"}) + um("opnum range 2-9")},
    {"redundant-filter",
     filter("um block", {"protocol equal 1", "opnum equal 1"}) + um("protocol equal 1"),
     filter("um permit", {"protocol equal 1", "opnum equal 1"}) + um("protocol equal 1")},
    {"permit-without-block", filter("um permit", {"opnum equal 1", "protocol equal 1"}),
     filter("um permit", {"opnum equal 1", "protocol equal 1"}) + um("protocol equal 1")},
    {"blocks-everything", filter("um block", {}), um("protocol equal 1")},
    {"unknown-interface", um("if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd3"),
     um("if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2")},
    {"broader-on-target", um("opnum equal 1"), um("local_port equal 1"), Target::ws2019},
    {"refused-by-target", um("opnum equal 1"), um("local_port equal 1"), Target::ws2016},
    {"never-on-target", um("remote_addr_v4 equal 10.0.0.2"), um("remote_addr_v4 equal 10.1.1.10"),
     Target::ws2022},
    {"alternatives-match-all", filter("um block", {"opnum greater 1", "opnum less 3"}),
     filter("um block", {"opnum greater 3", "opnum less 3"})},
    {"impossible-value",
     filter("um block", {"if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2", "opnum equal 31"}),
     filter("um block", {"if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2", "opnum equal 30"}) +
         filter("um block",
                {"if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2", "if_version equal 4"}) +
         um("auth_level equal 6") + um("auth_type equal 10")},
    {"kerberos-negotiated", um("auth_type equal 16"), um("auth_type equal 9")},
    {"separate-processes",
     "netsh rpc filter add rule um block\nnetsh rpc filter add condition opnum equal 1\n"
     "netsh rpc filter add filter\n",
     "netsh\nrpc filter\n" + um("opnum equal 1")},
    {"netsh-f-context", um("opnum equal 1"), "rpc filter\n" + um("opnum equal 1")},
    {"comment-sign", "rpc filter\nrem a\n" + um("opnum equal 1"),
     "rpc filter\n# a\n" + um("opnum equal 1")},
    // Settings besides filters.
    {"edition-unknown", rpc_value("EnableAuthEpResolution", "1"), kLookups},
    {"effective-at-reboot", kSetting, "rpc filter\n" + um("opnum equal 1")},
    {"lookups-refused", kSetting, kLookups},
    {"not-for-controllers", kSetting, rpc_value("RestrictRemoteClients", "0")},
    {"no-exceptions", rpc_value("RestrictRemoteClients", "2"), kSetting},
    {"ntlm-conflict", kLookups + kNoNtlm, kSetting + kNoNtlm},
    {"port-count", kPorts, kSetting},
    {"incomplete-ports", "rpccfg -d 0\n", kPorts},
    {"ports-overlap", "rpccfg -pe 50000-50100 -d 0\n", kPorts},
    // [semantics] 2.9.
    {"endpoint-outside-ports", kPorts + endpoint("6001"), kPorts + endpoint("5001")},
    {"ipsec-domain-policy", ipsec("a", 135, "BLOCK") + kAssign, ipsec("a", 135, "BLOCK") + kAssign,
     Target::documented, true},
    {"ipsec-never-assigned", ipsec("a", 135, "BLOCK"), ipsec("a", 135, "BLOCK") + kAssign},
    {"ipsec-unassigned", ipsec("a", 135, "BLOCK") + kAssign + "ipseccmd -w REG -p P -y\n",
     ipsec("a", 135, "BLOCK") + kAssign},
    {"ipsec-rule-name", ipsec("Block 5001", 5002, "BLOCK"), ipsec("Block 5002", 5002, "BLOCK")},
    {"ipsec-pass-without-block", ipsec("a", 135, "PASS") + kAssign,
     ipsec("a", 135, "BLOCK") + ipsec_from("10.1.1.0", 135, "PASS") + kAssign},
    {"ipsec-range-not-blocked", kPorts + ipsec("a", 135, "BLOCK") + ipsec("b", 5001, "BLOCK"),
     kBlocked},
    {"ipsec-subnet-incomplete", kPassed + kAssign,
     kPassed + ipsec_from("10.1.1.0", 5002, "PASS") + kAssign},
};

// What `check` says of a file, by code. Errors of the reader would make the case say little.
std::set<std::string> codes_of(const std::string& text, Target target, bool domain_ipsec) {
  Policy policy;
  std::vector<Diagnostic> diagnostics;
  read_policy(text, "test.txt", policy, diagnostics);
  policy.host.ipsec.domain_policy = domain_ipsec;
  for (const Diagnostic& diagnostic : diagnostics) {
    EXPECT_NE(diagnostic.severity, Severity::error) << format(diagnostic, policy.files);
    EXPECT_NE(diagnostic.code, "unknown-program") << format(diagnostic, policy.files);
  }
  const OneName names;
  validate(policy, diagnostics);
  lint(policy, {TargetProfile(target), &names}, diagnostics);
  const SourceText source = SourceText::decode(text);
  if (detect_dialect(text, source) == Dialect::netsh_script) lint_script(source, 0, diagnostics);
  std::set<std::string> codes;
  for (const Diagnostic& diagnostic : diagnostics) codes.insert(diagnostic.code);
  return codes;
}

TEST(LintCases, EachCodeIsSaidOfItsPolicyAndNotOfTheOther) {
  for (const Case& row : kCases) {
    EXPECT_TRUE(codes_of(row.says, row.target, row.domain_ipsec).contains(row.code)) << row.code;
    EXPECT_FALSE(codes_of(row.silent, row.target, false).contains(row.code)) << row.code;
  }
}

// Codes that several mistakes share: one policy for each.
TEST(LintCases, CodesOfSeveralMistakesAreSaidOfEach) {
  const Case kArms[] = {
      {"exclusive-fields",
       filter("um block", {"remote_addr_v4 equal 10.0.0.1", "remote_addr_v6 equal ::2"}),
       filter("um block", {"remote_addr_v4 equal 10.0.0.1", "local_addr_v6 equal ::2"})},
      {"exclusive-fields",
       filter("um block", {"local_addr_v4 equal 10.0.0.1", "local_addr_v6 equal ::2"}),
       filter("um block", {"local_addr_v6 equal ::1", "local_addr_v6 equal ::2"})},
      {"exclusive-fields", filter("um block", {"pipe equal \\PIPE\\a", "local_port equal 135"}),
       filter("um block", {"pipe equal \\PIPE\\a", "opnum equal 1"})},
      {"never-on-target", filter("um block", {"opnum equal 1", "opnum equal 2"}),
       filter("um block", {"opnum equal 1", "opnum equal 1"}), Target::ws2008},
      {"never-on-target", filter("um block", {"pipe equal \\PIPE\\a", "remote_addr_v6 equal ::2"}),
       filter("um block", {"protocol equal 1", "remote_addr_v6 equal ::2"}), Target::ws2022},
      {"never-on-target", um("remote_addr_v6 range ::1-::5"), um("remote_addr_v6 equal ::1"),
       Target::ws2022},
      {"refused-by-target", filter("um block audit=enable", {"local_port equal 1"}),
       filter("um permit audit=enable", {"local_port equal 1"}), Target::w11_25h2},
      {"refused-by-target",
       filter("um permit audit=enable auditparameters=enable", {"local_port equal 1"}),
       filter("um permit audit=enable", {"local_port equal 1"}), Target::ws2022},
      // A page of Markdown is not read as a script whole.
      {"netsh-f-context", "```\n" + um("opnum equal 1") + "```\n",
       "As a page has it:\n```\nrpc\nfilter\n" + um("opnum equal 1") + "```\n"},
  };
  for (const Case& row : kArms) {
    EXPECT_TRUE(codes_of(row.says, row.target, false).contains(row.code)) << row.says;
    EXPECT_FALSE(codes_of(row.silent, row.target, false).contains(row.code)) << row.silent;
  }
}

TEST(LintCases, NoCodeIsWithoutThem) {
  const fs::path folder = fs::path(source_folder()) / "engine" / "policy" / "check";
  std::set<std::string> emitted;
  for (const char* const file :
       {"validator.cpp", "condition_checks.cpp", "linter.cpp", "value_lints.cpp",
        "filter_relations.cpp", "script_lints.cpp", "host_validator.cpp", "ipsec_validator.cpp"}) {
    emitted.merge(test::emitted_codes(folder / file));
  }
  std::set<std::string> tested;
  for (const Case& row : kCases) {
    EXPECT_TRUE(tested.insert(row.code).second) << row.code << " stands twice";
  }
  EXPECT_EQ(tested, emitted);
}

}  // namespace
}  // namespace rpcaudit::policy
