#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"

namespace rpcaudit::policy {

// Types of registry data (winnt.h, REG_*).
enum class RegistryType : std::uint32_t {
  none = 0,
  string = 1,
  expand_string = 2,
  binary = 3,
  dword = 4,
  dword_big_endian = 5,
  multi_string = 7,
  qword = 11,
};

// One value of the registry, from whatever dialect.
struct RegistryValue {
  std::string key;   // with or without its hive, `\` between the parts
  std::string name;  // empty: the default value
  RegistryType type = RegistryType::none;
  std::uint64_t number = 0;        // dword, qword
  std::vector<std::string> texts;  // string: one; multi_string: any
  bool deleted = false;            // the value is taken away
  SourceSpan span;                 // where the data stands
};

// Gives the settings what registry values say, and says what they contradict. Values that have
// nothing to do with RPC are counted and told at the end.
class RegistryApplier {
 public:
  // Both are borrowed.
  RegistryApplier(Policy& policy, Reporter& reporter) : policy_(policy), reporter_(reporter) {}

  void apply(const RegistryValue& value);
  // The key and all its values are taken away.
  void remove_key(std::string_view key, const SourceSpan& span);
  // Whether a value of this name under this key has a say in anything that is judged.
  [[nodiscard]] static bool knows(std::string_view key, std::string_view name);
  // A value was left out that is none of RPC's.
  void skip() noexcept { ++ignored_; }
  // What is to be said when the file has ended.
  void finish(const SourceSpan& file);

  // The number of a type's name, `REG_DWORD`.
  [[nodiscard]] static std::optional<RegistryType> type_of(std::string_view name) noexcept;
  // `0x1`, `1`; nothing when it is no number that fits 64 bits.
  [[nodiscard]] static std::optional<std::uint64_t> number_of(std::string_view text) noexcept;

 private:
  enum class Setting : std::uint8_t;
  struct Row;

  [[nodiscard]] static const Row* find(std::string_view key, std::string_view name) noexcept;
  [[nodiscard]] bool has_number(const RegistryValue& value, std::uint64_t most);
  void apply_row(const Row& row, const RegistryValue& value);
  void apply_remote_clients(const RegistryValue& value);
  void apply_truth(const RegistryValue& value, std::optional<Placed<bool>>& setting);
  void apply_level(const RegistryValue& value, std::uint64_t most,
                   std::optional<Placed<std::uint32_t>>& setting);
  void apply_yes_no(const RegistryValue& value, std::optional<Placed<bool>>& setting);
  void apply_ports(const RegistryValue& value);
  void apply_static_port(const RegistryValue& value, std::string_view service);
  void apply_endpoints(const RegistryValue& value, std::string_view service);
  void suggest(const RegistryValue& value, std::string_view key);
  void contradicts(const SourceSpan& earlier, const RegistryValue& value);
  template <typename T>
  void set(std::optional<Placed<T>>& setting, T value, const RegistryValue& source);

  Policy& policy_;
  Reporter& reporter_;
  std::size_t applied_ = 0;
  std::size_t ignored_ = 0;
};

// `n` or `a-b`; nothing when it is neither.
[[nodiscard]] std::optional<PortRange> parse_port_range(std::string_view text) noexcept;

}  // namespace rpcaudit::policy
