// What endpoint mappers are asked and what they answer, against what tshark lists of the same
// captures (list_towers.py): of those kept here in golden/towers, and of those kept outside the
// project where RPCAUDIT_CORPUS has such lists (oracle/<path with __ for />.towers.txt).
//
// C706 appendices I, L and O; MS-RPCE 2.2.1.2. Frames are left out: tshark names the one in which
// a message ends, we the one in which its last fragment begins. Where the two disagree the
// specification decides, and the decision stands in kDisagreements.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/mapper_facts.h"
#include "tests/support/places.h"

namespace rpcaudit {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = source_folder();

struct Disagreement {
  const char* capture;
  const char* line;  // that tshark lists once more than we do
  const char* why;
};

constexpr Disagreement kDisagreements[] = {
    {"tcp-ndr64-offered.pcap", "asked all - -",
     "a call on a context that was rejected: it has no interface, and was answered by a fault"},
    {"dg-errors.pcap", "asked 5ab2e9b4-3d48-11d2-9ea4-80c5140aaa77 1 ncadg_ip_udp",
     "a request sent again: the same activity and sequence number are the same call (C706 10.1.5)"},
};

struct TowerList {
  fs::path capture;
  fs::path expected;
};

std::vector<TowerList> lists_kept_here() {
  std::vector<TowerList> lists;
  for (const auto& entry : fs::directory_iterator(kSource / "tests" / "golden" / "towers")) {
    lists.push_back({kSource / "pcaps" / entry.path().stem(), entry.path()});
  }
  return lists;
}

std::vector<TowerList> lists_of_corpus() {
  std::vector<TowerList> lists;
  const char* const corpus = std::getenv("RPCAUDIT_CORPUS");
  if (corpus == nullptr) return lists;
  constexpr std::string_view kEnding = ".towers.txt";
  for (const auto& entry : fs::directory_iterator(fs::path(corpus) / "oracle")) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(kEnding)) continue;
    name.resize(name.size() - kEnding.size());
    const fs::path lab = fs::path(corpus) / "lab" / name;
    for (std::size_t at = 0; (at = name.find("__", at)) != std::string::npos;) {
      name.replace(at, 2, "/");
    }
    lists.push_back({fs::exists(lab) ? lab : fs::path(corpus) / "public" / name, entry.path()});
  }
  return lists;
}

std::vector<std::string> lines_of(std::istream& stream) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void expect_agreement(const TowerList& list) {
  std::ifstream listed(list.expected);
  std::vector<std::string> expected = lines_of(listed);
  for (const Disagreement& known : kDisagreements) {
    if (list.capture.filename() != known.capture) continue;
    const auto last = std::find(expected.rbegin(), expected.rend(), known.line);
    ASSERT_NE(last, expected.rend()) << known.why;
    expected.erase(std::next(last).base());
  }
  std::istringstream seen(test::MapperFacts(list.capture.string()).text());
  EXPECT_EQ(lines_of(seen), expected) << list.capture;
}

TEST(Towers, AreReadAsTsharkReadsThem) {
  const std::vector<TowerList> lists = lists_kept_here();
  ASSERT_FALSE(lists.empty());
  for (const TowerList& list : lists) expect_agreement(list);
}

TEST(Towers, AreReadAsTsharkReadsThoseFromElsewhere) {
  const std::vector<TowerList> lists = lists_of_corpus();
  if (lists.empty()) GTEST_SKIP() << "RPCAUDIT_CORPUS has no lists of towers";
  for (const TowerList& list : lists) expect_agreement(list);
}

}  // namespace
}  // namespace rpcaudit
