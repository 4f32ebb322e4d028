#include "engine/policy/netsh/printer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "engine/policy/condition_data.h"

namespace rpcaudit::policy {
namespace {

std::string hex32(std::uint64_t number) {
  std::array<char, 20> text;
  const int size =
      std::snprintf(text.data(), text.size(), "0x%08llX", static_cast<unsigned long long>(number));
  return {text.data(), static_cast<std::size_t>(size)};
}

// Numbers as the documentation writes each field: flags in hexadecimal, protocols by name.
std::string number_text(Field field, std::uint64_t number) {
  if (info(field).type == FieldType::protocol) {
    const std::string_view name = protocol_name(number);
    if (!name.empty()) return std::string(name);
  }
  if (field == Field::if_flag || field == Field::ep_flags) return hex32(number);
  return std::to_string(number);
}

bool has_marker(Field field) noexcept {
  return field == Field::image_name || field == Field::server_name;
}

std::string marked_text(Field field, const std::string& text) {
  if (!has_marker(field)) return text;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return 'w' + text;
  }
  return 's' + text;
}

// The two ends of the data, as text; the second is for `range` only.
struct Ends {
  std::string low;
  std::string high;
};

// `for_people`: addresses as people know them, names without markers.
Ends ends(const Condition& condition, bool for_people) {
  const Field field = condition.field;
  if (const auto* number = std::get_if<NumberRange>(&condition.data)) {
    return {number_text(field, number->low), number_text(field, number->high)};
  }
  if (const auto* uuid = std::get_if<UuidRange>(&condition.data)) {
    return {to_string(uuid->low), to_string(uuid->high)};
  }
  if (const auto* text = std::get_if<TextRange>(&condition.data)) {
    if (for_people) return {text->low, text->high};
    return {marked_text(field, text->low), marked_text(field, text->high)};
  }
  if (const auto* address = std::get_if<AddressRange>(&condition.data)) {
    if (for_people || info(field).type == FieldType::address_v6) {
      return {to_string(address->low), to_string(address->high)};
    }
    return {hex32(address->low.v4_value()), hex32(address->high.v4_value())};
  }
  return {std::get<SecurityDescriptor>(condition.data).text, {}};
}

// In quotation marks where netsh, or the continuation of a line, would cut it.
std::string quoted_where_needed(const std::string& text) {
  const bool plain = text.find_first_of(" '`^=") == std::string::npos;
  return plain ? text : '"' + text + '"';
}

void print_condition(const Condition& condition, std::string& out) {
  Ends data = ends(condition, false);
  if (condition.match == MatchType::range) data.low += ',' + data.high;
  out += "add condition field=" + std::string(to_string(condition.field));
  out += " matchtype=" + std::string(to_string(condition.match));
  out += " data=" + quoted_where_needed(data.low) + '\n';
}

void print_rule(const Filter& filter, std::string& out) {
  out += "add rule layer=" + std::string(to_string(filter.layer));
  out += " actiontype=" + std::string(to_string(filter.action));
  if (!filter.key_generated && !filter.key.is_nil()) out += " filterkey=" + to_string(filter.key);
  if (!filter.persistent) out += " persistence=volatile";
  if (filter.audit) out += " audit=enable";
  if (filter.audit_parameters) out += " auditparameters=enable";
  out += '\n';
  for (const Condition& condition : filter.conditions) print_condition(condition, out);
}

bool is_writable(const Filter& filter) {
  return std::none_of(filter.conditions.begin(), filter.conditions.end(),
                      [](const Condition& condition) { return condition.unreadable; });
}

}  // namespace

std::string print_netsh_script(const Policy& policy) {
  std::string out = "rpc filter\n";
  for (const Filter& filter : policy.filters) {
    out += '\n';
    if (is_writable(filter)) {
      print_rule(filter, out);
      out += "add filter\n";
    } else {
      out += "# not known in full: " + describe(filter) + '\n';
    }
  }
  return out;
}

std::string print_netsh_rule(const Filter& filter) {
  std::string out;
  print_rule(filter, out);
  return out;
}

std::string describe(const Condition& condition) {
  const std::string name(to_string(condition.field));
  if (condition.unreadable) return name + " (not told)";
  const Ends data = ends(condition, true);
  switch (condition.match) {
    case MatchType::equal: return name + '=' + data.low;
    case MatchType::greater: return name + '>' + data.low;
    case MatchType::less: return name + '<' + data.low;
    case MatchType::greater_or_equal: return name + ">=" + data.low;
    case MatchType::less_or_equal: return name + "<=" + data.low;
    case MatchType::range: return name + '=' + data.low + ".." + data.high;
    case MatchType::all_set:
    case MatchType::any_set:
    case MatchType::none_set: break;
  }
  return name + ' ' + std::string(to_string(condition.match)) + ' ' + data.low;
}

std::string describe(const Filter& filter) {
  std::string text(to_string(filter.action));
  text += ' ' + std::string(to_string(filter.layer));
  for (const Condition& condition : filter.conditions) text += ' ' + describe(condition);
  if (filter.conditions.empty()) text += " (every call)";
  if (filter.audit) text += " audit";
  return text;
}

}  // namespace rpcaudit::policy
