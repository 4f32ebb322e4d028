#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/host_settings.h"
#include "engine/policy/text/reporter.h"

namespace rpcaudit::policy {

[[nodiscard]] SourceSpan span_of(const toml::source_region& region, std::uint32_t file) noexcept;

// The first dotted key or table header of more than `parts_max` parts, as a place in the text: each
// part is a table within the one before, and the parser nests as deep as they do.
[[nodiscard]] std::optional<SourceSpan> find_deep_key(std::string_view text, std::size_t parts_max,
                                                      std::uint32_t file) noexcept;

// Takes a TOML table apart by its keys. Every value of the wrong type is an error, and so is every
// key that nobody asked for, with the nearest name that somebody did ask for.
class TomlTable {
 public:
  // All are borrowed. `file` is the number for spans.
  TomlTable(const toml::table& table, std::uint32_t file, Reporter& reporter)
      : table_(table), file_(file), reporter_(reporter) {}

  [[nodiscard]] std::optional<Placed<std::string>> text(std::string_view key);
  [[nodiscard]] std::optional<Placed<std::int64_t>> number(std::string_view key, std::int64_t low,
                                                           std::int64_t high);
  // `true`, `false`, 1 or 0.
  [[nodiscard]] std::optional<Placed<bool>> truth(std::string_view key);
  // A date and time with its offset, in nanoseconds since 1970-01-01T00:00:00Z.
  [[nodiscard]] std::optional<Placed<std::int64_t>> time(std::string_view key);
  // An array of strings, or one string alone.
  [[nodiscard]] std::vector<Placed<std::string>> texts(std::string_view key);
  // As texts(), but numbers may stand for their digits.
  [[nodiscard]] std::vector<Placed<std::string>> texts_or_numbers(std::string_view key);
  // The table under the key; null without one.
  [[nodiscard]] const toml::table* table(std::string_view key);
  // `[[key]]`, or an array of inline tables.
  [[nodiscard]] std::vector<const toml::table*> tables(std::string_view key);

  // Whether the key is there at all; asks for it.
  [[nodiscard]] const toml::node* find(std::string_view key);

  // To be called once everything was asked for.
  void refuse_other_keys();

  [[nodiscard]] SourceSpan span() const noexcept { return span_of(table_.source(), file_); }
  [[nodiscard]] SourceSpan span(const toml::node& node) const noexcept {
    return span_of(node.source(), file_);
  }
  [[nodiscard]] std::uint32_t file() const noexcept { return file_; }
  [[nodiscard]] Reporter& reporter() const noexcept { return reporter_; }

 private:
  void refuse(std::string_view key, const toml::node& node, std::string_view wanted);

  const toml::table& table_;
  std::uint32_t file_;
  Reporter& reporter_;
  std::vector<std::string_view> known_;
};

}  // namespace rpcaudit::policy
