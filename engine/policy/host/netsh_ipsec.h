#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// Runs commands of `netsh ipsec static` (Windows Server 2003 and later): policies whose rules join
// a list of filters and an action, each of which has a command and a name of its own. What they add
// up to becomes policies of the settings when the file has ended.
class NetshIpsec {
 public:
  static constexpr std::size_t kFiltersMax = 100'000;  // of all lists
  static constexpr std::size_t kNamesMax = 4096;       // of policies, lists, actions, rules: each

  // Both are borrowed.
  NetshIpsec(Policy& policy, Reporter& reporter) : policy_(policy), reporter_(reporter) {}

  // `words` are those behind `ipsec static`.
  void run(std::span<const Word> words, const SourceSpan& command);
  void finish();

 private:
  struct Tags;
  struct FilterList {
    std::string name;
    std::vector<IpsecFilter> filters;
  };
  struct NamedAction {
    std::string name;
    IpsecAction action = IpsecAction::block;
  };
  struct Rule {
    std::string name;
    std::string policy;
    std::string filter_list;
    std::string action;
    SourceSpan span;
  };
  struct NamedPolicy {
    std::string name;
    bool assigned = false;
    bool ever_assigned = false;
    SourceSpan span;
  };

  void add(std::string_view object, const Tags& tags, const SourceSpan& command);
  void add_filter(const Tags& tags, const SourceSpan& command);
  void add_action(const Tags& tags, const SourceSpan& command);
  void set_policy(const Tags& tags, const SourceSpan& command);
  void assign(NamedPolicy& policy, bool assigned);
  void remove(std::string_view object, const Tags& tags);
  void remove_all();
  [[nodiscard]] IpsecRule rule_of(const Rule& rule);

  Policy& policy_;
  Reporter& reporter_;
  std::vector<FilterList> lists_;
  std::vector<NamedAction> actions_;
  std::vector<Rule> rules_;
  std::vector<NamedPolicy> policies_;
  std::size_t filter_count_ = 0;
};

}  // namespace rpcaudit::policy
