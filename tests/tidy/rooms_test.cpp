// Which folder may include which, and what every folder must have.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "tests/support/places.h"
#include "tests/tidy/rooms.h"
#include "tests/tidy/sources.h"

namespace rpcaudit::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilesMax = 25;

bool is_of_program(const Source& source) {
  return is_code(source) && starts_with_any(source.path, {"capture/", "dissect/", "engine/"});
}

TEST(Tidy, IncludesFollowTheTablesOfRooms) {
  for (const Source& source : all_sources()) {
    if (!is_of_program(source)) continue;
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      const std::string_view included = included_file(source.lines[i]);
      if (included.empty() || may_include(source.path, included)) continue;
      ADD_FAILURE() << source.path << ":" << i + 1 << ": may not include " << included << ": "
                    << room_of(source.path) << " -> " << room_of(included)
                    << " (tests/tidy/rooms.cpp)";
    }
  }
}

TEST(Tidy, RoomsIncludeEachOtherOneWay) {
  std::string circle;
  for (const std::string& room : find_circle()) circle += room + " -> ";
  EXPECT_EQ(circle, "");
}

TEST(Tidy, EveryFolderHasAReadme) {
  std::set<std::string> folders = {"", "engine", "tests", "bench", "pcaps"};
  for (const Source& source : all_sources()) {
    if (is_of_program(source)) folders.emplace(folder_of(source.path));
  }
  for (const std::string& folder : folders) {
    EXPECT_TRUE(fs::exists(fs::path(source_folder()) / folder / "README.md")) << folder;
  }
}

TEST(Tidy, FoldersHoldFewSources) {
  std::map<std::string_view, std::size_t> counts;
  for (const Source& source : all_sources()) {
    if (is_code(source) && !source.path.starts_with("tests/")) ++counts[folder_of(source.path)];
  }
  for (const auto& [folder, count] : counts) {
    EXPECT_LE(count, kFilesMax) << folder;
  }
}

struct IncludeCase {
  const char* path;
  const char* included;
  bool allowed;
};

constexpr IncludeCase kIncludeCases[] = {
    {"capture/pcap_file.cpp", "pcap/pcap.h", true},
    {"capture/pcap_file.cpp", "dissect/uuid.h", false},
    {"capture/frame.h", "capture/pcap_file.h", false},
    {"dissect/tcp/flow_table.h", "capture/frame.h", true},
    {"dissect/tcp/flow_table.h", "capture/pcap_file.h", false},
    {"dissect/tcp/flow_table.h", "dissect/net/packet.h", true},
    {"dissect/tcp/flow_table.h", "dissect/rpc/rpc_session.h", false},
    {"dissect/tcp/flow_table.h", "dissect/dissector.h", false},
    {"dissect/tcp/flow_table.h", "tins/tins.h", false},
    {"dissect/rpc_observer.h", "dissect/store/slab.h", false},
    {"dissect/dissector.cpp", "dissect/smb/smb_connections.h", true},
    {"dissect/dissector.cpp", "engine/policy/policy.h", false},
    {"engine/policy/policy.h", "dissect/uuid.h", true},
    {"engine/policy/policy.h", "dissect/rpc_observer.h", false},
    {"engine/policy/policy.h", "engine/policy/netsh/printer.h", false},
    {"engine/policy/policy_text.cpp", "engine/policy/netsh/netsh_script.h", true},
    {"engine/policy/policy.h", "engine/evaluate/facts.h", false},
    {"engine/evaluate/facts.h", "engine/policy/policy.h", true},
    {"engine/evaluate/facts.h", "engine/policy/text/reporter.h", false},
    {"engine/evaluate/facts.h", "engine/evaluate/explain.h", false},
    {"engine/evaluate/facts.h", "engine/audit/auditor.h", false},
    {"engine/audit/auditor.h", "engine/evaluate/facts.h", true},
    {"engine/audit/auditor.h", "engine/evaluate/filters/program.h", false},
    {"engine/audit/auditor.h", "engine/app/run/pipeline.h", false},
    {"engine/audit/auditor.h", "capture/timestamp.h", true},
    {"engine/app/run/pipeline.cpp", "dissect/dissector.h", true},
    {"engine/app/run/pipeline.cpp", "capture/pcap_file.h", true},
    {"engine/app/run/pipeline.cpp", "engine/app/commands/commands.h", false},
    {"engine/app/run/pipeline.cpp", "spdlog/logger.h", false},
    {"engine/app/log.cpp", "spdlog/logger.h", true},
};

TEST(Tidy, TablesOfRoomsThemselves) {
  for (const IncludeCase& row : kIncludeCases) {
    EXPECT_EQ(may_include(row.path, row.included), row.allowed)
        << row.path << " includes " << row.included;
  }
}

}  // namespace
}  // namespace rpcaudit::test
