// From a script into the store, out of it as a listing, and back: the same verdicts all the way.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <set>

#include "engine/policy/field.h"
#include "engine/policy/layer.h"
#include "engine/policy/match_type.h"
#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/netsh/printer.h"
#include "tests/app/program.h"
#include "tests/support/places.h"

namespace rpcaudit::app {
namespace {

// Two values for a field, the lower one first.
std::pair<std::string, std::string> values_of(policy::Field field) {
  switch (policy::info(field).type) {
    case policy::FieldType::uint8: return {"6", "9"};
    case policy::FieldType::uint16: return {"3", "49153"};
    case policy::FieldType::uint32: return {"0x1", "0x10"};
    case policy::FieldType::uuid:
      return {"367abb81-9844-35f1-ad32-98f038001003", "e3514235-4b06-11d1-ab04-00c04fc2dcd2"};
    case policy::FieldType::address_v4: return {"0x0A4D0001", "0x0A4D0017"};
    case policy::FieldType::address_v6: return {"fd00:77::1", "fd00:77::23"};
    case policy::FieldType::security_descriptor: return {"D:(A;;CC;;;BA)(A;;CC;;;DA)", ""};
    case policy::FieldType::protocol: return {"ncacn_ip_tcp", "ncacn_np"};
    case policy::FieldType::blob: break;
  }
  if (field == policy::Field::pipe) return {"\\PIPE\\lsarpc", "\\PIPE\\spoolss"};
  if (field == policy::Field::client_cert_oid) return {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"};
  return {"sfirst name.exe", "wsecond.exe"};
}

std::string condition(policy::Field field, policy::MatchType match) {
  const auto [low, high] = values_of(field);
  std::string text = "add condition field=" + std::string(to_string(field));
  text += " matchtype=" + std::string(to_string(match)) + " data=";
  return text +
         (match == policy::MatchType::range ? '"' + low + ',' + high + '"' : '"' + low + '"') +
         '\n';
}

// What the page on the language demands of a layer, in its order.
std::vector<policy::Field> required(policy::Layer layer) {
  switch (layer) {
    case policy::Layer::epmap: return {policy::Field::if_uuid, policy::Field::if_version};
    case policy::Layer::ep_add:
      return {policy::Field::process_with_if_uuid, policy::Field::protocol};
    case policy::Layer::proxy_if: return {policy::Field::if_uuid};
    case policy::Layer::um:
    case policy::Layer::proxy_conn: break;
  }
  return {};
}

// Filters of every layer that knows the field, in every way of comparing it, the actions in turn,
// some audited, some with several conditions on the field. `extra` goes into every fifth rule on
// um.
std::string script_about(policy::Field field, std::size_t& number, const std::string& extra) {
  std::string script;
  for (std::size_t i = 0; i < policy::kLayerCount; ++i) {
    const auto layer = static_cast<policy::Layer>(i);
    if (!policy::legal_on(field, layer)) continue;
    for (std::size_t k = 0; k < policy::kMatchTypeCount; ++k) {
      const auto match = static_cast<policy::MatchType>(k);
      if (!policy::legal_for(match, policy::info(field).type)) continue;
      const char* const actions[] = {"block", "permit", "continue", "block"};
      std::array<char, 40> key{};
      std::snprintf(key.data(), key.size(), "5e0f1ea5-0000-4000-8000-%012zx", number + 1);
      script += "add rule layer=" + std::string(to_string(layer));
      script += std::string(" actiontype=") + actions[number % 4] + " filterkey=" + key.data();
      if (layer != policy::Layer::ep_add && number % 5 == 1) script += " audit=enable";
      if (layer == policy::Layer::um && number % 5 == 1) script += extra;
      script += '\n';
      for (const policy::Field needed : required(layer)) {
        if (needed != field) script += condition(needed, policy::MatchType::equal);
      }
      script += condition(field, match);
      if (number % 3 == 0) script += condition(field, policy::MatchType::equal);
      script += "add filter\n";
      ++number;
    }
  }
  return script;
}

std::string script_of_all_features(const std::string& extra) {
  std::string script = "rpc filter\n";
  std::size_t number = 0;
  for (std::size_t j = 0; j < policy::kFieldCount; ++j) {
    script += script_about(static_cast<policy::Field>(j), number, extra);
  }
  return script;
}

// Whether nothing that a stored filter can have is missing.
void expect_every_feature(const policy::Policy& policy) {
  std::set<policy::Layer> layers;
  std::set<policy::Action> actions;
  std::set<std::pair<policy::Layer, policy::Field>> fields;
  std::set<std::pair<policy::FieldType, policy::MatchType>> matches;
  bool audits = false;
  bool has_alternatives = false;
  for (const policy::Filter& filter : policy.filters) {
    layers.insert(filter.layer);
    actions.insert(filter.action);
    audits = audits || (filter.audit && filter.audit_parameters);
    for (std::size_t i = 0; i < filter.conditions.size(); ++i) {
      const policy::Condition& one = filter.conditions[i];
      fields.emplace(filter.layer, one.field);
      matches.emplace(policy::info(one.field).type, one.match);
      has_alternatives = has_alternatives || (i > 0 && filter.conditions[i - 1].field == one.field);
    }
  }
  EXPECT_EQ(layers.size(), policy::kLayerCount);
  EXPECT_EQ(actions.size(), 3u);
  EXPECT_TRUE(audits);
  EXPECT_TRUE(has_alternatives);
  for (std::size_t j = 0; j < policy::kFieldCount; ++j) {
    const auto field = static_cast<policy::Field>(j);
    for (std::size_t i = 0; i < policy::kLayerCount; ++i) {
      const auto layer = static_cast<policy::Layer>(i);
      EXPECT_EQ(fields.contains({layer, field}), policy::legal_on(field, layer))
          << to_string(field) << " on " << to_string(layer);
    }
    for (std::size_t k = 0; k < policy::kMatchTypeCount; ++k) {
      const auto match = static_cast<policy::MatchType>(k);
      const policy::FieldType type = policy::info(field).type;
      EXPECT_EQ(matches.contains({type, match}), policy::legal_for(match, type))
          << to_string(match) << " of " << to_string(field);
    }
  }
}

// The verdicts of all records, without what a policy is called and where it was read from.
std::vector<std::string> verdicts(const std::string& records) {
  std::vector<std::string> verdicts;
  std::istringstream lines(records);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t begin = line.find("\"verdict\":");
    if (begin == std::string::npos) continue;
    std::string verdict = line.substr(begin);
    for (const std::string key : {"\"source\":\"", "\"rule_name\":\"", "\"policy_digest\":\""}) {
      for (std::size_t at = 0; (at = verdict.find(key, at)) != std::string::npos;) {
        const std::size_t end = verdict.find('"', at + key.size());
        verdict.erase(at, end - at + 1);
      }
    }
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

class StoreRoundTripTest : public ProgramTest {
 protected:
  // The script, the store it is put into, the listing of that store, a dump of it.
  std::vector<std::string> forms_of(const std::string& script) {
    const std::string store = (folder / "filters.db").string();
    const Ended added = run("netsh --store " + store + " -f " + script);
    EXPECT_EQ(added.status, 0) << added.err;
    const Ended listing = run("netsh --store " + store + " rpc filter show filter");
    EXPECT_EQ(listing.status, 0) << listing.err;
    const Ended dump = run("netsh --store " + store + " rpc filter dump");
    EXPECT_EQ(dump.status, 0) << dump.err;
    return {script, "store:" + store, file("listing.txt", listing.out), file("dump.txt", dump.out)};
  }

  void expect_same_verdicts(const std::string& script, const std::string& captures) {
    std::vector<std::string> expected;
    for (const std::string& policy : forms_of(script)) {
      const Ended ended = run("calls -r " + captures + " -p " + policy);
      ASSERT_EQ(ended.status, 0) << policy << '\n' << ended.err;
      if (expected.empty()) expected = verdicts(ended.out);
      const std::vector<std::string> found = verdicts(ended.out);
      ASSERT_EQ(found.size(), expected.size()) << policy;
      const auto at = std::mismatch(found.begin(), found.end(), expected.begin());
      if (at.first != found.end()) {
        FAIL() << policy << " says\n" << *at.first << "\nand not\n" << *at.second;
      }
    }
    const std::set<std::string> kinds(expected.begin(), expected.end());
    EXPECT_FALSE(kinds.empty());
    std::printf("    %zu verdicts, %zu kinds\n", expected.size(), kinds.size());
  }

  const std::string ours = source_folder() + "/pcaps";
};

// `auditparameters` apart, which no listing tells.
TEST_F(StoreRoundTripTest, EveryFeatureKeepsItsVerdicts) {
  expect_same_verdicts(file("all.txt", script_of_all_features("")), ours);
}

// Alone, so that no field hides what another one does.
TEST_F(StoreRoundTripTest, EveryFieldKeepsItsVerdicts) {
  std::size_t number = 0;
  for (std::size_t j = 0; j < policy::kFieldCount; ++j) {
    const auto field = static_cast<policy::Field>(j);
    if (!policy::legal_on(field, policy::Layer::um)) continue;
    fs::remove(folder / "filters.db");
    const std::string script = "rpc filter\n" + script_about(field, number, "");
    expect_same_verdicts(file("field.txt", script), demo);
  }
}

TEST_F(StoreRoundTripTest, TheStoreKeepsEveryFeature) {
  const std::string script = script_of_all_features(" auditparameters=enable");
  policy::Policy policy;
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_netsh_script(script, "all.txt", policy, diagnostics);
  EXPECT_GT(policy.filters.size(), 300u);
  expect_every_feature(policy);
  const std::vector<std::string> forms = forms_of(file("all.txt", script));
  EXPECT_EQ(read_file(forms[3]), policy::print_netsh_script(policy));
}

TEST_F(StoreRoundTripTest, PoliciesKeepTheirVerdicts) {
  for (const char* const policy : {"block-coercion", "block-dcsync", "require-privacy"}) {
    fs::remove(folder / "filters.db");
    expect_same_verdicts(ours + "/policies/" + policy + ".netsh.txt", ours);
  }
}

TEST_F(StoreRoundTripTest, EveryFeatureKeepsItsVerdictsOnCapturesFromElsewhere) {
  const char* const corpus = std::getenv("RPCAUDIT_CORPUS");
  if (corpus == nullptr) GTEST_SKIP() << "RPCAUDIT_CORPUS is not set";
  expect_same_verdicts(file("all.txt", script_of_all_features("")), std::string(corpus) + "/lab");
}

}  // namespace
}  // namespace rpcaudit::app
