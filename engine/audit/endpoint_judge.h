#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "dissect/rpc_observer.h"
#include "engine/audit/call_judge.h"
#include "engine/audit/event/epm_listing.h"
#include "engine/audit/tally/lookup_chain.h"

namespace rpcaudit::audit {

// What filters of layer epmap see of a question: the interface that it asks for, and of everything
// else the facts of the look-up itself.
[[nodiscard]] evaluate::ContextFacts mapper_facts(
    evaluate::ContextFacts lookup,
    const std::optional<dissect::EndpointQuestion>& question) noexcept;

// The policy without what is judged beside its filters, which keep their indices.
[[nodiscard]] std::unique_ptr<const policy::Policy> filters_of(const policy::Policy& policy);

// Judges what is asked of endpoint mappers by the filters of layer epmap: their interface is the
// one asked for, everything else is the look-up's own. The layers do not arbitrate between each
// other; who is stopped at either of them does not get an answer.
class EndpointJudge : public ListingFilter {
 public:
  // Borrows the policies; keeps copies of their filters.
  explicit EndpointJudge(const evaluate::ServerPolicies& policies);

  // Whether any policy has such filters.
  [[nodiscard]] bool has_filters() const noexcept { return has_filters_; }

  // Adds to the verdict of layer um on a call with a question, or on one that may have one in
  // another reading of the wire, what layer epmap says; nothing where the policy has no such
  // filters.
  void add_to(Judgement& judgement, const dissect::RpcContext& context,
              const dissect::RpcCall& call);

  // What is to be kept of a look-up that the policy judged.
  [[nodiscard]] EpmListing listing(std::uint32_t policy, const dissect::RpcContext& context,
                                   const dissect::RpcCall& call) const;
  [[nodiscard]] std::uint32_t blocks(const EpmListing& listing,
                                     const dissect::SyntaxId& interface) override;

 private:
  // What layer epmap of one policy needs.
  struct AtMapper {
    std::unique_ptr<const policy::Policy> policy;  // its filters alone
    std::optional<evaluate::CompiledPolicy> compiled;
    std::optional<evaluate::TargetSurvey> survey;
  };

  // What the look-up itself shows, and what is known of its caller besides.
  [[nodiscard]] evaluate::CallFacts facts_of(std::uint32_t policy,
                                             const dissect::RpcContext& context,
                                             const dissect::RpcCall& call) const;

  const evaluate::ServerPolicies& policies_;
  std::vector<AtMapper> at_mapper_;  // by index into the ServerPolicies
  evaluate::NarrowedPolicy narrowed_;
  std::vector<evaluate::NarrowedPolicy> variants_;
  bool has_filters_ = false;
};

}  // namespace rpcaudit::audit
