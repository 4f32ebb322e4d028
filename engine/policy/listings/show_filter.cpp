#include "engine/policy/listings/show_filter.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "engine/policy/filter_weight.h"
#include "engine/policy/listings/show_filter_names.h"

namespace rpcaudit::policy {
namespace {

constexpr std::uint64_t kFirstId = 0x10000;  // of filters that have none
constexpr std::string_view kSeparator = "---------------------------------\n";

std::string hex_id(std::uint64_t id) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(id));
  return text.data();
}

std::string words(const std::array<std::uint8_t, 16>& memory) {
  std::string text;
  for (std::size_t i = 0; i < 16; i += 4) {
    const std::uint32_t word = static_cast<std::uint32_t>(memory[i + 3]) << 24 |
                               static_cast<std::uint32_t>(memory[i + 2]) << 16 |
                               static_cast<std::uint32_t>(memory[i + 1]) << 8 |
                               static_cast<std::uint32_t>(memory[i]);
    std::array<char, 12> digits{};
    std::snprintf(digits.data(), digits.size(), i == 0 ? "%08x" : " %08x", word);
    text += digits.data();
  }
  return text;
}

std::string_view type_name(Field field) noexcept {
  switch (info(field).type) {
    case FieldType::uint8:
    case FieldType::protocol: return "FWP_UINT8";
    case FieldType::uint16: return field == Field::ep_value ? "FWP_BYTE_BLOB_TYPE" : "FWP_UINT16";
    case FieldType::uint32:
    case FieldType::address_v4: return "FWP_UINT32";
    case FieldType::uuid:
    case FieldType::address_v6: return "FWP_BYTE_ARRAY16_TYPE";
    case FieldType::blob: return "FWP_BYTE_BLOB_TYPE";
    case FieldType::security_descriptor: break;
  }
  return "FWP_TOKEN_ACCESS_INFORMATION_TYPE";
}

std::string value_text(std::uint64_t number) { return std::to_string(number); }
std::string value_text(const Uuid& uuid) { return words(memory_order(uuid.bytes)); }
std::string value_text(const std::string& text) { return text; }
std::string value_text(const IpAddress& address) {
  return address.is_v4() ? std::to_string(address.v4_value()) : words(address.bytes);
}

std::string value_text(const Condition& condition) {
  if (condition.unreadable) return "?";
  return std::visit(
      [&condition](const auto& data) -> std::string {
        if constexpr (requires { data.low; }) {
          std::string text = value_text(data.low);
          if (condition.match == MatchType::range) text += ',' + value_text(data.high);
          return text;
        } else {
          return data.text;
        }
      },
      condition.data);
}

void print_condition(const Condition& condition, std::size_t index, std::string& out) {
  const bool is_range = condition.match == MatchType::range;
  out += "filterCondition[" + std::to_string(index) + "]\n";
  out.append("        fieldKey: ").append(to_string(condition.field)) += '\n';
  out.append("        matchType: ")
      .append(kListedMatchTypes[static_cast<std::size_t>(condition.match)]) += '\n';
  out.append("        conditionValue: Type: ")
      .append(is_range ? "FWP_RANGE_TYPE" : type_name(condition.field));
  out += " Value: " + value_text(condition) + "\n\n";
}

void print_filter(const Filter& filter, std::uint64_t id, std::string& out) {
  out += kSeparator;
  out += "filterKey: " + to_string(filter.key) + '\n';
  out.append("displayData.name: ").append(filter.name.empty() ? kListedName : filter.name) += '\n';
  out.append("displayData.description: ")
      .append(filter.description.empty() ? kListedDescription : filter.description) += '\n';
  out += "filterId: " + hex_id(id) + '\n';
  out.append("layerKey: ").append(to_string(filter.layer)) += '\n';
  out += "weight: Type: FWP_EMPTY Value: Empty\n";
  out.append("action.type: ").append(to_string(filter.action)) += '\n';
  if (filter.audit) out += "Audit: Enable\n";
  out += "numFilterConditions: " + std::to_string(filter.conditions.size()) + "\n\n";
  for (std::size_t i = 0; i < filter.conditions.size(); ++i) {
    print_condition(filter.conditions[i], i, out);
  }
}

}  // namespace

std::string print_show_filter(const Policy& policy) {
  std::string out = "Listing all RPC Filters.\n";
  for (std::size_t layer = 0; layer < kLayerCount; ++layer) {
    std::vector<std::uint32_t> order = evaluation_order(policy, static_cast<Layer>(layer));
    std::stable_partition(order.begin(), order.end(),
                          [&policy](std::uint32_t i) { return policy.filters[i].audit; });
    for (const std::uint32_t i : order) {
      const Filter& filter = policy.filters[i];
      print_filter(filter, filter.id != 0 ? filter.id : kFirstId + i, out);
    }
  }
  return out;
}

}  // namespace rpcaudit::policy
