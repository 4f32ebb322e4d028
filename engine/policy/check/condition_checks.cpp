#include "engine/policy/check/condition_checks.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "engine/policy/check/overlap.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

// Trustees of whom a capture can tell: everyone, and those with or without a logon.
bool is_decidable(std::string_view trustee) noexcept {
  return trustee == "WD" || trustee == "AN" || trustee == "AU";
}

void check_visibility(const Condition& condition, Reporter& reporter) {
  std::string_view hint;
  switch (condition.field) {
    case Field::image_name: hint = "which program serves a call is known to the server only"; break;
    case Field::sec_encrypt_alg:
    case Field::sec_key_size: hint = "it is agreed inside the security package"; break;
    case Field::dcom_app_id:
      hint = "the class of an activation may, which a deployment's class table tells more of";
      break;
    default: return;
  }
  reporter.note("never-on-the-wire", condition.span,
                quoted(to_string(condition.field)) +
                    " never crosses the network: a call that depends on it is undecidable",
                std::string(hint));
}

void check_descriptor(const Condition& condition, Reporter& reporter) {
  const auto* descriptor = std::get_if<SecurityDescriptor>(&condition.data);
  if (descriptor == nullptr || !descriptor->has_dacl) return;
  const auto grants = [](const AccessEntry& entry) {
    return entry.allow && (entry.mask & kMatchFilterRight) != 0;
  };
  const auto& entries = descriptor->entries;
  if (std::none_of(entries.begin(), entries.end(), grants)) {
    return reporter.warning("sddl-never-matches", condition.span,
                            "no entry grants the right that a filter asks for: the condition "
                            "never matches",
                            "grant `CC`, as in `D:(A;;CC;;;BA)`");
  }
  const auto unseen = std::find_if(entries.begin(), entries.end(), [](const AccessEntry& entry) {
    return (entry.mask & kMatchFilterRight) != 0 && !is_decidable(entry.trustee);
  });
  if (unseen == entries.end()) return;
  reporter.note(
      "never-on-the-wire", condition.span,
      "whether the caller is " + quoted(unseen->trustee) +
          " never crosses the network: a call that depends on it is undecidable",
      "a capture tells `WD`, `AN` and `AU`; a deployment (`-c`) may tell the groups of users");
}

void check_address(const Condition& condition, Reporter& reporter) {
  const auto* address = std::get_if<AddressRange>(&condition.data);
  if (address == nullptr || !is_address(condition.field)) return;
  if (condition.match != MatchType::equal) {
    return reporter.note("address-order", condition.span,
                         "ranges and orders of addresses are reported not to work on Windows",
                         "name single addresses in adjacent conditions");
  }
  if (!address->low.is_v4() || condition.in_network_order) return;
  const std::uint32_t value = address->low.v4_value();
  const std::uint32_t swapped =
      value >> 24 | (value >> 8 & 0xff00) | (value << 8 & 0xff'0000) | value << 24;
  if (swapped == value) return;
  reporter.note("v4-byte-order", condition.span,
                "read as documented, " + to_string(address->low) +
                    "; on Windows the number is believed to match " +
                    to_string(IpAddress::v4(swapped)),
                "tools that set such conditions store the address in network order, and one says "
                "that netsh does not support them at all; name it in both orders, and look whether "
                "`show filter` has the filter");
}

void check_pipe(const Condition& condition, Reporter& reporter) {
  const auto* text = std::get_if<TextRange>(&condition.data);
  if (condition.field != Field::pipe || text == nullptr) return;
  constexpr std::string_view kPrefix = "\\PIPE\\";
  const std::string_view pipe = text->low;
  if (!starts_with_ignoring_case(pipe, kPrefix)) {
    return reporter.warning("pipe-prefix", condition.span,
                            quoted(pipe) + " does not begin with `\\PIPE\\`",
                            "the whole endpoint is compared, as in `\\PIPE\\winreg`");
  }
  if (to_lower(pipe.substr(kPrefix.size())) == pipe.substr(kPrefix.size())) return;
  reporter.warning(
      "pipe-case", condition.span,
      "Windows compares the names of pipes byte by byte, and servers register them in lower "
      "case",
      "write " + quoted(std::string(kPrefix) + to_lower(pipe.substr(kPrefix.size()))));
}

void check_protocol(const Condition& condition, Reporter& reporter) {
  const auto* number = std::get_if<NumberRange>(&condition.data);
  if (condition.field != Field::protocol || number == nullptr) return;
  if (condition.match != MatchType::equal || number->low == 1 || number->low == 2) return;
  reporter.note("protocol-not-documented", condition.span,
                "netsh is documented to know `ncacn_ip_tcp` and `ncacn_np` only",
                "test on a server whether it is taken");
}

void check_opnum(const Condition& condition, Reporter& reporter) {
  if (condition.field != Field::opnum) return;
  reporter.note("opnum-version", condition.span,
                "`opnum` counts from Windows 11 24H2 and Windows Server 2025 on",
                "Windows Server 2019, 2022 and Windows 10 ignore the condition, which makes the "
                "filter broader; their first builds and Server 2016 refuse it");
}

void check_truth(const Condition& condition, Reporter& reporter) {
  if (never_holds(condition)) {
    reporter.warning("never-matches", condition.span, "no value meets the condition",
                     "correct the data, or remove the filter");
  } else if (always_holds(condition)) {
    reporter.warning("always-matches", condition.span, "every value meets the condition",
                     "correct the data, or remove the condition");
  }
}

}  // namespace

void check_condition(const Condition& condition, Reporter& reporter) {
  check_visibility(condition, reporter);
  check_descriptor(condition, reporter);
  check_address(condition, reporter);
  check_pipe(condition, reporter);
  check_protocol(condition, reporter);
  check_opnum(condition, reporter);
  check_truth(condition, reporter);
}

}  // namespace rpcaudit::policy
