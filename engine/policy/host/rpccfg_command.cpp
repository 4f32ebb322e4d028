#include "engine/policy/host/rpccfg_command.h"

#include "engine/policy/host/registry_value.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

using Words = std::span<const Word>;

// Takes the ports behind a flag: `5001-5021`, several of them with blanks or commas between.
std::vector<Placed<PortRange>> take_ranges(Words& words, Reporter& reporter) {
  std::vector<Placed<PortRange>> ranges;
  while (!words.empty() && !words.front().text.starts_with('-')) {
    const Word& word = words.front();
    words = words.subspan(1);
    std::string_view rest = word.text;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      const std::string_view part = rest.substr(0, comma);
      const std::optional<PortRange> range = parse_port_range(part);
      if (range && range->low != 0) {
        ranges.push_back({*range, word.span()});
      } else {
        reporter.error("bad-port", word.span(), quoted(part) + " is no port and no range of ports",
                       "write `5001-5021`");
      }
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return ranges;
}

void note_contradiction(const std::vector<Placed<PortRange>>& earlier, const Policy& policy,
                        const SourceSpan& span, Reporter& reporter) {
  if (earlier.empty()) return;
  reporter.warning("contradicting-value", span,
                   "the ports are set at " + printable(source_text(policy, earlier.front().span)) +
                       " already; these count, as the last");
}

}  // namespace

void run_rpccfg(std::span<const Word> words, const SourceSpan& command, Policy& policy,
                Reporter& reporter) {
  PortSettings& ports = policy.host.ports;
  bool is_set = false;
  while (!words.empty()) {
    const Word& flag = words.front();
    words = words.subspan(1);
    const bool internet = equal_ignoring_case(flag.text, "-pe");
    if (internet || equal_ignoring_case(flag.text, "-pi")) {
      std::vector<Placed<PortRange>> ranges = take_ranges(words, reporter);
      if (ranges.empty()) {
        reporter.error("missing-value", flag.span(), quoted(flag.text) + " needs ports");
        continue;
      }
      note_contradiction(ports.ranges, policy, flag.span(), reporter);
      ports.ranges = std::move(ranges);
      ports.ports_are_internet = {internet, flag.span()};
      // Without -d the ports named are what is meant to be used.
      if (!is_set) ports.use_internet = {internet, flag.span()};
      is_set = true;
    } else if (equal_ignoring_case(flag.text, "-d")) {
      const bool has_value =
          !words.empty() && (words.front().text == "0" || words.front().text == "1");
      if (!has_value) {
        reporter.error("missing-value", flag.span(), "`-d` is followed by 0 or 1");
        continue;
      }
      // What -d means is not defined in the article, which writes `-d 0` to make the Internet
      // ports the default.
      ports.use_internet = {words.front().text == "0", words.front().span()};
      is_set = true;
      words = words.subspan(1);
    } else {
      return reporter.error("unknown-flag", flag.span(),
                            quoted(flag.text) + " of rpccfg is not known",
                            "known are -pe, -pi and -d; take the registry's values instead");
    }
  }
  if (!is_set) reporter.warning("no-ports", command, "the command sets nothing");
}

void run_dynamicport(std::span<const Word> words, const SourceSpan& command, Policy& policy,
                     Reporter& reporter) {
  const auto is = [&](std::size_t i, std::string_view text) {
    return i < words.size() && starts_with_ignoring_case(words[i].text, text);
  };
  const bool is_v4 = is(0, "ipv4") || (is(0, "ip") && words[0].text.size() == 2);
  if (!is_v4 || !is(1, "set") || !is(2, "dynamicport")) return;  // nothing of RPC
  std::uint64_t start = 0;
  std::uint64_t count = 0;
  for (const Word& word : words.subspan(3)) {
    const std::size_t equals = word.text.find('=');
    if (equals == std::string::npos) continue;
    const auto number = RegistryApplier::number_of(std::string_view(word.text).substr(equals + 1));
    if (starts_with_ignoring_case(word.text, "start")) start = number.value_or(0);
    if (starts_with_ignoring_case(word.text, "num")) count = number.value_or(0);
    if (starts_with_ignoring_case(word.text, "protocol=udp")) return;
  }
  if (is(3, "udp")) return;
  // Windows takes at least 255 ports, and none beyond the last.
  if (start < 1024 || count < 255 || start + count > 65'536) {
    return reporter.error("bad-port", command,
                          "a dynamic range has `start` from 1024 and `num` from "
                          "255 on, and ends at 65535 at most",
                          "write `start=49152 num=16384`");
  }
  policy.host.ports.system_range = {
      {static_cast<std::uint16_t>(start), static_cast<std::uint16_t>(start + count - 1)}, command};
}

}  // namespace rpcaudit::policy
