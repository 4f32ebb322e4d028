// The summary as data says what the summary for people says, and nothing is cut.

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>

#include "tests/app/program.h"
#include "tests/support/captures_at_hand.h"

namespace rpcaudit::app {
namespace {

using rapidjson::Value;

constexpr const char* kPolicies[] = {"block-dcsync", "block-coercion", "require-privacy"};

class SummaryTest : public ProgramTest {
 protected:
  rapidjson::Document summary_of(const std::string& arguments) {
    const std::string path = (folder / "summary.json").string();
    text = run(arguments + " -o " + (folder / "records").string() + " --summary " + path).err;
    rapidjson::Document document;
    EXPECT_FALSE(document.Parse(read_file(path).c_str()).HasParseError()) << arguments;
    return document;
  }

  std::string text;  // the summary for people, beside it
};

// `1,234`, as the summary for people writes numbers.
std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::uint64_t sum(const Value& rows, const char* key) {
  std::uint64_t total = 0;
  for (const Value& row : rows.GetArray()) total += row[key].GetUint64();
  return total;
}

TEST_F(SummaryTest, SaysTheNumbersOfTheSummaryForPeople) {
  for (const auto& capture : test::captures_at_hand(700'000)) {
    for (const std::string policy : kPolicies) {
      const rapidjson::Document data =
          summary_of("audit " + capture.string() + " --target ws2019 -p pcaps/policies/" + policy +
                     ".netsh.txt");
      if (!data.IsObject() || text.find("calls       ") == std::string::npos) continue;
      const Value& counters = data["counters"];
      const auto count = [&](const char* name) { return counters[name].GetUint64(); };
      const std::string calls =
          "calls       " + grouped(count("calls")) + " seen, " + grouped(count("judged")) +
          " judged: " + grouped(count("would_block")) + " would be blocked, " +
          grouped(count("undecidable")) + " undecidable, " + grouped(count("would_permit")) +
          " would be permitted";
      EXPECT_NE(text.find(calls), std::string::npos) << capture << '\n' << calls << '\n' << text;
      EXPECT_EQ(sum(data["activities"], "count") + data["activities_overflow"].GetUint64(),
                count("would_block") + count("undecidable") - count("in_doubt_unwritten"))
          << capture << ' ' << policy;
      EXPECT_EQ(sum(data["filters"], "would_block"),
                count("would_block") - sum(data["controls"], "would_block"))
          << capture << ' ' << policy;
      for (const Value& blind : data["blindness"].GetArray()) {
        EXPECT_NE(text.find("  " + grouped(blind["events"].GetUint64()) + "  "), std::string::npos);
      }
    }
  }
}

TEST_F(SummaryTest, EveryTargetJudgesEveryCall) {
  const rapidjson::Document data = summary_of("audit " + demo + " -p " + dcsync);
  ASSERT_EQ(data["targets"].Size(), 11u);
  for (const Value& target : data["targets"].GetArray()) {
    EXPECT_EQ(target["would_block"].GetUint64() + target["would_permit"].GetUint64() +
                  target["undecidable"].GetUint64() + target["would_log"].GetUint64(),
              data["counters"]["judged"].GetUint64());
  }
}

TEST_F(SummaryTest, AnActivityHasAWitnessAndTimes) {
  const rapidjson::Document data = summary_of("audit " + demo + " --target ws2025 -p " + dcsync);
  ASSERT_EQ(data["activities"].Size(), 1u);
  const Value& activity = data["activities"][0];
  EXPECT_EQ(activity["frame"].GetUint64(), 1737u);
  EXPECT_EQ(activity["pcap"].GetString(), demo);
  EXPECT_STREQ(activity["operation"].GetString(), "IDL_DRSGetNCChanges");
  EXPECT_STREQ(activity["users"][0].GetString(), "CORP\\it-admin");
  EXPECT_STREQ(activity["first"].GetString(), activity["last"].GetString());
}

TEST_F(SummaryTest, DoesNotDependOnTheNumberOfWorkers) {
  const std::string question = "audit pcaps --what-if restrict_remote_clients=0..2 -p " + dcsync;
  (void)summary_of(question);
  const std::string one = read_file(folder / "summary.json");
  for (const char* workers : {"2", "8"}) {
    (void)summary_of(question + " --workers " + workers);
    EXPECT_TRUE(read_file(folder / "summary.json") == one) << workers << " workers";
  }
}

TEST_F(SummaryTest, HasALineOfCsvForEachActivity) {
  const std::string path = (folder / "summary.csv").string();
  const std::string question = "audit -q " + demo + " -p " + dcsync;
  (void)run(question + " -o " + (folder / "records").string() + " --summary " + path);
  const std::string csv = read_file(path);
  const auto lines = std::count(csv.begin(), csv.end(), '\n');
  EXPECT_EQ(lines, 1 + static_cast<std::ptrdiff_t>(summary_of(question)["activities"].Size()));
  EXPECT_EQ(csv.rfind("action,count,src_ip,dest_ip,", 0), 0u);
}

TEST_F(SummaryTest, OverwritesNothingThatTheRunReadsOrWrites) {
  const std::string policy = file("policy.txt", read_file(dcsync));
  const std::string question = "audit -q " + demo + " -p " + policy;
  EXPECT_EQ(run(question + " --summary " + policy).status, 2);
  EXPECT_TRUE(read_file(policy) == read_file(dcsync));
  EXPECT_EQ(run(question + " --summary -").status, 2) << "records go there";
  const std::string both = (folder / "both").string();
  EXPECT_EQ(run(question + " -o json:" + both + " --summary " + both).status, 2);
}

TEST_F(SummaryTest, TopShowsAsManyRowsAsAreAskedFor) {
  const std::string question =
      "audit pcaps -o /dev/null -p pcaps/policies/require-privacy.netsh.txt";
  const auto lines = [&](const std::string& top) {
    const std::string shown = run(question + top).err;
    return std::count(shown.begin(), shown.end(), '\n');
  };
  EXPECT_LT(lines(" --top 1"), lines(""));
  EXPECT_LT(lines(""), lines(" --top 0"));
  EXPECT_EQ(run(question + " --top 0").err.find("further groups"), std::string::npos);
  EXPECT_EQ(run(question + " --top x").status, 2);
}

}  // namespace
}  // namespace rpcaudit::app
