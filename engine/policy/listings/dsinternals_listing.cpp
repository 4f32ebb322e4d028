#include "engine/policy/listings/dsinternals_listing.h"

#include <algorithm>
#include <utility>

#include "engine/policy/condition_data.h"
#include "engine/policy/listings/dsinternals_names.h"
#include "engine/policy/listings/filter_collector.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

// `IDL_DRSGetNCChanges (3)` or the number alone.
std::optional<std::uint64_t> read_operation(std::string_view text) noexcept {
  const std::size_t open = text.rfind('(');
  if (open != std::string_view::npos && text.back() == ')') {
    text = text.substr(open + 1, text.size() - open - 2);
  }
  const std::optional<std::uint64_t> number = read_plain_number(text);
  return number && *number <= 0xffff ? number : std::nullopt;
}

class ListingReader {
 public:
  ListingReader(std::uint32_t file, Policy& policy, Reporter& reporter)
      : file_(file), reporter_(reporter), collector_(policy, file, reporter) {}

  // One pair a line, or several with commas between; names and descriptions may hold anything.
  void take(const TrimmedLine& line) {
    std::string_view rest = line.text;
    while (!rest.empty()) {
      const std::size_t end = rest.find_first_of(":=");
      if (end == std::string_view::npos) return note_stranger(line);
      const std::string key = to_lower(without_blanks(rest.substr(0, end)));
      std::string_view value = rest.substr(end + 1);
      const bool has_more = key == "filterid" || key == "filterkey" || key == "audit" ||
                            key == "persistent" || key == "boottimeenforced" ||
                            key == "effectiveweight";
      const std::size_t comma = has_more ? value.find(", ") : std::string_view::npos;
      rest = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 2);
      value = without_blanks(value.substr(0, comma));
      take_pair(line, key, value);
    }
  }

  void finish() {
    finish_filter();
    collector_.finish_listing();
  }

 private:
  void take_pair(const TrimmedLine& line, const std::string& key, std::string_view value) {
    const SourceSpan span = line.span(file_, value);
    if (key == "name") {
      finish_filter();
      filter_.emplace();
      filter_->by_api = true;
      filter_->span = line.span(file_, line.text);
      filter_->name = value;
      filter_->layer = Layer::um;
      return;
    }
    if (!filter_) return note_stranger(line);
    if (value.empty() || value == "N/A") return;  // Format-List prints what is not set, too
    if (take_filter_pair(key, value, span) || take_condition(key, value, span)) return;
    note_stranger(line);
  }

  bool take_filter_pair(const std::string& key, std::string_view value, const SourceSpan& span) {
    const bool holds = equal_ignoring_case(value, "true");
    if (key == "description") {
      filter_->description = value;
    } else if (key == "filterid") {
      filter_->id = read_plain_number(value).value_or(0);
    } else if (key == "filterkey") {
      const std::optional<Uuid> uuid = read_uuid_text(value);
      if (!uuid) {
        reporter_.error("bad-uuid", span, quoted(value) + " is not a filter key");
        spoilt_ = true;
      }
      filter_->key = uuid.value_or(Uuid{});
    } else if (key == "action") {
      const std::optional<Action> action = parse_action(value);
      if (!action) {
        reporter_.error("unknown-action", span, "unknown action " + quoted(value));
        spoilt_ = true;
      }
      filter_->action = action.value_or(Action::permit);
      has_action_ = true;
    } else if (key == "audit") {
      filter_->audit = holds || starts_with_ignoring_case(value, "enabled");
      filter_->audit_parameters = value.find("Param") != std::string_view::npos;
    } else if (key == "persistent") {
      filter_->persistent = holds;
    } else if (key == "disabled") {
      is_disabled_ = holds;
    } else if (key == "effectiveweight") {
      filter_->weight = read_plain_number(value);
    } else {
      return key == "providerkey" || key == "boottimeenforced" || key == "weight" ||
             key == "conditions";
    }
    return true;
  }

  bool take_condition(const std::string& key, std::string_view value, const SourceSpan& span) {
    if (key == "protocol") {
      const std::optional<Uuid> uuid = dsinternals_interface(value);
      add(Field::if_uuid,
          uuid ? std::optional<ConditionData>(UuidRange{*uuid, *uuid}) : std::nullopt, value, span);
    } else if (key == "operation") {
      add_number(Field::opnum, read_operation(value), value, span);
    } else if (key == "transport") {
      add_number(Field::protocol, dsinternals_transport(value), value, span);
    } else if (key == "localport") {
      add_number(Field::local_port, read_plain_number(value), value, span);
    } else if (key == "authenticationlevel") {
      add_number(Field::auth_level, dsinternals_auth_level(value), value, span);
    } else if (key == "authenticationtype") {
      add_number(Field::auth_type, dsinternals_auth_type(value), value, span);
    } else if (key == "namedpipe") {
      add(Field::pipe, TextRange{std::string(value), std::string(value)}, value, span);
    } else if (key == "imagename") {
      add(Field::image_name, TextRange{std::string(value), std::string(value)}, value, span);
    } else if (key == "dcomappid") {
      const std::optional<Uuid> uuid = read_uuid_text(value);
      add(Field::dcom_app_id,
          uuid ? std::optional<ConditionData>(UuidRange{*uuid, *uuid}) : std::nullopt, value, span);
    } else if (key == "securitydescriptor") {
      SddlResult result = parse_sddl(value);
      add(Field::remote_user_token,
          result.ok ? std::optional<ConditionData>(std::move(result.descriptor)) : std::nullopt,
          value, span);
    } else if (key == "remoteaddress") {
      add_address(Field::remote_addr_v4, Field::remote_addr_v6, value, span);
    } else if (key == "localaddress") {
      add_address(Field::local_addr_v4, Field::local_addr_v6, value, span);
    } else {
      return false;
    }
    return true;
  }

  void add_number(Field field, std::optional<std::uint64_t> number, std::string_view text,
                  const SourceSpan& span) {
    add(field, number ? std::optional<ConditionData>(NumberRange{*number, *number}) : std::nullopt,
        text, span);
  }

  void add_address(Field v4, Field v6, std::string_view text, const SourceSpan& span) {
    const std::optional<AddressRange> range = read_subnet(text);
    if (!range) return add(v4, std::nullopt, text, span);
    const bool is_v4 = range->low.is_v4();
    add(is_v4 ? v4 : v6, *range, text, span);
    Condition& condition = filter_->conditions.back();
    if (range->low != range->high) condition.match = MatchType::range;
    condition.in_network_order = is_v4;
  }

  // Without data the condition is kept, and never known to hold.
  void add(Field field, std::optional<ConditionData> data, std::string_view text,
           const SourceSpan& span) {
    Condition condition = unreadable_condition(field, text, span);
    condition.match = MatchType::equal;
    condition.unreadable = !data;
    if (data) {
      condition.data = std::move(*data);
    } else {
      reporter_.warning("value-not-listed", span,
                        quoted(text) + " tells no value of " + quoted(to_string(field)),
                        "calls that depend on it are undecidable");
    }
    filter_->conditions.push_back(std::move(condition));
  }

  void finish_filter() {
    if (!filter_) return;
    Filter filter = std::move(*filter_);
    filter_.reset();
    if (!has_action_ && !spoilt_) {
      reporter_.error("incomplete-listing", filter.span, "the filter has no `Action` line");
      spoilt_ = true;
    }
    if (is_disabled_) {
      reporter_.warning("filter-disabled", filter.span,
                        "the filter is disabled on its system, and is left out");
    }
    if (!spoilt_ && !is_disabled_) collector_.add(std::move(filter));
    has_action_ = false;
    spoilt_ = false;
    is_disabled_ = false;
  }

  void note_stranger(const TrimmedLine& line) {
    reporter_.note("not-a-listing", line.span(file_, line.text),
                   "the line is no part of a listing, and is ignored");
  }

  std::uint32_t file_;
  Reporter& reporter_;
  FilterCollector collector_;
  std::optional<Filter> filter_;
  bool has_action_ = false;
  bool is_disabled_ = false;
  bool spoilt_ = false;
};

}  // namespace

void read_dsinternals_listing(const SourceText& source, std::uint32_t file, Policy& policy,
                              Reporter& reporter) {
  ListingReader reader(file, policy, reporter);
  for_each_trimmed_line(source, reporter, [&](const TrimmedLine& line) { reader.take(line); });
  reader.finish();
}

}  // namespace rpcaudit::policy
