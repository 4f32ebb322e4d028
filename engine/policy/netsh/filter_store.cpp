#include "engine/policy/netsh/filter_store.h"

#include <sqlite3.h>

#include "engine/policy/netsh/netsh_session.h"
#include "engine/policy/netsh/printer.h"

namespace rpcaudit::policy {
namespace {

constexpr int kBusyMilliseconds = 10'000;
constexpr std::string_view kFormat = "1";                       // of the tables below
constexpr int kValueBytesMax = 16 << 20;                        // of one value
constexpr std::size_t kScriptBytesMax = std::size_t{64} << 20;  // of all filters

// `format` tells a later program what it has before it. Keys are the lower-case text of the UUID.
constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS store(name TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS filter(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " key TEXT NOT NULL UNIQUE, script TEXT NOT NULL);"
    "INSERT OR IGNORE INTO store VALUES('format', '1');";

}  // namespace

void FilterStore::Close::operator()(sqlite3* database) const noexcept { sqlite3_close(database); }

// A prepared statement with its parameters.
class FilterStore::Statement {
 public:
  Statement(FilterStore& store, const char* sql) : store_(store) {
    if (sqlite3_prepare_v2(store.database_.get(), sql, -1, &statement_, nullptr) != SQLITE_OK) {
      (void)store.broken("cannot be read");
    }
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  [[nodiscard]] bool is_good() const noexcept { return statement_ != nullptr; }

  // The text must outlive the statement.
  void bind(int number, std::string_view text) noexcept {
    if (!is_good()) return;
    sqlite3_bind_text(statement_, number, text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
  }
  // Whether there is a row; false with an error of the store, too.
  [[nodiscard]] bool step() {
    if (!is_good()) return false;
    result_ = sqlite3_step(statement_);
    if (result_ != SQLITE_ROW && result_ != SQLITE_DONE) (void)store_.broken("fails");
    return result_ == SQLITE_ROW;
  }
  [[nodiscard]] bool is_done() const noexcept { return result_ == SQLITE_DONE; }
  [[nodiscard]] std::int64_t number(int column) const noexcept {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] std::string text(int column) const {
    const unsigned char* const bytes = sqlite3_column_text(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    return bytes == nullptr ? std::string()
                            : std::string(bytes, bytes + static_cast<std::ptrdiff_t>(size));
  }

 private:
  FilterStore& store_;
  sqlite3_stmt* statement_ = nullptr;
  int result_ = SQLITE_OK;
};

bool FilterStore::broken(std::string_view what) {
  error_ = path_ + ": the filter store ";
  error_.append(what).append(": ").append(sqlite3_errmsg(database_.get()));
  return false;
}

bool FilterStore::run(const char* sql) {
  const int result = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  return result == SQLITE_OK || broken("fails");
}

bool FilterStore::open(const std::string& path, Access access) {
  path_ = path;
  sqlite3* database = nullptr;
  const bool writes = access == Access::write;
  // Readers, too, must be able to undo what a killed process left half written. SQLite itself falls
  // back to reading where the file may not be written.
  const int flags = SQLITE_OPEN_READWRITE | (writes ? SQLITE_OPEN_CREATE : 0);
  const int result = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  database_.reset(database);
  if (result != SQLITE_OK) return broken("cannot be opened");
  sqlite3_busy_timeout(database, kBusyMilliseconds);
  sqlite3_limit(database, SQLITE_LIMIT_LENGTH, kValueBytesMax);
  if (!run("PRAGMA trusted_schema = OFF")) return false;
  if (writes && !create()) return false;
  if (!has_tables()) {
    if (error_.empty()) error_ = path_ + ": no filter store of rpcaudit";
    return false;
  }
  Statement format(*this, "SELECT value FROM store WHERE name = 'format'");
  const bool is_known = format.step() && format.text(0) == kFormat;
  if (is_known) return true;
  if (error_.empty()) error_ = path_ + ": no filter store, or one of a later version of rpcaudit";
  return false;
}

// Every commit reaches the disk before it returns. Looking comes first, so that the many who find
// the tables there do not wait for each other.
bool FilterStore::create() {
  if (!run("PRAGMA synchronous = FULL")) return false;
  {
    Statement tables(*this, "SELECT 1 FROM sqlite_master WHERE name = 'filter'");
    if (tables.step()) return true;
    if (!tables.is_done()) return false;
  }
  return begin() && run(kTables) && commit();
}

// Tables of the store's own: a view or a virtual table may have rows without an end.
bool FilterStore::has_tables() {
  Statement tables(*this,
                   "SELECT count(*) FROM sqlite_master WHERE name IN ('store', 'filter') AND "
                   "type = 'table' AND rootpage > 0");
  return tables.step() && tables.number(0) == 2;
}

bool FilterStore::begin() { return run("BEGIN IMMEDIATE"); }
bool FilterStore::commit() { return run("COMMIT"); }
void FilterStore::roll_back() noexcept {
  sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

std::optional<std::vector<StoredFilter>> FilterStore::filters() {
  std::vector<StoredFilter> filters;
  Statement rows(*this, "SELECT id, script FROM filter ORDER BY id");
  std::size_t bytes = 0;
  while (rows.step()) {
    filters.push_back({rows.number(0), rows.text(1)});
    bytes += filters.back().script.size();
    if (filters.size() <= NetshSession::kFiltersMax && bytes <= kScriptBytesMax) continue;
    error_ = path_ + ": the filter store has more filters than a policy may have";
    return std::nullopt;
  }
  if (!rows.is_done()) return std::nullopt;
  return filters;
}

std::optional<std::string> FilterStore::pending() {
  Statement row(*this, "SELECT value FROM store WHERE name = 'pending'");
  if (row.step()) return row.text(0);
  return row.is_done() ? std::optional(std::string()) : std::nullopt;
}

std::optional<std::int64_t> FilterStore::version() {
  Statement row(*this, "PRAGMA data_version");
  if (!row.step()) return std::nullopt;
  return row.number(0);
}

std::optional<bool> FilterStore::contains(const Uuid& key) {
  const std::string text = to_string(key);
  Statement row(*this, "SELECT 1 FROM filter WHERE key = ?");
  row.bind(1, text);
  const bool is_there = row.step();
  if (!is_there && !row.is_done()) return std::nullopt;
  return is_there;
}

std::optional<std::int64_t> FilterStore::add(const Filter& filter) {
  Filter stored = filter;
  stored.key_generated = false;  // a key of this store from now on
  const std::string key = to_string(stored.key);
  const std::string script = print_netsh_rule(stored) + "add filter\n";
  Statement row(*this, "INSERT INTO filter(key, script) VALUES(?, ?)");
  row.bind(1, key);
  row.bind(2, script);
  (void)row.step();
  if (!row.is_done()) return std::nullopt;
  return sqlite3_last_insert_rowid(database_.get());
}

bool FilterStore::remove(const Uuid& key) {
  const std::string text = to_string(key);
  Statement row(*this, "DELETE FROM filter WHERE key = ?");
  row.bind(1, text);
  (void)row.step();
  return row.is_done();
}

std::optional<std::size_t> FilterStore::remove_volatile() {
  const std::optional<std::vector<StoredFilter>> all = filters();
  if (!all) return std::nullopt;
  std::size_t count = 0;
  for (const StoredFilter& filter : *all) {
    // The rule is the first line; data that reads the same stands behind it.
    const std::string_view rule =
        std::string_view(filter.script).substr(0, filter.script.find('\n'));
    if (rule.find(" persistence=volatile") == std::string_view::npos) continue;
    const std::string id = std::to_string(filter.id);
    Statement row(*this, "DELETE FROM filter WHERE id = ?");
    row.bind(1, id);
    (void)row.step();
    if (!row.is_done()) return std::nullopt;
    ++count;
  }
  return count;
}

bool FilterStore::remove_all() { return run("DELETE FROM filter"); }

bool FilterStore::set_pending(std::string_view script) {
  if (script.empty()) return run("DELETE FROM store WHERE name = 'pending'");
  Statement row(*this, "INSERT OR REPLACE INTO store VALUES('pending', ?)");
  row.bind(1, script);
  (void)row.step();
  return row.is_done();
}

std::optional<std::string> read_filter_store(const std::string& path, std::string& error) {
  FilterStore store;
  if (store.open(path, FilterStore::Access::read)) {
    if (const auto filters = store.filters()) {
      std::string script = "rpc filter\n";
      for (const StoredFilter& filter : *filters) script += '\n' + filter.script;
      return script;
    }
  }
  error = store.error();
  return std::nullopt;
}

}  // namespace rpcaudit::policy
