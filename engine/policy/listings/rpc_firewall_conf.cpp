#include "engine/policy/listings/rpc_firewall_conf.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/policy/condition_data.h"
#include "engine/policy/listings/filter_collector.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

// The weight of the first line; each further line of its kind has one less.
constexpr std::uint64_t kFirstWeight = 0x00ff'ffff;

constexpr std::array<std::string_view, 8> kKeys{"action", "audit", "uuid", "opnum",
                                                "addr",   "prot",  "sid",  "verbose"};

constexpr std::array<std::string_view, 4> kProtocols{"ncacn_ip_tcp", "ncacn_np", "ncalrpc",
                                                     "ncacn_http"};

class ConfReader {
 public:
  ConfReader(std::uint32_t file, Policy& policy, Reporter& reporter)
      : file_(file), reporter_(reporter), collector_(policy, file, reporter) {}

  void take(const TrimmedLine& line) {
    const bool is_filter = starts_with_ignoring_case(line.text, "flt:");
    if (!is_filter && !starts_with_ignoring_case(line.text, "fw:")) return;
    filter_ = {};
    filter_.layer = Layer::um;
    filter_.action = Action::permit;  // the default
    filter_.span = line.span(file_, line.text);
    filter_.enforcer = is_filter ? Enforcer::windows : Enforcer::rpc_firewall;
    filter_.by_api = is_filter;
    filter_.weight = kFirstWeight - (is_filter ? filters_++ : rules_++);
    const std::size_t errors_before = reporter_.error_count();
    seen_.fill(false);
    for (std::string_view rest = line.text.substr(is_filter ? 4 : 3);;) {
      rest = without_blanks(rest);
      if (rest.empty()) break;
      const std::string_view word = rest.substr(0, rest.find_first_of(" \t"));
      take_word(line, word);
      rest.remove_prefix(word.size());
    }
    if (reporter_.error_count() != errors_before) return;
    note_catch_all();
    collector_.add(std::move(filter_));
  }

  void finish() { collector_.finish(); }

 private:
  [[nodiscard]] bool is_filter() const noexcept { return filter_.enforcer == Enforcer::windows; }

  void take_word(const TrimmedLine& line, std::string_view word) {
    const std::size_t colon = word.find(':');
    const std::string_view key = word.substr(0, colon);
    const auto found = std::find_if(kKeys.begin(), kKeys.end(), [key](std::string_view name) {
      return equal_ignoring_case(name, key);
    });
    const SourceSpan span = line.span(file_, word);
    if (colon == std::string_view::npos || found == kKeys.end()) {
      const std::string_view nearest = nearest_name(key, kKeys);
      return reporter_.error("unknown-tag", span, "unknown parameter " + quoted(word),
                             nearest.empty() ? "RPC Firewall would pass over it"
                                             : "did you mean " + quoted(nearest) + "?");
    }
    const auto index = static_cast<std::size_t>(found - kKeys.begin());
    if (std::exchange(seen_[index], true)) {
      return reporter_.error("repeated-tag", span, quoted(*found) + " stands twice");
    }
    const std::string_view value = word.substr(colon + 1);
    if (value.empty()) {
      return reporter_.error("missing-value", span, quoted(word) + " has no value");
    }
    if (value.front() == '<' && value.back() == '>') {
      return reporter_.error("unreplaced-variable", span,
                             quoted(value) + " has to be replaced by a value");
    }
    take_pair(*found, value, line.span(file_, value));
  }

  void take_pair(std::string_view key, std::string_view value, const SourceSpan& span) {
    if (key == "action") return take_action(value, span);
    if (key == "audit") {
      // A rule of the library is applied whether it is logged or not.
      filter_.audit = is_filter() && value.find("true") != std::string_view::npos;
    } else if (key == "uuid") {
      take_uuid(value, span);
    } else if (key == "opnum") {
      take_opnum(value, span);
    } else if (key == "addr") {
      take_address(value, span);
    } else if (key == "prot") {
      take_protocol(value, span);
    } else if (key == "sid") {
      take_sid(value, span);
    }
  }

  void take_action(std::string_view value, const SourceSpan& span) {
    const bool blocks = value.find("block") != std::string_view::npos;
    filter_.action = blocks ? Action::block : Action::permit;
    if (blocks || value.find("allow") != std::string_view::npos) return;
    reporter_.error("unknown-action", span, "unknown action " + quoted(value),
                    "RPC Firewall would take it as `allow`");
  }

  void take_uuid(std::string_view value, const SourceSpan& span) {
    const std::optional<Uuid> uuid = read_uuid_text(value);
    if (!uuid) {
      return reporter_.error("bad-uuid", span, quoted(value) + " is not a UUID",
                             "as in `e3514235-4b06-11d1-ab04-00c04fc2dcd2`");
    }
    add(Field::if_uuid, UuidRange{*uuid, *uuid}, value, span);
  }

  void take_opnum(std::string_view value, const SourceSpan& span) {
    const std::optional<std::uint64_t> opnum = read_plain_number(value);
    if (!opnum || *opnum > 0xffff) {
      return reporter_.error("bad-number", span, quoted(value) + " is not an operation number");
    }
    if (is_filter()) {
      return reporter_.warning("opnum-in-filter", span,
                               "RPC Firewall leaves `opnum` out of filters: the line is about all "
                               "operations",
                               "write an `fw:` line");
    }
    add(Field::opnum, NumberRange{*opnum, *opnum}, value, span);
  }

  void take_address(std::string_view value, const SourceSpan& span) {
    const std::optional<AddressRange> range = read_subnet(value);
    if (!range) {
      return reporter_.error("bad-address", span, quoted(value) + " is not an address",
                             "as in `10.0.0.1`, `10.0.0.0/8` or `fe80::1`");
    }
    const bool is_v4 = range->low.is_v4();
    if (is_filter() && !is_v4) {
      filter_.conditions.push_back(unreadable_condition(Field::remote_addr_v6, value, span));
      return reporter_.warning("value-not-listed", span,
                               "RPC Firewall makes filters of IPv4 addresses only: what it makes "
                               "of " +
                                   quoted(value) + " is not known",
                               "write an `fw:` line");
    }
    add(is_v4 ? Field::remote_addr_v4 : Field::remote_addr_v6, *range, value, span);
    Condition& condition = filter_.conditions.back();
    if (range->low != range->high) condition.match = MatchType::range;
    condition.in_network_order = is_v4 && is_filter();
  }

  void take_protocol(std::string_view value, const SourceSpan& span) {
    for (std::size_t i = 0; i < kProtocols.size(); ++i) {
      if (!equal_ignoring_case(value, kProtocols[i])) continue;
      return add(Field::protocol, NumberRange{i + 1, i + 1}, value, span);
    }
    const std::string_view nearest = nearest_name(value, kProtocols);
    reporter_.error(
        "unknown-protocol", span, "unknown protocol sequence " + quoted(value),
        nearest.empty() ? "`ncacn_ip_tcp` or `ncacn_np`" : "did you mean " + quoted(nearest) + "?");
  }

  void take_sid(std::string_view value, const SourceSpan& span) {
    SddlResult result = parse_sddl("D:(A;;CC;;;" + std::string(value) + ')');
    if (!result.ok || result.descriptor.entries.size() != 1) {
      return reporter_.error("bad-sddl", span, quoted(value) + " is neither a SID nor an alias",
                             "as in `BA` or `S-1-5-32-544`");
    }
    add(Field::remote_user_token, std::move(result.descriptor), value, span);
  }

  void add(Field field, ConditionData data, std::string_view text, const SourceSpan& span) {
    Condition condition;
    condition.field = field;
    condition.match = MatchType::equal;
    condition.data = std::move(data);
    condition.text = text;
    condition.span = span;
    filter_.conditions.push_back(std::move(condition));
  }

  void note_catch_all() {
    if (!filter_.conditions.empty() || !is_filter() || filter_.action != Action::block) return;
    reporter_.warning("catch-all", filter_.span,
                      "the filter has no condition: it blocks every call of its layer",
                      "block in an `fw:` line at the end instead");
  }

  std::uint32_t file_;
  Reporter& reporter_;
  FilterCollector collector_;
  Filter filter_;
  std::array<bool, kKeys.size()> seen_{};
  std::uint64_t filters_ = 0;
  std::uint64_t rules_ = 0;
};

}  // namespace

void read_rpc_firewall_conf(const SourceText& source, std::uint32_t file, Policy& policy,
                            Reporter& reporter) {
  ConfReader reader(file, policy, reporter);
  for (std::size_t i = 1; i <= source.line_count() && !reporter.is_full(); ++i) {
    reader.take(trimmed_line(source, static_cast<std::uint32_t>(i)));
  }
  reader.finish();
}

}  // namespace rpcaudit::policy
