#include "engine/policy/netsh/filter_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/netsh/printer.h"
#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

namespace fs = std::filesystem;
using Access = FilterStore::Access;

Filter numbered_filter(std::uint32_t number) {
  Filter filter = read_policy(block_um("field=opnum matchtype=equal data=3")).policy.filters.at(0);
  filter.key = uuid("11111111-2222-3333-4444-000000000000");
  for (std::size_t i = 0; i < 4; ++i) {
    filter.key.bytes[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  }
  return filter;
}

class FilterStoreTest : public testing::Test {
 protected:
  FilterStoreTest() {
    // In memory where there is such a place: waiting for a disk proves nothing about kills.
    const fs::path memory = "/dev/shm";
    const bool has_memory = ::access(memory.c_str(), W_OK) == 0;
    std::string pattern =
        ((has_memory ? memory : fs::temp_directory_path()) / "rpcaudit-store-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    path = (folder / "filters.db").string();
  }
  ~FilterStoreTest() override { fs::remove_all(folder); }

  FilterStore opened(Access access = Access::write) const {
    FilterStore store;
    EXPECT_TRUE(store.open(path, access)) << store.error();
    return store;
  }

  static bool add(FilterStore& store, const Filter& filter) {
    return store.begin() && store.add(filter) && store.commit();
  }

  // The keys in the store, oldest first; every filter must read as what was added.
  std::vector<Uuid> keys() const {
    std::string error;
    const std::optional<std::string> script = read_filter_store(path, error);
    EXPECT_TRUE(script.has_value()) << error;
    Policy policy;
    std::vector<Diagnostic> diagnostics;
    read_netsh_script(script.value_or(""), "store", policy, diagnostics);
    EXPECT_TRUE(diagnostics.empty());
    std::vector<Uuid> keys;
    for (const Filter& filter : policy.filters) {
      EXPECT_EQ(describe(filter), "block um opnum=3");
      keys.push_back(filter.key);
    }
    return keys;
  }

  fs::path folder;
  std::string path;
};

TEST_F(FilterStoreTest, KeepsFiltersInTheirOrder) {
  {
    FilterStore store = opened();
    EXPECT_TRUE(add(store, numbered_filter(7)));
    EXPECT_TRUE(add(store, numbered_filter(3)));
  }
  EXPECT_THAT(keys(), testing::ElementsAre(numbered_filter(7).key, numbered_filter(3).key));
}

TEST_F(FilterStoreTest, RefusesAKeyThatItHas) {
  FilterStore store = opened();
  EXPECT_TRUE(add(store, numbered_filter(7)));
  EXPECT_FALSE(add(store, numbered_filter(7)));
  EXPECT_NE(store.error().find("UNIQUE"), std::string::npos) << store.error();
  store.roll_back();
  EXPECT_TRUE(add(store, numbered_filter(8)));
  EXPECT_EQ(keys().size(), 2u);
}

TEST_F(FilterStoreTest, RemovesOneFilterAndAll) {
  FilterStore store = opened();
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_TRUE(add(store, numbered_filter(i)));
  EXPECT_TRUE(store.begin() && store.remove(numbered_filter(2).key) && store.commit());
  EXPECT_EQ(keys().size(), 3u);
  EXPECT_TRUE(store.begin() && store.remove_all() && store.commit());
  EXPECT_TRUE(keys().empty());
}

TEST_F(FilterStoreTest, KnowsWhichKeysItHas) {
  FilterStore store = opened();
  EXPECT_TRUE(add(store, numbered_filter(1)));
  EXPECT_EQ(store.contains(numbered_filter(1).key), true);
  EXPECT_EQ(store.contains(numbered_filter(2).key), false);
}

TEST_F(FilterStoreTest, NeverGivesANumberTwice) {
  FilterStore store = opened();
  EXPECT_TRUE(add(store, numbered_filter(1)));
  const std::int64_t first = store.filters().value().at(0).id;
  EXPECT_TRUE(store.begin() && store.remove_all() && store.commit());
  EXPECT_TRUE(add(store, numbered_filter(1)));
  EXPECT_GT(store.filters().value().at(0).id, first);
}

TEST_F(FilterStoreTest, KeepsThePendingRule) {
  {
    FilterStore store = opened();
    EXPECT_EQ(store.pending(), "");
    EXPECT_TRUE(store.begin() && store.set_pending("add rule um block\n") && store.commit());
  }
  FilterStore store = opened();
  EXPECT_EQ(store.pending(), "add rule um block\n");
  EXPECT_TRUE(store.begin() && store.set_pending("") && store.commit());
  EXPECT_EQ(store.pending(), "");
}

TEST_F(FilterStoreTest, ForgetsWhatWasRolledBack) {
  FilterStore store = opened();
  EXPECT_TRUE(store.begin() && store.add(numbered_filter(1)));
  store.roll_back();
  EXPECT_TRUE(keys().empty());
}

TEST_F(FilterStoreTest, NoticesTheChangesOfOthers) {
  FilterStore one = opened();
  FilterStore two = opened();
  const auto before = one.version();
  EXPECT_TRUE(add(one, numbered_filter(1)));
  EXPECT_EQ(one.version(), before);
  EXPECT_TRUE(add(two, numbered_filter(2)));
  EXPECT_NE(one.version(), before);
}

TEST_F(FilterStoreTest, IsNotMadeByReading) {
  FilterStore store;
  EXPECT_FALSE(store.open(path, Access::read));
  EXPECT_NE(store.error().find(path), std::string::npos);
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(FilterStoreTest, RefusesWhatIsNoStore) {
  std::ofstream(path) << "add rule layer=um actiontype=block\nthis is a script, not a database\n";
  FilterStore store;
  EXPECT_FALSE(store.open(path, Access::write));
  EXPECT_FALSE(store.error().empty());
}

// Views and virtual tables may have rows without an end.
TEST_F(FilterStoreTest, RefusesWhatOnlyLooksLikeItsTables) {
  constexpr const char* kStore =
      "CREATE TABLE store(name TEXT PRIMARY KEY, value TEXT NOT NULL);"
      "INSERT INTO store VALUES('format', '1');";
  constexpr const char* kEndless =
      "CREATE VIEW filter AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)"
      " SELECT n AS id, 'key' AS key, 'add filter' AS script FROM r;";
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  for (const char* const sql : {kStore, kEndless}) {
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
  }
  sqlite3_close(database);
  std::string error;
  EXPECT_FALSE(read_filter_store(path, error));
  EXPECT_THAT(error, testing::HasSubstr("no filter store"));
}

TEST_F(FilterStoreTest, IsSharedByProcesses) {
  constexpr std::uint32_t kProcesses = 4;
  constexpr std::uint32_t kEach = 40;
  std::vector<pid_t> children;
  for (std::uint32_t child = 0; child < kProcesses; ++child) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      FilterStore store;
      bool fine = store.open(path, Access::write);
      for (std::uint32_t i = 0; i < kEach && fine; ++i) {
        fine = add(store, numbered_filter(child * 1000 + i));
      }
      ::_exit(fine ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(keys().size(), kProcesses * kEach);
}

// Adds filters from `number` on and tells the number of each that is committed, until it is killed.
[[noreturn]] void write_until_killed(const std::string& path, std::uint32_t number, int pipe) {
  FilterStore store;
  if (!store.open(path, Access::write)) ::_exit(1);
  for (;; ++number) {
    const bool fine = store.begin() && store.add(numbered_filter(number)) && store.commit();
    if (!fine || ::write(pipe, &number, sizeof number) != sizeof number) ::_exit(2);
  }
}

// A process is killed at random points during 1,000 writes: what was committed is there, whole,
// and nothing else but perhaps the filter whose commit had not been told yet.
TEST_F(FilterStoreTest, LosesNothingCommittedWhenTheProcessIsKilled) {
  constexpr std::size_t kWrites = 1000;
  std::mt19937 random(20'261'121);
  std::uniform_int_distribution<int> microseconds(0, 5'000);
  (void)opened();  // no kill may come before there is a store
  std::set<Uuid> committed;
  std::uint32_t next = 0;
  std::size_t kills = 0;
  while (committed.size() < kWrites || kills < 20) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      ::close(ends[0]);
      write_until_killed(path, next, ends[1]);
    }
    ::close(ends[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random)));
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << status;
    ++kills;
    std::uint32_t told = 0;
    while (::read(ends[0], &told, sizeof told) == sizeof told) {
      committed.insert(numbered_filter(told).key);
      next = told + 1;
    }
    ::close(ends[0]);

    const std::vector<Uuid> all = keys();  // undoes what was interrupted
    const std::set<Uuid> present(all.begin(), all.end());
    ASSERT_EQ(present.size(), all.size());
    ASSERT_TRUE(std::includes(present.begin(), present.end(), committed.begin(), committed.end()));
    ASSERT_LE(present.size(), committed.size() + 1);
    const bool has_untold = present.size() != committed.size();
    if (has_untold) {  // the commit that the kill kept from being told
      ASSERT_TRUE(present.contains(numbered_filter(next).key));
      committed.insert(numbered_filter(next++).key);
    }
  }
  testing::Test::RecordProperty("kills", std::to_string(kills));
  std::printf("    %zu writes, %zu kills\n", committed.size(), kills);
}

// A transaction larger than SQLite's cache is in the file before it is committed; this one writes
// over all that was there.
TEST_F(FilterStoreTest, IsReadAfterAProcessWasKilledWithHalfOfItWritten) {
  constexpr std::uint32_t kBefore = 5'000;
  FilterStore before = opened();
  ASSERT_TRUE(before.begin());
  for (std::uint32_t i = 0; i < kBefore; ++i) ASSERT_TRUE(before.add(numbered_filter(i)));
  ASSERT_TRUE(before.commit());
  const auto size_before = fs::file_size(path);
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    FilterStore store;
    if (!store.open(path, Access::write) || !store.begin() || !store.remove_all()) ::_exit(1);
    for (std::uint32_t i = kBefore; i < 8 * kBefore; ++i) {
      if (!store.add(numbered_filter(i))) ::_exit(2);
    }
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  ASSERT_GT(fs::file_size(path), size_before);
  const std::vector<Uuid> after = keys();
  ASSERT_EQ(after.size(), kBefore);
  for (std::uint32_t i = 0; i < kBefore; ++i) ASSERT_EQ(after[i], numbered_filter(i).key);
}

}  // namespace
}  // namespace rpcaudit::policy
