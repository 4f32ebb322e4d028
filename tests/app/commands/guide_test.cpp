// What the guide tells users to type does what it says.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <sstream>
#include <string>

#include "tests/app/program.h"

namespace rpcaudit::app {
namespace {

// The first block of that language on a page of the guide.
std::string first_block(const std::string& page, const std::string& language) {
  const std::string text = read_file(fs::path(source_folder()) / "guide" / page);
  const std::string fence = "```" + language + "\n";
  const std::size_t begin = text.find(fence) + fence.size();
  return text.substr(begin, text.find("```", begin) - begin);
}

class GuideTest : public ProgramTest {
 protected:
  GuideTest() {
    sqlite3* opened = nullptr;
    sqlite3_open(":memory:", &opened);
    database_.reset(opened);
  }

  void execute(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database_.get());
  }

  void insert(const std::string& line) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(database_.get(), "INSERT INTO records VALUES (?)", -1, &statement, nullptr);
    sqlite3_bind_text(statement, 1, line.c_str(), -1, SQLITE_TRANSIENT);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
  }

  int number(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &statement, nullptr);
    const int value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
    sqlite3_finalize(statement);
    return value;
  }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
  };
  std::unique_ptr<sqlite3, Close> database_;
};

TEST_F(GuideTest, ViewsOfTheSiemPageCountBlockedCallsAmongTheOthers) {
  execute(first_block("siem.md", "sql"));
  std::istringstream lines(run("audit --all -q --format json -p " + dcsync + " " + demo).out);
  for (std::string line; std::getline(lines, line);) insert(line);
  EXPECT_EQ(number("SELECT sum(calls) FROM calls_by_operation"), 206);
  EXPECT_EQ(number("SELECT sum(blocked) FROM calls_by_operation"), 1);
  EXPECT_EQ(number("SELECT calls FROM calls_by_operation WHERE blocked = 1"), 20);
}

}  // namespace
}  // namespace rpcaudit::app
