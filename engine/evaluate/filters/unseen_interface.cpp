#include <string>
#include <unordered_set>
#include <utility>

#include "engine/evaluate/filters/program.h"

namespace rpcaudit::evaluate {
namespace {

void append(std::string& key, std::uint64_t value) {
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append(std::string& key, const Program& program, const ValueTest& test) {
  append(key, static_cast<std::uint64_t>(test.kind));
  append(key, static_cast<std::uint64_t>(test.match));
  append(key, test.swapped ? 1 : 0);
  append(key, test.low);
  append(key, test.high);
  if (test.kind == ValueTest::Kind::caller) {  // no access check looks at more than the entries
    const policy::SecurityDescriptor& descriptor = *program.descriptors[test.index];
    append(key, descriptor.has_dacl ? 1 : 0);
    append(key, descriptor.entries.size());
    for (const policy::AccessEntry& entry : descriptor.entries) {
      append(key, (entry.allow ? 1u : 0u) | (entry.conditional ? 2u : 0u));
      append(key, entry.mask);
      append(key, entry.trustee.size());
      key += entry.trustee;
    }
  }
  for (std::uint32_t i = test.index; i < test.index + 2; ++i) {
    if (test.kind == ValueTest::Kind::uint128) {
      append(key, program.uint128s[i].high);
      append(key, program.uint128s[i].low);
    } else if (test.kind == ValueTest::Kind::text) {
      append(key, program.texts[i].size());
      key += program.texts[i];
    }
  }
}

// Everything about a rule but its runs on the interface. Equal keys mean equal truths and equal
// unseen fields in every context that lacks its interface. Empty without such a run.
std::string key_without_interface(const Program& program, const Rule& rule) {
  std::string key;
  bool names_interface = false;
  append(key, rule.unseen);
  for (std::uint32_t i = 0; i < rule.context_runs + rule.call_runs; ++i) {
    const Run& run = program.runs[rule.first_run + i];
    if (run.field == policy::Field::if_uuid) {
      names_interface = true;
      continue;
    }
    append(key, static_cast<std::uint64_t>(run.field));
    append(key, run.test_count);
    for (std::uint32_t j = 0; j < run.test_count; ++j) {
      append(key, program, program.tests[run.first_test + j]);
    }
  }
  return names_interface ? key : std::string();
}

}  // namespace

// Among neighbours with one action the order does not matter, and a rule that is like one before
// it adds nothing.
std::vector<std::uint32_t> ranks_without_interface(const Program& program) {
  std::vector<std::uint32_t> ranks;
  std::unordered_set<std::string> seen;
  std::uint64_t neighbourhood = 0;
  for (std::uint32_t rank = 0; rank < program.rules.size(); ++rank) {
    const Rule& rule = program.rules[rank];
    const Rule& before = program.rules[rank == 0 ? 0 : rank - 1];
    const bool is_like_before =
        before.action == rule.action && before.sublayer() == rule.sublayer();
    if (!is_like_before) ++neighbourhood;
    std::string key = key_without_interface(program, rule);
    if (!key.empty()) append(key, neighbourhood);
    if (key.empty() || seen.insert(std::move(key)).second) ranks.push_back(rank);
  }
  return ranks;
}

}  // namespace rpcaudit::evaluate
