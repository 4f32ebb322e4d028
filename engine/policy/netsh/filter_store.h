#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dissect/uuid.h"
#include "engine/policy/policy.h"

struct sqlite3;

namespace rpcaudit::policy {

// One filter of a store: the number that the store gave it, higher for newer, and the netsh
// commands that make it.
struct StoredFilter {
  std::int64_t id = 0;
  std::string script;
};

// The filters of `rpcaudit netsh`, volatile ones too, and the rule that waits for its `add filter`,
// in an SQLite file.
//
// Any number of processes may use one store: whoever is in a transaction has it to itself, others
// wait for some seconds. What commit() has returned from survives a kill of the process and a loss
// of power; what was not committed is gone as a whole. Functions return false, or nothing, when the
// file does not do as it should; error() then says why.
class FilterStore {
 public:
  enum class Access : std::uint8_t {
    read,   // a store that is there
    write,  // creates the store when it is not there
  };

  FilterStore() = default;
  FilterStore(FilterStore&&) noexcept = default;
  FilterStore& operator=(FilterStore&&) noexcept = default;
  ~FilterStore() = default;

  [[nodiscard]] bool open(const std::string& path, Access access);
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

  // Begins to read and write: from here on nobody else writes.
  [[nodiscard]] bool begin();
  [[nodiscard]] bool commit();
  void roll_back() noexcept;

  // In the order in which they were added.
  [[nodiscard]] std::optional<std::vector<StoredFilter>> filters();
  // The commands of the pending rule; empty without one.
  [[nodiscard]] std::optional<std::string> pending();
  [[nodiscard]] std::optional<bool> contains(const Uuid& key);
  // Changes whenever another process has changed the store.
  [[nodiscard]] std::optional<std::int64_t> version();

  // Within a transaction. add() returns the number of the filter; a key that the store has already
  // is an error.
  [[nodiscard]] std::optional<std::int64_t> add(const Filter& filter);
  [[nodiscard]] bool remove(const Uuid& key);
  [[nodiscard]] bool remove_all();
  // Removes the volatile filters, as a restart of the system does: how many there were.
  [[nodiscard]] std::optional<std::size_t> remove_volatile();
  [[nodiscard]] bool set_pending(std::string_view script);

 private:
  class Statement;
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };

  bool broken(std::string_view what);
  bool run(const char* sql);
  bool create();
  [[nodiscard]] bool has_tables();

  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
  std::string error_;
};

// The whole store as one script, oldest filter first; nothing and `error` when it cannot be read.
[[nodiscard]] std::optional<std::string> read_filter_store(const std::string& path,
                                                           std::string& error);

}  // namespace rpcaudit::policy
