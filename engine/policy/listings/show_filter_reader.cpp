#include "engine/policy/listings/show_filter_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "engine/policy/condition_data.h"
#include "engine/policy/filter_weight.h"
#include "engine/policy/listings/filter_collector.h"
#include "engine/policy/listings/show_filter_names.h"
#include "engine/policy/netsh/netsh_session.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

// Keys of lines that say nothing about what a filter does.
constexpr std::string_view kIdleKeys[] = {"providerkey",  "sublayerkey",     "flags",
                                          "providerdata", "effectiveweight", "rawcontext"};

// The name after a prefix of the platform's headers, as in `FWPM_LAYER_RPC_UM`.
std::string_view without_prefix(std::string_view text, std::string_view prefix) noexcept {
  if (starts_with_ignoring_case(text, prefix)) text.remove_prefix(prefix.size());
  return text;
}

// Four little-endian words of memory.
std::optional<std::array<std::uint8_t, 16>> read_words(std::string_view text) noexcept {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 16; i += 4) {
    text = without_blanks(text);
    const std::string_view digits = text.substr(0, text.find(' '));
    std::uint32_t word = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, word, 16);
    if (digits.empty() || error != std::errc() || stop != end) return std::nullopt;
    for (std::size_t j = 0; j < 4; ++j) {
      bytes[i + j] = static_cast<std::uint8_t>(word >> (8 * j));
    }
    text.remove_prefix(digits.size());
  }
  if (!without_blanks(text).empty()) return std::nullopt;
  return bytes;
}

std::optional<Uuid> read_listed_uuid(std::string_view text) noexcept {
  if (const std::optional<Uuid> uuid = read_uuid_text(text)) return uuid;
  const auto bytes = read_words(text);
  if (!bytes) return std::nullopt;
  return Uuid{memory_order(*bytes)};
}

std::optional<IpAddress> read_listed_address(std::string_view text, bool wants_v4) noexcept {
  std::optional<IpAddress> address = parse_ip(text);
  if (!address && wants_v4) {
    const std::optional<std::uint64_t> number = read_plain_number(text);
    if (number && *number <= 0xffff'ffff) {
      address = IpAddress::v4(static_cast<std::uint32_t>(*number));
    }
  } else if (!address) {
    if (const auto bytes = read_words(text)) address = IpAddress{*bytes};
  }
  if (address && address->is_v4() != wants_v4) return std::nullopt;
  return address;
}

std::uint64_t number_max(FieldType type) noexcept {
  switch (type) {
    case FieldType::uint8:
    case FieldType::protocol: return 0xff;
    case FieldType::uint16: return 0xffff;
    default: return 0xffff'ffff;
  }
}

template <typename Range, typename ReadEnd>
bool read_ends(std::string_view low, std::string_view high, ConditionData& data, ReadEnd read_end) {
  const auto first = read_end(low);
  const auto last = read_end(high);
  if (!first || !last || *last < *first) return false;
  data = Range{*first, *last};
  return true;
}

// Whether the listing tells the data; ranges are two values with a comma between.
bool read_listed_value(Field field, MatchType match, std::string_view text, ConditionData& data) {
  std::string_view low = text;
  std::string_view high = text;
  if (match == MatchType::range) {
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos) return false;
    low = without_blanks(text.substr(0, comma));
    high = without_blanks(text.substr(comma + 1));
  }
  const FieldType type = info(field).type;
  switch (type) {
    case FieldType::uuid: return read_ends<UuidRange>(low, high, data, read_listed_uuid);
    case FieldType::address_v4:
    case FieldType::address_v6:
      return read_ends<AddressRange>(low, high, data, [type](std::string_view end) {
        return read_listed_address(end, type == FieldType::address_v4);
      });
    case FieldType::blob:
      return read_ends<TextRange>(
          low, high, data, [](std::string_view end) { return std::optional(std::string(end)); });
    case FieldType::security_descriptor: {
      SddlResult result = parse_sddl(text);
      const bool is_told = result.ok && !text.empty();
      if (is_told) data = std::move(result.descriptor);
      return is_told;
    }
    default: break;
  }
  return read_ends<NumberRange>(low, high, data, [type](std::string_view end) {
    std::optional<std::uint64_t> number = read_plain_number(end);
    if (number && *number > number_max(type)) number.reset();
    return number;
  });
}

class ListingReader {
 public:
  ListingReader(std::uint32_t file, Policy& policy, Reporter& reporter)
      : file_(file), reporter_(reporter), collector_(policy, file, reporter) {}

  void take(const TrimmedLine& line) {
    const std::string_view text = line.text;
    if (text.empty()) return;
    if (text == "Ok.") return drop_answer();
    if (text.find_first_not_of('-') == std::string_view::npos) return finish_filter();
    if (starts_with_ignoring_case(text, "filterCondition[")) return begin_condition(line);
    const std::size_t colon = text.find(':');
    const bool is_title = text.find("Listing all RPC") != std::string_view::npos ||
                          starts_with_ignoring_case(text, "netsh ");  // a transcript's command
    if (is_title || colon == std::string_view::npos) {
      if (!is_title) note_stranger(line);
      return;
    }
    take_pair(line, to_lower(without_blanks(text.substr(0, colon))),
              without_blanks(text.substr(colon + 1)));
  }

  void finish(const SourceSpan& whole_file) {
    finish_filter();
    if (any_) {
      reporter_.note(
          "listing-loses", whole_file,
          "a listing does not tell whether a filter persists, nor `auditparameters`, nor "
          "hard permits and filters of other sublayers (of security products), which "
          "may decide against it: all are taken to persist and to decide",
          "`netsh wfp show filters` lists the other sublayers");
    }
    collector_.finish_listing();
  }

 private:
  void take_pair(const TrimmedLine& line, const std::string& key, std::string_view value) {
    const SourceSpan span = line.span(file_, value);
    if (key == "filterkey") {
      finish_filter();
      begin_filter(line);
      const std::optional<Uuid> uuid = read_uuid_text(value);
      if (!uuid) return fail("bad-uuid", span, quoted(value) + " is not a filter key");
      filter_->key = *uuid;
    } else if (filter_ && take_filter_pair(key, value, span)) {
      return;
    } else if (condition_ && take_condition_pair(key, value, span)) {
      return;
    } else if (std::find(std::begin(kIdleKeys), std::end(kIdleKeys), key) == std::end(kIdleKeys)) {
      note_stranger(line);
    }
  }

  bool take_filter_pair(const std::string& key, std::string_view value, const SourceSpan& span) {
    if (key == "displaydata.name") {
      if (value != kListedName) filter_->name = value;
    } else if (key == "displaydata.description") {
      if (value != kListedDescription) filter_->description = value;
    } else if (key == "filterid") {
      filter_->id = read_plain_number(value).value_or(0);
    } else if (key == "layerkey") {
      const auto layer = parse_layer(without_prefix(value, "FWPM_LAYER_RPC_"));
      if (!layer) fail("unknown-layer", span, "unknown layer " + quoted(value));
      filter_->layer = layer.value_or(Layer::um);
      has_layer_ = true;
    } else if (key == "action.type") {
      const auto action = parse_action(without_prefix(value, "FWP_ACTION_"));
      if (!action) fail("unknown-action", span, "unknown action " + quoted(value));
      filter_->action = action.value_or(Action::permit);
      has_action_ = true;
    } else if (key == "audit") {
      filter_->audit = starts_with_ignoring_case(value, "enable");
    } else if (key == "auditparameters") {
      filter_->audit_parameters = starts_with_ignoring_case(value, "enable");
    } else if (key == "weight") {
      read_weight(value);
    } else if (key == "numfilterconditions") {
      promised_ = read_plain_number(value);
    } else {
      return false;
    }
    return true;
  }

  // Left to Windows, or `Type: FWP_UINT64 Value: N`, or a number from 0 to 15 for the four highest
  // bits (FWPM_FILTER0).
  void read_weight(std::string_view value) {
    const std::size_t at = value.find("Value:");
    if (at == std::string_view::npos) return;
    const auto number = read_plain_number(without_blanks(value.substr(at + 6)));
    if (!number) return;
    if (value.find("UINT8") != std::string_view::npos) {
      high_weight_ = *number & 0xf;
    } else {
      filter_->weight = *number;
    }
  }

  // `add filter` of a transcript answers with a key and `Ok.`: the listing is further below.
  void drop_answer() {
    const bool is_answer = filter_ && !has_layer_ && !has_action_ && filter_->conditions.empty();
    if (!is_answer) return;
    filter_.reset();
    spoilt_ = false;
  }

  void begin_filter(const TrimmedLine& line) {
    filter_.emplace();
    filter_->span = line.span(file_, line.text);
    filter_->action = Action::permit;
    any_ = true;
  }

  void begin_condition(const TrimmedLine& line) {
    finish_condition();
    if (!filter_) begin_filter(line);
    condition_.emplace();
    condition_->span = line.span(file_, line.text);
  }

  bool take_condition_pair(const std::string& key, std::string_view value, const SourceSpan& span) {
    if (key == "fieldkey") {
      for (std::size_t i = 0; i < kFieldCount; ++i) {
        const auto field = static_cast<Field>(i);
        if (equal_ignoring_case(value, to_string(field))) field_ = field;
      }
      if (!field_) fail("unknown-field", span, "unknown field " + quoted(value));
    } else if (key == "matchtype") {
      for (std::size_t i = 0; i < kMatchTypeCount; ++i) {
        if (equal_ignoring_case(value, kListedMatchTypes[i])) match_ = static_cast<MatchType>(i);
      }
      match_text_ = value;
    } else if (key == "conditionvalue") {
      const std::size_t at = value.find("Value:");
      const std::size_t size = at == std::string_view::npos ? value.size() : at + 6;
      condition_->text = without_blanks(value.substr(size));
      condition_->span = span;
    } else {
      return false;
    }
    return true;
  }

  void finish_condition() {
    if (!condition_) return;
    Condition condition = std::move(*condition_);
    condition_.reset();
    const std::optional<Field> field = std::exchange(field_, std::nullopt);
    const std::optional<MatchType> match = std::exchange(match_, std::nullopt);
    if (!field) return spoil(condition.span);
    if (has_layer_ && !legal_on(*field, filter_->layer)) {
      return fail("field-not-on-layer", condition.span,
                  quoted(to_string(*field)) + " is not a field of layer " +
                      quoted(to_string(filter_->layer)));
    }
    if (filter_->conditions.size() >= NetshSession::kConditionsMax) {
      return fail("too-many-conditions", condition.span, "the filter has too many conditions");
    }
    condition.field = *field;
    condition.match = match.value_or(MatchType::equal);
    const bool comparable = match && legal_for(*match, info(*field).type);
    condition.unreadable =
        !comparable || !read_listed_value(*field, condition.match, condition.text, condition.data);
    if (condition.unreadable) note_unreadable(condition, match.has_value());
    filter_->conditions.push_back(std::move(condition));
  }

  void note_unreadable(const Condition& condition, bool has_match) {
    const std::string name = quoted(to_string(condition.field));
    if (info(condition.field).type == FieldType::security_descriptor) {
      reporter_.warning("descriptor-not-listed", condition.span,
                        "the listing does not tell the security descriptor of " + name,
                        "take it from the script that made the filter; until then calls that "
                        "depend on it are undecidable");
    } else if (!has_match) {
      reporter_.warning("match-type-not-known", condition.span,
                        quoted(match_text_) + " on " + name + " is no match type of netsh",
                        "calls that depend on it are undecidable");
    } else {
      reporter_.warning("value-not-listed", condition.span,
                        quoted(condition.text) + " tells no value of " + name,
                        "calls that depend on it are undecidable");
    }
  }

  void finish_filter() {
    finish_condition();
    if (!filter_) return;
    Filter filter = std::move(*filter_);
    filter_.reset();
    if (!has_layer_ || !has_action_) {
      reporter_.error("incomplete-listing", filter.span,
                      std::string("the filter has no `") +
                          (has_layer_ ? "action.type" : "layerKey") + "` line");
      spoilt_ = true;
    }
    if (promised_ && *promised_ != filter.conditions.size() && !spoilt_) {
      reporter_.error("incomplete-listing", filter.span,
                      "the filter is said to have " + std::to_string(*promised_) +
                          " conditions, and has " + std::to_string(filter.conditions.size()),
                      "is the listing cut?");
      spoilt_ = true;
    }
    if (high_weight_) filter.weight = *high_weight_ << 60 | filter_weight(filter);
    if (!spoilt_) collector_.add(std::move(filter));
    has_layer_ = false;
    has_action_ = false;
    spoilt_ = false;
    promised_.reset();
    high_weight_.reset();
  }

  void fail(std::string_view code, const SourceSpan& span, std::string message) {
    reporter_.error(code, span, std::move(message), "the filter is left out");
    spoilt_ = true;
  }

  // A condition without a field, of which something was said already or that has no lines.
  void spoil(const SourceSpan& span) {
    if (!spoilt_) fail("incomplete-listing", span, "the condition has no `fieldKey` line");
  }

  void note_stranger(const TrimmedLine& line) {
    reporter_.note("not-a-listing", line.span(file_, line.text),
                   "the line is no part of a listing, and is ignored");
  }

  std::uint32_t file_;
  Reporter& reporter_;
  FilterCollector collector_;
  std::optional<Filter> filter_;
  std::optional<Condition> condition_;
  std::optional<Field> field_;
  std::optional<MatchType> match_;
  std::string match_text_;
  std::optional<std::uint64_t> promised_;     // conditions
  std::optional<std::uint64_t> high_weight_;  // the four highest bits
  bool has_layer_ = false;
  bool has_action_ = false;
  bool spoilt_ = false;  // the filter at hand has an error
  bool any_ = false;
};

}  // namespace

void read_show_filter(const SourceText& source, std::uint32_t file, Policy& policy,
                      Reporter& reporter) {
  ListingReader reader(file, policy, reporter);
  for_each_trimmed_line(source, reporter, [&](const TrimmedLine& line) { reader.take(line); });
  reader.finish({file, 0, 0, 0});
}

}  // namespace rpcaudit::policy
