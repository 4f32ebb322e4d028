#include "engine/policy/documents/setting_pairs.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <utility>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

enum class Part : std::uint8_t { none, key, name, type, data, state, begin };

constexpr std::pair<std::string_view, Part> kParts[] = {
    {"path", Part::key},          {"key", Part::key},
    {"keypath", Part::key},       {"name", Part::name},
    {"valuename", Part::name},    {"entry", Part::name},
    {"type", Part::type},         {"valuetype", Part::type},
    {"datatype", Part::type},     {"data", Part::data},
    {"valuedata", Part::data},    {"dword", Part::data},
    {"state", Part::state},       {"ensure", Part::state},
    {"win_regedit", Part::begin}, {"ansible.windows.win_regedit", Part::begin},
    {"registry", Part::begin},
};

// `name: value`, `Name = "value";`, `"name": "value",`.
struct Pair {
  Part part = Part::none;
  std::string value;
  bool begins_item = false;  // of a list
};

std::string plain_value(std::string_view text) {
  text = trimmed(text);
  while (text.ends_with(';') || text.ends_with(',')) {
    text = trimmed(text.substr(0, text.size() - 1));
  }
  const bool is_quoted =
      text.size() >= 2 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0];
  if (is_quoted) text = text.substr(1, text.size() - 2);
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '\\') ++i;  // of JSON
    value += text[i];
  }
  return value;
}

Pair read_pair(std::string_view line) {
  Pair pair;
  line = trimmed(line);
  if (line.starts_with("- ")) {
    pair.begins_item = true;
    line = trimmed(line.substr(2));
  }
  if (line.starts_with('}') || line.starts_with("});")) {
    pair.begins_item = true;
    return pair;
  }
  const bool is_quoted = line.starts_with('"');
  if (is_quoted) line.remove_prefix(1);
  const auto end = std::find_if_not(line.begin(), line.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
  });
  const auto size = static_cast<std::size_t>(end - line.begin());
  const std::string_view key = line.substr(0, size);
  line.remove_prefix(size);
  if (is_quoted && line.starts_with('"')) line.remove_prefix(1);
  line = trimmed(line);
  const bool is_assigned = line.starts_with(':') || line.starts_with('=');
  for (const auto& [name, part] : kParts) {
    if (!equal_ignoring_case(name, key)) continue;
    // `Registry RpcClients {` of DSC has no sign behind its name.
    if (is_assigned || part == Part::begin) pair.part = part;
  }
  if (is_assigned) pair.value = plain_value(line.substr(1));
  return pair;
}

class PairReader {
 public:
  PairReader(std::uint32_t file, RegistryApplier& values, Reporter& reporter)
      : file_(file), values_(values), reporter_(reporter) {}

  void take(std::string_view line, std::size_t number) {
    Pair pair = read_pair(line);
    // The name of a task is none of a value, unless its item has no other.
    if (pair.begins_item || pair.part == Part::begin) finish();
    if (pair.begins_item && pair.part == Part::name) {
      item_name_ = std::move(pair.value);
      return;
    }
    switch (pair.part) {
      case Part::key: return put(key_, std::move(pair.value), number);
      case Part::name: return put(name_, std::move(pair.value), number);
      case Part::type: return put(type_, std::move(pair.value), number);
      case Part::data:
        if (!pair.value.empty()) put(data_, std::move(pair.value), number);
        return;
      case Part::state: is_absent_ = equal_ignoring_case(pair.value, "absent"); return;
      case Part::begin:
      case Part::none: return;
    }
  }

  // Hands over what has a key, a name and data.
  void finish() {
    RegistryValue value;
    value.key = std::exchange(key_, {});
    value.name = std::exchange(name_, {});
    if (value.name.empty()) value.name = item_name_;
    const std::string type = std::exchange(type_, {});
    const std::string data = std::exchange(data_, {});
    value.deleted = std::exchange(is_absent_, false);
    value.span = {file_, line_, 1, 1};
    item_name_.clear();
    if (value.key.empty() || value.name.empty() || (data.empty() && !value.deleted)) return;
    if (value.deleted) return values_.apply(value);
    const std::optional<RegistryType> known =
        type.empty() ? std::optional(RegistryType::string)
                     : RegistryApplier::type_of(
                           starts_with_ignoring_case(type, "REG_") ? type : "REG_" + type);
    const std::optional<std::uint64_t> number = RegistryApplier::number_of(data);
    value.type = known.value_or(RegistryType::string);
    const bool wants_number = value.type == RegistryType::dword;
    if (wants_number && (!number || *number > 0xffff'ffff)) {
      if (!RegistryApplier::knows(value.key, value.name)) return values_.skip();
      return reporter_.error("bad-registry-data", value.span,
                             quoted(data) + " is no data of the value's type",
                             "variables are not followed: write the value");
    }
    value.number = number.value_or(0);
    if (!wants_number) value.texts.push_back(data);
    values_.apply(value);
  }

 private:
  void put(std::string& part, std::string value, std::size_t number) {
    if (!part.empty()) finish();  // another value begins
    part = std::move(value);
    line_ = static_cast<std::uint32_t>(number);
  }

  std::uint32_t file_;
  RegistryApplier& values_;
  Reporter& reporter_;
  std::string key_;
  std::string name_;
  std::string type_;
  std::string data_;
  std::string item_name_;
  bool is_absent_ = false;
  std::uint32_t line_ = 1;
};

constexpr std::string_view kClientsPolicy = "RestrictUnauthenticatedRPCClients";
constexpr std::string_view kMapperPolicy = "RPCEndpointMapperClientAuthentication";

// The digit of `value="1"`, however the quotation marks are escaped.
std::optional<unsigned> value_digit(std::string_view text) noexcept {
  const std::size_t at = text.find("value");
  if (at == std::string_view::npos) return std::nullopt;
  for (const char c : text.substr(at + 5, 16)) {
    if (c >= '0' && c <= '2') return static_cast<unsigned>(c - '0');
  }
  return std::nullopt;
}

}  // namespace

bool is_registry_pair(std::string_view line) noexcept {
  line = line.substr(0, 1024);
  const bool names_hive = line.find("HKLM") != std::string_view::npos ||
                          line.find("HKEY_LOCAL_MACHINE") != std::string_view::npos;
  return names_hive && read_pair(line).part == Part::key;
}

void read_setting_pairs(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                        Reporter& reporter) {
  PairReader reader(file, values, reporter);
  for (std::size_t number = 1; number <= source.line_count() && !reporter.is_full(); ++number) {
    reader.take(source.line(number), number);
  }
  reader.finish();
}

bool is_device_policy(std::string_view line) noexcept {
  return line.find(kClientsPolicy) != std::string_view::npos ||
         line.find(kMapperPolicy) != std::string_view::npos;
}

void read_device_policies(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                          Reporter& reporter) {
  constexpr std::size_t kReach = 4096;  // from a policy's name to its value
  const std::string_view text = source.text();
  for (const std::string_view policy : {kClientsPolicy, kMapperPolicy}) {
    std::size_t at = text.find(policy);
    for (; at != std::string_view::npos; at = text.find(policy, at + policy.size())) {
      std::string_view after = text.substr(at + policy.size(), kReach);
      after = after.substr(0, std::min(after.find(kClientsPolicy), after.find(kMapperPolicy)));
      const std::size_t enabled = after.find("enabled");
      const std::size_t disabled = after.find("disabled");
      if (enabled == std::string_view::npos && disabled == std::string_view::npos) continue;
      RegistryValue value;
      value.key = "SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc";
      value.name = policy == kClientsPolicy ? "RestrictRemoteClients" : "EnableAuthEpResolution";
      value.span = {file, static_cast<std::uint32_t>(source.line_at(at)), 1, 1};
      value.type = RegistryType::dword;
      value.deleted = disabled < enabled;
      value.number = 1;
      if (policy == kClientsPolicy && !value.deleted) {
        const std::optional<unsigned> digit = value_digit(after.substr(enabled));
        if (!digit) {
          reporter.warning("bad-registry-data", value.span,
                           "the policy is enabled, and its value cannot be read",
                           "write `<data id=\"RpcRestrictRemoteClientsList\" value=\"1\"/>`");
          continue;
        }
        value.number = *digit;
      }
      values.apply(value);
    }
  }
}

}  // namespace rpcaudit::policy
