// What the program writes is what its JSON Schemas say, and they say every word that it may write.

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <map>
#include <set>
#include <sstream>

#include "dissect/statistics.h"
#include "dissect/transport.h"
#include "engine/audit/event/evidence.h"
#include "engine/audit/schema/schemas.h"
#include "engine/audit/sink/record_values.h"
#include "engine/audit/tally/audit_tally.h"
#include "engine/evaluate/controls/decision_table.h"
#include "tests/app/program.h"
#include "tests/support/captures_at_hand.h"

namespace rpcaudit::app {
namespace {

using rapidjson::Value;
using Words = std::set<std::string>;

rapidjson::Document parsed(std::string_view text) {
  rapidjson::Document document;
  EXPECT_FALSE(document.Parse(text.data(), text.size()).HasParseError());
  return document;
}

class SchemaTest : public ProgramTest {
 protected:
  static bool has_validator() {
    return std::system("python3 -c 'import jsonschema' > /dev/null 2>&1") == 0;
  }

  // What the validator says of `files`, by the schema that the program prints.
  std::string faults(const std::string& what, const std::string& files) {
    const std::string schema = file(what + ".json", run("schema " + what).out);
    const std::string said = (folder / "faults").string();
    const int status = std::system(("python3 " + source_folder() + "/tests/app/validate_json.py " +
                                    schema + " " + files + " > " + said + " 2>&1")
                                       .c_str());
    return status == 0 ? std::string() : read_file(said) + "status " + std::to_string(status);
  }
};

constexpr const char* kNoValidator = "python3-jsonschema is not installed";

TEST_F(SchemaTest, SchemasAreValid) {
  if (!has_validator()) GTEST_SKIP() << kNoValidator;
  EXPECT_EQ(faults("records", ""), "");
  EXPECT_EQ(faults("summary", ""), "");
  EXPECT_EQ(faults("explanation", ""), "");
  EXPECT_EQ(faults("diagnostics", ""), "");
}

TEST_F(SchemaTest, ExplanationsOfFindingsAndLookUpsAreValid) {
  if (!has_validator()) GTEST_SKIP() << kNoValidator;
  const std::string hidden = file("hide.txt",
                                  "rpc filter\nadd rule epmap block audit=enable\n"
                                  "add condition if_uuid equal "
                                  "e3514235-4b06-11d1-ab04-00c04fc2dcd2\nadd filter\n");
  const std::string restricted = file("r.reg",
                                      "Windows Registry Editor Version 5.00\n\n"
                                      "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\"
                                      "Windows NT\\Rpc]\n\"RestrictRemoteClients\"=dword:1\n");
  const std::string frames[] = {"1737", "1713", "345", "678"};
  std::string files;
  for (const std::string& policy : {dcsync, hidden, restricted}) {
    for (const std::string& frame : frames) {
      const Ended ended =
          run("explain -q --format json " + demo + " -p " + policy + " --frame " + frame);
      EXPECT_EQ(ended.status, 0) << ended.err;
      files += ' ' + file("explanation" + std::to_string(files.size()), ended.out);
    }
  }
  const Ended described = run("explain -q --format json -p " + dcsync +
                              " --call 'interface=drsuapi opnum=3 client=10.77.0.21 "
                              "server=10.77.0.1'");
  files += ' ' + file("described", described.out);
  EXPECT_EQ(faults("explanation", files), "");
}

TEST_F(SchemaTest, DiagnosticsOfAllPoliciesAreValid) {
  if (!has_validator()) GTEST_SKIP() << kNoValidator;
  std::string files;
  std::size_t lines = 0;
  for (const auto& entry : fs::recursive_directory_iterator(source_folder() + "/tests/golden")) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(".txt") == std::string::npos || name == "summary.txt" || name == "records.txt") {
      continue;
    }
    const Ended ended = run("check -q --format json -p " + entry.path().string());
    lines += static_cast<std::size_t>(std::count(ended.out.begin(), ended.out.end(), '\n'));
    files += ' ' + file("check" + std::to_string(files.size()), ended.out);
  }
  EXPECT_GT(lines, 20u);
  EXPECT_EQ(faults("diagnostics", files), "");
}

TEST_F(SchemaTest, AnExplanationSaysWhatTheTextSays) {
  const std::string question = "explain -q " + demo + " -p " + dcsync + " --frame 1737";
  const std::string text = run(question).out;
  const rapidjson::Document data = parsed(run(question + " --format json").out);
  const Value& layer = data["layers"][0];
  EXPECT_STREQ(layer["verdict"]["action"].GetString(), "would_block");
  EXPECT_NE(text.find("verdict  would_block"), std::string::npos);
  ASSERT_EQ(layer["filters"].Size(), 3u);
  for (const Value& filter : layer["filters"].GetArray()) {
    EXPECT_NE(text.find(filter["weight"].GetString()), std::string::npos);
    for (const Value& condition : filter["conditions"].GetArray()) {
      EXPECT_NE(text.find(condition["condition"].GetString()), std::string::npos);
      EXPECT_NE(text.find("seen: " + std::string(condition["seen"].GetString())),
                std::string::npos);
    }
  }
  EXPECT_EQ(layer["targets"].Size(), policy::kTargetCount);
}

TEST_F(SchemaTest, ARecordWithAnotherKeyOrWordIsInvalid) {
  if (!has_validator()) GTEST_SKIP() << kNoValidator;
  const std::string records = run("audit -q --format json " + demo + " -p " + dcsync).out;
  const std::string first = records.substr(0, records.find('\n') + 1);
  EXPECT_EQ(faults("records", file("good", first)), "");
  for (const auto& [from, to] : {std::pair("\"opnum\":", "\"operation_number\":"),
                                 std::pair("\"outcome\":\"response\"", "\"outcome\":\"answer\""),
                                 std::pair("\"schema\":1", "\"schema\":2")}) {
    std::string bad = first;
    ASSERT_NE(bad.find(from), std::string::npos) << from;
    bad.replace(bad.find(from), std::string_view(from).size(), to);
    EXPECT_NE(faults("records", file("bad", bad)), "") << to;
  }
}

// Runs that write every kind of record.
TEST_F(SchemaTest, RecordsAndSummariesOfAllCapturesAreValid) {
  if (!has_validator()) GTEST_SKIP() << kNoValidator;
  const std::string cases = source_folder() + "/tests/golden/cases/";
  const std::string runs[] = {"audit -p " + dcsync + " -p pcaps/policies/block-coercion.netsh.txt",
                              "audit --all --what-if restrict_remote_clients=0..2 -p " + dcsync,
                              "audit --all -c pcaps/policies/two-controllers/deployment.toml",
                              "audit --all -p " + cases + "ipsec-negotiation/rpc-ports.cmd",
                              "audit --all -p " + cases + "filter-audit-enable/policy.netsh.txt",
                              "calls",
                              "endpoints"};
  std::string captures;
  for (const auto& capture : test::captures_at_hand(3'000'000)) {
    captures += " '" + capture.string() + "'";
  }
  std::string records;
  std::string summaries;
  for (const std::string& command : runs) {
    const std::string name = (folder / ("run" + std::to_string(records.size()))).string();
    const bool has_summary = !command.starts_with("endpoints");
    const std::string summary = has_summary ? " --summary " + name + ".summary" : std::string();
    const Ended ended = run(command + " -q --format json -o " + name + summary + captures);
    EXPECT_NE(ended.status, 2) << command << '\n' << ended.err;
    records += ' ' + name;
    if (has_summary) summaries += ' ' + name + ".summary";
  }
  EXPECT_EQ(faults("records", records), "");
  EXPECT_EQ(faults("summary", summaries), "");
}

// README of the records: a call is an `rpc_call` or an `rpc_audit`, and both together are all
// calls.
TEST_F(SchemaTest, CallsByOperationLoseNoBlockedOnes) {
  const auto by_operation = [this](const std::string& command) {
    std::map<std::string, int> counts;
    std::istringstream lines(run(command + " -q --format json " + demo).out);
    for (std::string line; std::getline(lines, line);) {
      const rapidjson::Document record = parsed(line);
      const std::string type = record["event_type"].GetString();
      if (type != "rpc_call" && type != "rpc_audit") continue;
      const Value& rpc = record["rpc"];
      ++counts[std::string(rpc["interface"].GetString()) + ' ' +
               std::to_string(rpc["opnum"].GetInt())];
    }
    return counts;
  };
  const auto calls = by_operation("calls");
  EXPECT_GT(calls.size(), 20u);
  EXPECT_EQ(by_operation("audit --all -p " + dcsync), calls);
}

TEST_F(SchemaTest, EveryRecordAndTheSummaryCarryTheIdOfTheRun) {
  const std::string summary = (folder / "summary").string();
  for (const char* command :
       {"audit --all -p pcaps/policies/block-dcsync.netsh.txt --summary ", "endpoints -o "}) {
    const bool is_audit = std::string_view(command).starts_with("audit");
    const std::string records =
        run(std::string(command) + summary + " -q --run case-7 --format json " + demo).out;
    std::istringstream lines(is_audit ? records : read_file(summary));
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      EXPECT_NE(line.find(R"("schema":1,"run":"case-7")"), std::string::npos) << line;
    }
    EXPECT_GT(count, 50u) << command;
    if (is_audit) {
      EXPECT_STREQ(parsed(read_file(summary))["run"].GetString(), "case-7");
    }
  }
}

TEST_F(SchemaTest, RecordsOfAnAssociationShareAFlow) {
  std::map<std::uint64_t, std::string> ends;
  std::map<std::string, std::set<std::uint64_t>> flows;
  std::istringstream lines(run("calls -q --format json --sensor edge " + demo).out);
  for (std::string line; std::getline(lines, line);) {
    const rapidjson::Document record = parsed(line);
    EXPECT_STREQ(record["sensor"].GetString(), "edge");
    if (!record.HasMember("flow_id")) continue;
    const std::string flow = record["community_id"].GetString();
    const std::uint64_t id = record["flow_id"].GetUint64();
    EXPECT_EQ(ends.emplace(id, flow).first->second, flow) << "one flow has one pair of ends";
    if (std::string_view(record["rpc"]["transport"].GetString()) == "ncacn_ip_tcp") {
      flows[flow].insert(id);
    }
  }
  EXPECT_GT(flows.size(), 20u);
  for (const auto& [flow, ids] : flows) EXPECT_EQ(ids.size(), 1u) << flow;
}

// Two revisions of a policy are told apart; the name of a rule stays.
TEST_F(SchemaTest, FindingsNameTheRevisionAndTheRule) {
  const std::string script = read_file(dcsync);
  const auto verdict_of = [this](const std::string& policy) {
    const std::string out =
        run("audit -q --format json --target ws2025 " + demo + " -p " + policy).out;
    const rapidjson::Document record = parsed(out.substr(0, out.find('\n')));
    return std::pair<std::string, std::string>(record["verdict"]["policy_digest"].GetString(),
                                               record["verdict"]["rule_name"].GetString());
  };
  const auto before = verdict_of(file("a.txt", script));
  const auto after = verdict_of(file("b.txt", "# another line\n" + script));
  EXPECT_NE(before.first, after.first);
  EXPECT_EQ(before.second, "block: DRSGetNCChanges from anybody else");
  EXPECT_EQ(after.second, before.second);
}

TEST_F(SchemaTest, AnUnknownSchemaIsAnError) {
  EXPECT_EQ(run("schema").out, run("schema records").out);
  EXPECT_EQ(run("schema nothing").status, 2);
  EXPECT_EQ(run("schema records summary").status, 2);
}

// A definition of the schema of records, of its own or named by the path of a property.
const Value& definition(const Value& schema, const char* name) { return schema["$defs"][name]; }

Words words_of(const Value& enumeration) {
  Words words;
  for (const Value& value : enumeration["oneOf"].GetArray()) {
    words.insert(value["const"].GetString());
    EXPECT_GT(value["description"].GetStringLength(), 0u) << value["const"].GetString();
  }
  return words;
}

using audit::to_string;  // of the dissector's enumerations

template <typename Enum>
Words names(std::size_t count) {
  Words words;
  for (std::size_t i = 0; i < count; ++i) words.emplace(to_string(static_cast<Enum>(i)));
  return words;
}

Words without(Words words, const char* word) {
  EXPECT_EQ(words.erase(word), 1u);
  return words;
}

Words united(std::initializer_list<Words> sets) {
  Words all;
  for (const Words& set : sets) all.insert(set.begin(), set.end());
  return all;
}

TEST(Schema, HasEveryWordOfEveryEnumeration) {
  const rapidjson::Document schema = parsed(audit::records_schema());
  const auto defined = [&](const char* name) { return words_of(definition(schema, name)); };
  const auto property = [&](const char* name, const char* key) {
    return words_of(definition(schema, name)["properties"][key]);
  };
  EXPECT_EQ(defined("transport"),
            names<dissect::ProtocolSequence>(dissect::kProtocolSequenceCount));
  EXPECT_EQ(defined("tower_protocol"), names<dissect::TowerProtocol>(22));
  EXPECT_EQ(defined("action"), names<evaluate::VerdictAction>(evaluate::kVerdictActionCount));
  EXPECT_EQ(defined("control_action"),
            names<evaluate::ControlAction>(evaluate::kControlActionCount));
  EXPECT_EQ(defined("control"), names<evaluate::Control>(evaluate::kControlCount));
  EXPECT_EQ(defined("layer"), names<policy::Layer>(policy::kLayerCount));
  EXPECT_EQ(defined("target"), names<policy::Target>(policy::kTargetCount));
  EXPECT_EQ(defined("doubt"), names<dissect::Doubt>(dissect::kDoubtCount));
  EXPECT_EQ(defined("unseen"), united({names<policy::Field>(policy::kFieldCount), defined("doubt"),
                                       names<evaluate::ControlFact>(evaluate::kControlFactCount)}));
  EXPECT_EQ(property("rpc_of_call", "outcome"), names<dissect::Outcome>(dissect::kOutcomeCount));
  EXPECT_EQ(property("rpc_of_context", "result"),
            names<dissect::ContextResult>(dissect::kContextResultCount));
  EXPECT_EQ(property("verdict_of_call", "lookup"),
            without(names<evaluate::Lookup>(evaluate::kLookupCount), "unaffected"));
  EXPECT_EQ(property("verdict_of_call", "severity"),
            names<audit::FindingSeverity>(audit::kFindingSeverityCount));
  Words techniques;
  for (const audit::AttackOperation& attack : audit::attack_operations()) {
    techniques.emplace(attack.technique);
  }
  EXPECT_EQ(defined("technique"), techniques);
  EXPECT_EQ(property("verdict_of_call", "enforced"), names<audit::Enforced>(4));
  const auto inner = [&](const char* record, const char* object, const char* key) {
    return words_of(definition(schema, record)["properties"][object]["properties"][key]);
  };
  EXPECT_EQ(inner("rpc_blind", "blind", "kind"),
            names<dissect::BlindnessKind>(dissect::kBlindnessKindCount));
  EXPECT_EQ(inner("rpc_connection", "connection", "answer"),
            names<dissect::OpeningAnswer>(dissect::kOpeningAnswerCount));
  EXPECT_EQ(inner("verdict_of_call", "event_5712", "keywords"),
            without(names<evaluate::AuditKeywords>(evaluate::kAuditKeywordsCount), "none"));
}

// What several schemas define they define alike, so that the test above holds for all of them.
TEST(Schema, SharedDefinitionsAreEqual) {
  const rapidjson::Document records = parsed(audit::records_schema());
  std::size_t shared = 0;
  for (const std::string_view text : {audit::summary_schema(), audit::explanation_schema()}) {
    const rapidjson::Document other = parsed(text);
    for (const auto& definition : other["$defs"].GetObject()) {
      const std::string name = definition.name.GetString();
      if (!records["$defs"].HasMember(name.c_str()) || name == "unseen") continue;
      EXPECT_TRUE(records["$defs"][name.c_str()] == definition.value) << name;
      ++shared;
    }
  }
  EXPECT_GT(shared, 15u);
}

TEST(Schema, TheSummaryHasEveryWordToo) {
  const rapidjson::Document schema = parsed(audit::summary_schema());
  const auto row = [&](const char* table, const char* key) {
    return words_of(schema["properties"][table]["items"]["properties"][key]);
  };
  EXPECT_EQ(row("activities", "action"),
            names<evaluate::VerdictAction>(evaluate::kVerdictActionCount));
  EXPECT_EQ(row("blindness", "kind"), names<dissect::BlindnessKind>(dissect::kBlindnessKindCount));
  EXPECT_EQ(words_of(schema["$defs"]["unseen"]), names<policy::Field>(policy::kFieldCount));
  EXPECT_EQ(words_of(schema["$defs"]["target_action"]),
            names<evaluate::TargetAction>(evaluate::kTargetActionCount));
}

TEST(Schema, HasEveryRowOfTheDecisionTables) {
  const rapidjson::Document schema = parsed(audit::records_schema());
  Words rows;
  for (std::uint8_t i = 0; i < evaluate::kNoRow; ++i) {  // beyond the last row is the last row
    rows.emplace(evaluate::remote_clients_row(i).name);
    rows.emplace(evaluate::registration_row(i).name);
  }
  EXPECT_EQ(words_of(definition(schema, "row")), rows);
}

Words keys_of(const Value& object) {
  Words keys;
  for (const auto& member : object["properties"].GetObject()) keys.insert(member.name.GetString());
  return keys;
}

TEST(Schema, HasEveryCounter) {
  const rapidjson::Document schema = parsed(audit::records_schema());
  Words counters{"frames_of_odd_links"};
  const dissect::DissectStatistics statistics;
  for_each_counter(statistics,
                   [&](std::string_view name, std::uint64_t) { counters.emplace(name); });
  EXPECT_EQ(keys_of(definition(schema, "dissect_counters")), counters);
  audit::AuditTally tally;
  counters.clear();
  for (const audit::NamedCounter& counter : named_counters(tally)) counters.emplace(counter.name);
  EXPECT_EQ(keys_of(definition(schema, "audit_counters")), counters);
}

// Every key has a description, its own or that of what it refers to; objects take no other keys.
void check_described(const Value& schema, const Value& part, const std::string& path) {
  if (part.IsArray()) {
    for (const Value& element : part.GetArray()) check_described(schema, element, path + "[]");
  }
  if (!part.IsObject()) return;
  for (const auto& member : part.GetObject()) {
    const std::string name = member.name.GetString();
    if (name != "properties") {
      check_described(schema, member.value, path + "/" + name);
      continue;
    }
    EXPECT_TRUE(part.HasMember("additionalProperties")) << path;
    for (const auto& key : member.value.GetObject()) {
      const Value* described = &key.value;
      if (described->HasMember("$ref") && !described->HasMember("description")) {
        const std::string target = (*described)["$ref"].GetString();
        described = &definition(schema, target.substr(target.rfind('/') + 1).c_str());
      }
      EXPECT_TRUE(described->HasMember("description")) << path << " " << key.name.GetString();
      check_described(schema, key.value, path + "/" + key.name.GetString());
    }
  }
}

TEST(Schema, DescribesEveryKey) {
  for (const std::string_view text : {audit::records_schema(), audit::summary_schema(),
                                      audit::explanation_schema(), audit::diagnostics_schema()}) {
    const rapidjson::Document schema = parsed(text);
    check_described(schema, schema, "");
  }
}

}  // namespace
}  // namespace rpcaudit::app
