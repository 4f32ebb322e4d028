#pragma once

#include <string>
#include <vector>

#include "engine/evaluate/evaluation_options.h"
#include "engine/evaluate/facts.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/policy.h"

namespace rpcaudit::evaluate {

// How one condition fared.
struct ConditionFinding {
  std::size_t condition = 0;  // index into Filter::conditions
  Truth truth = Truth::unknown;
  std::string seen;  // the fact as text, or `not on the wire`
  std::string note;  // near match, reading that differs, ...; may be empty
};

// How one filter of the layer fared, in order of evaluation.
struct FilterFinding {
  std::uint32_t filter = 0;
  std::uint64_t weight = 0;  // see filter_weight.h
  Truth truth = Truth::unknown;
  bool decided = false;
  std::vector<ConditionFinding> conditions;
  std::string note;  // why it did not decide: outweighed, not reached, other layer, ...
};

// How one control besides the filters fared.
struct ControlFinding {
  Control control = Control::none;
  ControlAction action = ControlAction::not_judged;
  std::string row;     // of its decision table, or the IPsec rule
  std::string reason;  // in words, with the place in the policy
};

struct Explanation {
  Verdict verdict;
  // Of the controls that judge, in the order in which a call meets them.
  std::vector<ControlFinding> controls;
  std::vector<FilterFinding> filters;
  std::vector<std::string> notes;      // other readings and what they would give
  std::vector<std::string> sublayers;  // what each gives alone, where there are several
  std::vector<std::string> targets;    // rows of the target table that would change the action
};

// The slow, obvious evaluator: walks the policy as written. It is the definition of what a policy
// means, and the oracle that the fast one is tested against.
[[nodiscard]] Explanation explain(const policy::Policy& policy, const EvaluationOptions& asked,
                                  const ContextFacts& context, const CallFacts& call);

}  // namespace rpcaudit::evaluate
