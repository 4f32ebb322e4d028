#include <cstdio>
#include <limits>
#include <string>

#include "engine/evaluate/filters/program.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::evaluate {
namespace {

constexpr std::uint64_t kNoUpperBound = std::numeric_limits<std::uint64_t>::max();

std::string hex(std::uint64_t value) {
  std::array<char, 20> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(value));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string number_text(policy::Field field, std::uint64_t value) {
  if (info(field).type != policy::FieldType::address_v4) return std::to_string(value);
  return to_string(IpAddress::v4(static_cast<std::uint32_t>(value)));
}

std::string wide_text(policy::Field field, const Uint128& wide) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::uint8_t>(wide.high >> (56 - 8 * i));
    bytes[i + 8] = static_cast<std::uint8_t>(wide.low >> (56 - 8 * i));
  }
  return info(field).type == policy::FieldType::uuid ? to_string(Uuid{bytes})
                                                     : to_string(IpAddress{bytes});
}

// `low..high`, with an end left out that does not bound, one value alone, or `nothing`.
template <typename T, typename Text>
std::string range_text(const T& low, const T& high, const T& max, Text text) {
  if (low > high) return "nothing";
  if (low == high) return text(low);
  return (low == T{} ? std::string() : text(low)) + ".." +
         (high == max ? std::string() : text(high));
}

// The truth for anonymous no, unknown, yes; in each for authenticated no, unknown, yes.
std::string caller_text(std::uint64_t truths) {
  std::string text = "caller ";
  for (unsigned state = 0; state < 9; ++state) {
    if (state == 3 || state == 6) text += ' ';
    text += "-?+"[static_cast<std::size_t>(caller_truth(truths, state))];
  }
  return text;
}

std::string text_test_text(const Program& program, const ValueTest& test) {
  std::string text =
      test.match == policy::MatchType::equal ? "" : std::string(to_string(test.match)) + ' ';
  text += policy::quoted(program.texts[test.index]);
  if (test.match == policy::MatchType::range)
    text += ".." + policy::quoted(program.texts[test.index + 1]);
  return text;
}

std::string test_text(const Program& program, policy::Field field, const ValueTest& test) {
  switch (test.kind) {
    case ValueTest::Kind::unknown: return "?";
    case ValueTest::Kind::all_set: return "all_set " + hex(test.low);
    case ValueTest::Kind::any_set: return "any_set " + hex(test.low);
    case ValueTest::Kind::none_set: return "none_set " + hex(test.low);
    case ValueTest::Kind::number:
      return (test.swapped ? "swapped " : "") +
             range_text(test.low, test.high, kNoUpperBound,
                        [field](std::uint64_t value) { return number_text(field, value); });
    case ValueTest::Kind::uint128:
      return range_text(program.uint128s[test.index], program.uint128s[test.index + 1],
                        Uint128{kNoUpperBound, kNoUpperBound},
                        [field](const Uint128& value) { return wide_text(field, value); });
    case ValueTest::Kind::text: return text_test_text(program, test);
    case ValueTest::Kind::caller: return caller_text(test.low);
  }
  return {};
}

std::string run_text(const Program& program, const Run& run) {
  std::string text(to_string(run.field));
  for (std::uint32_t i = 0; i < run.test_count; ++i) {
    text += i == 0 ? " " : " or ";
    text += test_text(program, run.field, program.tests[run.first_test + i]);
  }
  return text;
}

std::string rule_text(const Program& program, const Rule& rule) {
  std::string text = std::to_string(rule.filter) + ' ' + std::string(to_string(rule.action));
  if (rule.audit) text += " audit";
  if (rule.enforcer == policy::Enforcer::rpc_firewall) text += " rpc_firewall";
  const std::uint32_t run_count = rule.context_runs + rule.call_runs;
  for (std::uint32_t i = 0; i < run_count; ++i) {
    if (i == 0 && rule.context_runs != 0) text += ':';
    if (i == rule.context_runs) text += " | per call:";
    if (i != 0 && i != rule.context_runs) text += ',';
    text += ' ' + run_text(program, program.runs[rule.first_run + i]);
  }
  if (rule.unseen == 0) return text;
  text += " | unseen:";
  for (std::size_t i = 0; i < policy::kFieldCount; ++i) {
    const auto field = static_cast<policy::Field>(i);
    if ((rule.unseen & field_bit(field)) != 0) text += ' ' + std::string(to_string(field));
  }
  return text;
}

std::string index_text(const RankIndex& index, const char* values) {
  return std::to_string(index.place_count()) + " places under " +
         std::to_string(index.value_count()) + ' ' + values;
}

}  // namespace

std::string program_text(const Program& program) {
  std::string text;
  for (const Rule& rule : program.rules) text += rule_text(program, rule) + '\n';
  text += "index: " + index_text(program.by_interface, "interfaces") + ", " +
          index_text(program.by_client, "clients") + ", " +
          std::to_string(program.other_ranks.size()) + " under neither\n";
  return text;
}

}  // namespace rpcaudit::evaluate
