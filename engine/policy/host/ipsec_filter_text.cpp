#include "engine/policy/host/ipsec_filter_text.h"

#include <bit>
#include <charconv>
#include <optional>

#include "dissect/endpoint.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::uint32_t kHostMask = 0xffff'ffff;

template <typename Number>
std::optional<Number> number_of(std::string_view text) noexcept {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end || text.empty()) return std::nullopt;
  return number;
}

std::optional<std::uint32_t> parse_v4(std::string_view text) noexcept {
  const std::optional<IpAddress> address = parse_ip(text);
  if (!address || !address->is_v4()) return std::nullopt;
  return address->v4_value();
}

// `144.92.*.*`: stars in the last octets only.
bool parse_wildcard(std::string_view text, IpsecAddress& side) noexcept {
  std::uint32_t value = 0;
  std::uint32_t mask = 0;
  bool open = false;
  for (int octet = 0; octet < 4; ++octet) {
    const std::size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (octet == 3)) return false;
    const std::string_view part = text.substr(0, dot);
    const auto number = number_of<std::uint8_t>(part);
    open = open || part == "*";
    if (open ? part != "*" : !number) return false;
    value = value << 8 | (open ? 0u : std::uint32_t{*number});
    mask = mask << 8 | (open ? 0u : 0xffu);
    text = octet == 3 ? std::string_view() : text.substr(dot + 1);
  }
  side.value = value;
  side.mask = mask;
  return true;
}

// IANA protocol numbers by the names that the tools take.
std::optional<std::uint8_t> parse_protocol(std::string_view text) noexcept {
  constexpr std::pair<std::string_view, std::uint8_t> kNames[] = {
      {"ICMP", 1}, {"TCP", 6}, {"UDP", 17}, {"RAW", 255}};
  for (const auto& [name, number] : kNames) {
    if (equal_ignoring_case(name, text)) return number;
  }
  return number_of<std::uint8_t>(text);
}

class FilterReader {
 public:
  FilterReader(const Word& word, IpsecFilter& filter, Reporter& reporter)
      : word_(word), text_(word.text), filter_(filter), reporter_(reporter) {}

  [[nodiscard]] bool read() {
    filter_.text = text_;
    filter_.span = word_.span();
    const std::size_t middle = text_.find_first_of("=+");
    if (middle == std::string_view::npos) {
      return fail(text_, "has neither `=` nor `+` between its two sides",
                  "write `*=0:135:TCP`, or `*+0:135:TCP` for both directions");
    }
    filter_.mirrored = text_[middle] == '+';
    if (!read_side(text_.substr(0, middle), filter_.source, false)) return false;
    return read_side(text_.substr(middle + 1), filter_.destination, true);
  }

 private:
  bool fail(std::string_view part, std::string_view what, std::string hint = {}) {
    const std::size_t at = part.empty() ? 0 : static_cast<std::size_t>(part.data() - text_.data());
    reporter_.error("bad-ipsec-filter", word_.span(at, part.size()),
                    quoted(part.empty() ? text_ : part) + " " + std::string(what), std::move(hint));
    return false;
  }

  // `address/mask:port`, and behind the destination `:protocol`.
  bool read_side(std::string_view side, IpsecAddress& out, bool is_destination) {
    const std::size_t colon = side.find(':');
    if (!read_address(side.substr(0, colon), out)) return false;
    if (colon == std::string_view::npos) return true;
    std::string_view rest = side.substr(colon + 1);
    const std::size_t second = rest.find(':');
    if (!read_port(rest.substr(0, second), out)) return false;
    if (second == std::string_view::npos) return true;
    if (!is_destination) return fail(rest, "names a protocol before the destination");
    rest.remove_prefix(second + 1);
    if (rest.empty()) return true;  // any
    const auto protocol = parse_protocol(rest);
    if (!protocol) return fail(rest, "is no protocol", "TCP, UDP, ICMP, RAW or a number");
    filter_.protocol = *protocol;
    return true;
  }

  bool read_port(std::string_view text, IpsecAddress& out) {
    if (text.empty() || text == "*") return true;
    if (text.front() == '%') return fail(text, "is a place to fill in", "give the port's number");
    const auto port = number_of<std::uint16_t>(text);
    if (!port) return fail(text, "is no port", "ranges are not possible: one filter for each port");
    out.port = *port;
    return true;
  }

  bool read_address(std::string_view text, IpsecAddress& out) {
    const std::size_t slash = text.find('/');
    const std::string_view address = text.substr(0, slash);
    if (address.empty()) return fail(text, "has no address", "`*` is any, `0` this host");
    if (text.find('%') != std::string_view::npos) {
      return fail(text, "is a place to fill in", "give the subnet and its mask");
    }
    const bool has_mask = slash != std::string_view::npos;
    if (address == "0") {
      out.is_me = true;
      if (!has_mask || text.substr(slash + 1) == "255.255.255.255") return true;
      return fail(text, "is this host, and has no other mask");
    }
    if (address == "*") {
      return !has_mask || fail(text, "is any address, and has no mask");
    }
    if (address.find('*') != std::string_view::npos) {
      if (has_mask || !parse_wildcard(address, out)) {
        return fail(text, "is no address", "stars stand for whole octets, at the end");
      }
      return true;
    }
    const auto value = parse_v4(address);
    if (!value) {
      const bool is_v6 = address.find(':') != std::string_view::npos;
      return fail(address, is_v6 ? "is no IPv4 address" : "is no address",
                  "names are looked up when the policy is made; write the address itself");
    }
    out.value = *value;
    out.mask = kHostMask;
    return !has_mask || read_mask(text.substr(slash + 1), text, out);
  }

  bool read_mask(std::string_view text, std::string_view whole, IpsecAddress& out) {
    const auto dotted = parse_v4(text);
    const auto prefix = number_of<std::uint8_t>(text);
    if (dotted) {
      out.mask = *dotted;
    } else if (prefix && *prefix <= 32) {
      out.mask = *prefix == 0 ? 0 : kHostMask << (32 - *prefix);
      reporter_.warning("prefix-length", span_of(text),
                        "the tools are documented to take a dotted mask, not a prefix length");
    } else {
      return fail(text, "is no mask", "write `255.255.255.0`");
    }
    const std::uint32_t inverse = ~out.mask;
    if ((inverse & (inverse + 1)) != 0) {
      reporter_.warning("mask-with-holes", span_of(text),
                        quoted(text) + " is no mask of a subnet: its bits do not stand together");
    }
    if ((out.value & inverse) != 0) {
      reporter_.warning("host-bits", span_of(whole),
                        quoted(whole) + " has bits beyond its mask; they do not count");
      out.value &= out.mask;
    }
    return true;
  }

  [[nodiscard]] SourceSpan span_of(std::string_view part) const noexcept {
    return word_.span(static_cast<std::size_t>(part.data() - text_.data()), part.size());
  }

  const Word& word_;
  std::string_view text_;
  IpsecFilter& filter_;
  Reporter& reporter_;
};

}  // namespace

bool read_ipsec_filter(const Word& word, IpsecFilter& filter, Reporter& reporter) {
  return FilterReader(word, filter, reporter).read();
}

}  // namespace rpcaudit::policy
