#include "engine/policy/listings/filter_collector.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include "engine/policy/netsh/netsh_rule.h"
#include "engine/policy/netsh/netsh_session.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

std::uint32_t code_points(std::string_view text) noexcept {
  return static_cast<std::uint32_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void set_bits_from(IpAddress& address, std::size_t first, bool value) noexcept {
  for (std::size_t bit = first; bit < 128; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80u >> (bit % 8));
    std::uint8_t& byte = address.bytes[bit / 8];
    byte = static_cast<std::uint8_t>(value ? byte | mask : byte & ~mask);
  }
}

}  // namespace

FilterCollector::FilterCollector(Policy& policy, std::uint32_t file, Reporter& reporter)
    : policy_(policy), reporter_(reporter), file_(file) {
  const auto end = policy.files.begin() + static_cast<std::ptrdiff_t>(file);
  occurrence_ = static_cast<std::size_t>(std::count(policy.files.begin(), end, policy.files[file]));
}

void FilterCollector::add(Filter filter) {
  if (policy_.filters.size() + filters_.size() >= NetshSession::kFiltersMax) {
    if (full_) return;
    full_ = true;
    return reporter_.error(
        "too-many-filters", filter.span,
        "a policy may have " + std::to_string(NetshSession::kFiltersMax) + " filters");
  }
  if (filter.key.is_nil()) {
    filter.key = generated_filter_key(policy_.files[file_], occurrence_, filter.span.line);
    filter.key_generated = true;
  }
  filters_.push_back(std::move(filter));
}

void FilterCollector::finish_listing() {
  std::reverse(filters_.begin(), filters_.end());
  const bool all_have_ids = std::all_of(filters_.begin(), filters_.end(),
                                        [](const Filter& filter) { return filter.id != 0; });
  if (all_have_ids) {
    std::stable_sort(filters_.begin(), filters_.end(),
                     [](const Filter& a, const Filter& b) { return a.id < b.id; });
  }
  finish();
}

void FilterCollector::finish() {
  std::move(filters_.begin(), filters_.end(), std::back_inserter(policy_.filters));
  filters_.clear();
}

SourceSpan TrimmedLine::span(std::uint32_t file, std::string_view part) const noexcept {
  const auto offset = static_cast<std::size_t>(part.data() - text.data());
  return {file, number, column + code_points(text.substr(0, offset)),
          std::max<std::uint32_t>(1, code_points(part))};
}

std::string_view without_blanks(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t\v\f");
  if (first == std::string_view::npos) return text.substr(text.size());
  return text.substr(first, text.find_last_not_of(" \t\v\f") - first + 1);
}

TrimmedLine trimmed_line(const SourceText& source, std::uint32_t number) noexcept {
  const std::string_view line = source.line(number);
  const std::string_view text = without_blanks(line);
  const auto offset = static_cast<std::size_t>(text.data() - line.data());
  return {text, number, 1 + code_points(line.substr(0, offset))};
}

std::optional<std::uint64_t> read_plain_number(std::string_view text) noexcept {
  const bool is_hex = starts_with_ignoring_case(text, "0x");
  if (is_hex) text.remove_prefix(2);
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, is_hex ? 16 : 10);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return number;
}

std::optional<AddressRange> read_subnet(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  AddressRange range{*address, *address};
  if (slash == std::string_view::npos) return range;
  const std::optional<std::uint64_t> length = read_plain_number(text.substr(slash + 1));
  const std::size_t first = address->is_v4() ? 96 : 0;
  if (!length || *length + first > 128) return std::nullopt;
  set_bits_from(range.low, first + *length, false);
  set_bits_from(range.high, first + *length, true);
  return range;
}

Condition unreadable_condition(Field field, std::string_view text, const SourceSpan& span) {
  Condition condition;
  condition.field = field;
  condition.text = text;
  condition.span = span;
  condition.unreadable = true;
  return condition;
}

}  // namespace rpcaudit::policy
