#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// Runs commands of ipsecpol.exe and ipseccmd.exe on a policy, as the tools act on the registry
// (Windows 2000 Resource Kit, `ipsecpol`; Microsoft's article on restricting RPC ports). Flags may
// stand in any order.
class IpsecCommands {
 public:
  static constexpr std::size_t kFiltersMax = 100'000;  // of all rules
  static constexpr std::size_t kPoliciesMax = 256;
  static constexpr std::size_t kRulesMax = 4096;  // of one policy

  // Both are borrowed.
  IpsecCommands(Policy& policy, Reporter& reporter) : policy_(policy), reporter_(reporter) {}

  // `words` are those after the program's name.
  void run(std::span<const Word> words, const SourceSpan& command);

 private:
  // A command as its flags.
  struct Flags {
    const Word* store = nullptr;   // -w
    const Word* policy = nullptr;  // -p
    const Word* rule = nullptr;    // -r
    std::vector<const Word*> filters;
    std::vector<const Word*> actions;  // -n
    const Word* assign = nullptr;
    const Word* unassign = nullptr;
    const Word* remove = nullptr;
    const Word* remove_dynamic = nullptr;
    const Word* tunnel = nullptr;
    bool is_help = false;
  };

  [[nodiscard]] bool read_flags(std::span<const Word> words, Flags& flags);
  [[nodiscard]] bool take_value(std::span<const Word>& words, const Word*& value, const Word& flag);
  void take_list(std::span<const Word>& words, std::vector<const Word*>& list);
  [[nodiscard]] bool check_variables(const Flags& flags);
  void add_rule(const Flags& flags, const SourceSpan& command);
  void add_filters(const Flags& flags, IpsecRule& rule);
  [[nodiscard]] IpsecAction action_of(const Flags& flags);
  [[nodiscard]] IpsecPolicy* find(std::string_view name);
  // The policy that the flags name; null, with an error, where there are too many.
  [[nodiscard]] IpsecPolicy* find_or_add(const Flags& flags, const SourceSpan& command);
  void assign(IpsecPolicy& policy, const Word& flag);
  void act_on_policy(const Flags& flags, const SourceSpan& command);

  Policy& policy_;
  Reporter& reporter_;
  std::size_t filter_count_ = 0;
};

// The name that a policy's flag gives: without the polling interval after its last colon.
[[nodiscard]] std::string ipsec_policy_name(std::string_view text);

}  // namespace rpcaudit::policy
