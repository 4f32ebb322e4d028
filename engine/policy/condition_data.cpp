#include "engine/policy/condition_data.h"

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kDataSizeMax = 32'768;  // well below a line, so that it can be printed again

// RPC_PROTSEQ_* of rpcasync.h.
constexpr std::array<std::string_view, 5> kProtocols{"", "ncacn_ip_tcp", "ncacn_np", "ncalrpc",
                                                     "ncacn_http"};

struct SymbolicValue {
  Field field;
  std::string_view name;
  std::uint64_t number;
};

// Names of the platform's headers, which netsh does not know but people write.
constexpr SymbolicValue kSymbolicValues[] = {
    {Field::if_flag, "rpc_fw_if_flag_dcom", 1},
    {Field::ep_flags, "rpc_fw_if_flag_dcom", 1},
    {Field::auth_type, "rpc_c_authn_none", 0},
    {Field::auth_type, "rpc_c_authn_gss_negotiate", 9},
    {Field::auth_type, "rpc_c_authn_winnt", 10},
    {Field::auth_type, "rpc_c_authn_gss_schannel", 14},
    {Field::auth_type, "rpc_c_authn_gss_kerberos", 16},
    {Field::auth_type, "rpc_c_authn_digest", 21},
    {Field::auth_type, "rpc_c_authn_netlogon", 68},
    {Field::auth_level, "rpc_c_authn_level_default", 0},
    {Field::auth_level, "rpc_c_authn_level_none", 1},
    {Field::auth_level, "rpc_c_authn_level_connect", 2},
    {Field::auth_level, "rpc_c_authn_level_call", 3},
    {Field::auth_level, "rpc_c_authn_level_pkt", 4},
    {Field::auth_level, "rpc_c_authn_level_pkt_integrity", 5},
    {Field::auth_level, "rpc_c_authn_level_pkt_privacy", 6},
};

// Programs whose names begin with what netsh takes for its marker.
constexpr std::string_view kMarkerTraps[] = {
    "svchost.exe", "spoolsv.exe",  "services.exe", "smss.exe",        "sqlservr.exe", "system",
    "wininit.exe", "winlogon.exe", "wmiprvse.exe", "wsmprovhost.exe", "w3wp.exe",     "store.exe"};

struct Reading {
  Field field;
  const Word& word;
  Reporter& reporter;

  bool fail(std::string_view code, std::string message, std::string hint = {}) const {
    reporter.error(code, word.span(), std::move(message), std::move(hint));
    return false;
  }
};

enum class NumberStatus : std::uint8_t { ok, not_a_number, too_large };

NumberStatus parse_number(std::string_view text, std::uint64_t& number) noexcept {
  int base = 10;
  if (starts_with_ignoring_case(text, "0x")) {
    base = 16;
    text.remove_prefix(2);
  }
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (stop != end || text.empty()) return NumberStatus::not_a_number;
  if (error == std::errc::result_out_of_range) return NumberStatus::too_large;
  return error == std::errc() ? NumberStatus::ok : NumberStatus::not_a_number;
}

bool read_symbolic(const Reading& reading, std::uint64_t& number) {
  for (const SymbolicValue& row : kSymbolicValues) {
    if (row.field != reading.field || !equal_ignoring_case(reading.word.text, row.name)) continue;
    number = row.number;
    reading.reporter.warning("symbolic-value", reading.word.span(),
                             "netsh does not know the name " + quoted(reading.word.text),
                             "write " + quoted(std::to_string(number)));
    return true;
  }
  return false;
}

// What somebody who wrote no number may have meant by it.
std::string number_hint(const Reading& reading) {
  const std::string text = to_lower(reading.word.text);
  const std::string_view meant = text == "ntlm" ? std::string_view("winnt") : text;
  for (const SymbolicValue& row : kSymbolicValues) {
    const bool is_end = row.field == reading.field && row.name.ends_with(meant) &&
                        meant.size() < row.name.size() &&
                        row.name[row.name.size() - meant.size() - 1] == '_';
    if (is_end && !meant.empty()) return "did you mean `" + std::to_string(row.number) + "`?";
  }
  const bool is_several = text.find_first_not_of("0123456789,-") == std::string::npos &&
                          text.find_first_of(",-", 1) != std::string::npos;
  if (is_several) {
    return "a range wants `matchtype=range`, single values a condition each, next to each other";
  }
  return "`" + std::string(to_string(reading.field)) +
         "` is written in decimal, or in hexadecimal after `0x`";
}

bool read_number(const Reading& reading, std::uint64_t& number) {
  if (read_symbolic(reading, number)) return true;
  std::string_view text = reading.word.text;
  // One page documents a plain number, another the marker of a name before it.
  const bool marked = text.size() > 1 && (text.front() == 's' || text.front() == 'w');
  if (reading.field == Field::ep_value && marked) text.remove_prefix(1);
  const std::string name(to_string(reading.field));
  const std::uint64_t max = value_max(info(reading.field).type);
  switch (parse_number(text, number)) {
    case NumberStatus::not_a_number:
      return reading.fail("bad-number", quoted(reading.word.text) + " is not a number",
                          number_hint(reading));
    case NumberStatus::ok:
      if (number <= max) return true;
      [[fallthrough]];
    case NumberStatus::too_large: break;
  }
  return reading.fail("out-of-range", quoted(reading.word.text) + " is too large",
                      "the largest `" + name + "` is " + std::to_string(max));
}

bool read_protocol(const Reading& reading, std::uint64_t& number) {
  const std::string_view text = reading.word.text;
  for (std::size_t i = 1; i < kProtocols.size(); ++i) {
    if (equal_ignoring_case(text, kProtocols[i])) {
      number = i;
      return true;
    }
  }
  if (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    return read_number(reading, number);
  }
  std::string hint = "`ncacn_ip_tcp` or `ncacn_np`";
  if (starts_with_ignoring_case(text, "ncadg")) {
    hint = "netsh has no value for datagram RPC: `ncacn_ip_tcp` or `ncacn_np`";
  } else if (const std::string_view nearest = nearest_name(text, std::span(kProtocols).subspan(1));
             !nearest.empty()) {
    hint = "did you mean " + quoted(nearest) + "?";
  } else if (equal_ignoring_case(text, "tcp") || equal_ignoring_case(text, "np")) {
    hint = equal_ignoring_case(text, "np") ? "did you mean `ncacn_np`?"
                                           : "did you mean `ncacn_ip_tcp`?";
  }
  return reading.fail("unknown-protocol", "unknown protocol sequence " + quoted(text),
                      std::move(hint));
}

bool read_address(const Reading& reading, IpAddress& address) {
  const std::string& text = reading.word.text;
  const bool wants_v4 = info(reading.field).type == FieldType::address_v4;
  if (text.find('/') != std::string::npos) {
    return reading.fail("bad-address", "netsh has no notation for a subnet " + quoted(text),
                        "name its ends: `matchtype=range data=LOW-HIGH`");
  }
  if (const std::optional<IpAddress> parsed = parse_ip(text)) {
    address = *parsed;
    if (address.is_v4() == wants_v4) return true;
    return reading.fail(
        "bad-address", quoted(text) + " is an IPv" + (wants_v4 ? "6" : "4") + " address",
        std::string("IPv") + (wants_v4 ? "6" : "4") + " addresses belong into `" +
            (reading.field == Field::local_addr_v4 || reading.field == Field::local_addr_v6
                 ? "local"
                 : "remote") +
            "_addr_v" + (wants_v4 ? "6`" : "4`"));
  }
  std::uint64_t number = 0;
  const bool is_number = parse_number(text, number) == NumberStatus::ok && number <= 0xffff'ffff;
  if (wants_v4 && is_number) {
    address = IpAddress::v4(static_cast<std::uint32_t>(number));
    return true;
  }
  return reading.fail(
      "bad-address", quoted(text) + " is not an IPv" + (wants_v4 ? "4" : "6") + " address",
      wants_v4 ? "as in `0xC0A80101`, which is 192.168.1.1" : "in colon notation, as in `fe80::1`");
}

bool read_uuid_value(const Reading& reading, Uuid& uuid) {
  const std::optional<Uuid> parsed = read_uuid_text(reading.word.text);
  if (parsed) uuid = *parsed;
  return parsed || reading.fail("bad-uuid", quoted(reading.word.text) + " is not a UUID",
                                "as in `e3514235-4b06-11d1-ab04-00c04fc2dcd2`");
}

bool has_marker(Field field) noexcept {
  return field == Field::image_name || field == Field::server_name;
}

bool read_text(const Reading& reading, std::string& text) {
  text = reading.word.text;
  if (!has_marker(reading.field)) return true;
  const bool marked = text.front() == 's' || text.front() == 'w';
  const std::string name(to_string(reading.field));
  if (!marked) {
    reading.reporter.warning("missing-marker", reading.word.span(),
                             "`" + name + "` wants an `s` (ASCII) or `w` (Unicode) before the name",
                             "write " + quoted("s" + text));
    return true;
  }
  for (const std::string_view trap : kMarkerTraps) {
    if (!equal_ignoring_case(text, trap)) continue;
    reading.reporter.warning(
        "marker-in-name", reading.word.span(),
        "the first letter is taken as the marker: the condition is about " + quoted(trap.substr(1)),
        "write " + quoted("s" + text));
  }
  text.erase(0, 1);
  return !text.empty() || reading.fail("missing-value", "there is no name after the marker");
}

bool read_descriptor(const Reading& reading, SecurityDescriptor& descriptor) {
  SddlResult result = parse_sddl(reading.word.text);
  for (const SddlRemark& remark : result.remarks) {
    reading.reporter.warning("sddl-remark", reading.word.span(remark.offset, 1), remark.message);
  }
  descriptor = std::move(result.descriptor);
  if (result.ok) return true;
  reading.reporter.error("bad-sddl", reading.word.span(result.error_offset, 1), result.error,
                         "as in `D:(A;;CC;;;BA)`");
  return false;
}

// The two ends of a range: `low,high`, or `low-high` where the only `-` that is not inside an end
// is the one between them.
bool split_range(const Word& word, FieldType type, Word& low, Word& high, Reporter& reporter) {
  const std::string_view text = word.text;
  std::size_t at = text.find(',');
  bool clear = at != std::string_view::npos && text.find(',', at + 1) == std::string_view::npos;
  if (at == std::string_view::npos) {
    if (type == FieldType::uuid) {
      at = text.size() / 2;  // both ends are equally long
      clear = text.size() % 2 != 0 && text[at] == '-';
    } else {
      at = text.find('-');
      clear = at != std::string_view::npos && text.find('-', at + 1) == std::string_view::npos;
    }
  }
  if (!clear || at == 0 || at + 1 == text.size()) {
    reporter.error("bad-range", word.span(), quoted(text) + " is not a range",
                   "write both ends, as in `1-5` or `1,5`");
    return false;
  }
  low = word.slice(0, at);
  high = word.slice(at + 1, std::string::npos);
  return true;
}

template <typename Range, typename ReadEnd>
bool read_ends(Field field, const Word& low, const Word& high, bool is_range, ConditionData& data,
               Reporter& reporter, ReadEnd read_end) {
  Range range;
  if (!read_end(Reading{field, low, reporter}, range.low)) return false;
  range.high = range.low;
  if (is_range && !read_end(Reading{field, high, reporter}, range.high)) return false;
  if (range.high < range.low) {
    reporter.error("empty-range", low.span(),
                   "the range ends before it begins: " + quoted(low.text) + " is greater than " +
                       quoted(high.text),
                   "swap the ends");
    return false;
  }
  data = std::move(range);
  return true;
}

// A `%NAME%` that a template's user forgot to replace.
bool has_placeholder(std::string_view text) noexcept {
  const std::size_t first = text.find('%');
  return first != std::string_view::npos && text.find('%', first + 2) != std::string_view::npos;
}

}  // namespace

std::optional<Uuid> read_uuid_text(std::string_view text) noexcept {
  if (text.size() == kUuidTextSize + 2 && text.front() == '{' && text.back() == '}') {
    text = text.substr(1, kUuidTextSize);
  }
  return parse_uuid(text);
}

std::string_view protocol_name(std::uint64_t number) noexcept {
  return number < kProtocols.size() ? kProtocols[number] : std::string_view{};
}

bool read_condition_data(Field field, MatchType match, const Word& word, ConditionData& data,
                         Reporter& reporter) {
  const FieldType type = info(field).type;
  if (word.text.size() > kDataSizeMax) {
    return Reading{field, word, reporter}.fail(
        "value-too-long", "the value is longer than " + std::to_string(kDataSizeMax) + " bytes");
  }
  if (has_placeholder(word.text)) {
    return Reading{field, word, reporter}.fail(
        "unreplaced-variable", quoted(word.text) + " has a variable that was not replaced",
        "write its value");
  }
  if (type == FieldType::security_descriptor) {
    SecurityDescriptor descriptor;
    if (!read_descriptor({field, word, reporter}, descriptor)) return false;
    data = std::move(descriptor);
    return true;
  }
  const bool is_range = match == MatchType::range;
  Word low = word;
  Word high = word;
  if (is_range && !split_range(word, type, low, high, reporter)) return false;
  switch (type) {
    case FieldType::uuid:
      return read_ends<UuidRange>(field, low, high, is_range, data, reporter, read_uuid_value);
    case FieldType::address_v4:
    case FieldType::address_v6:
      return read_ends<AddressRange>(field, low, high, is_range, data, reporter, read_address);
    case FieldType::blob:
      return read_ends<TextRange>(field, low, high, is_range, data, reporter, read_text);
    case FieldType::protocol:
      return read_ends<NumberRange>(field, low, high, is_range, data, reporter, read_protocol);
    default: return read_ends<NumberRange>(field, low, high, is_range, data, reporter, read_number);
  }
}

}  // namespace rpcaudit::policy
