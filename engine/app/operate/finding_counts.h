#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "engine/app/operate/live_status.h"
#include "engine/audit/event/event_sink.h"

namespace rpcaudit::app {

// Counts the calls that somebody has to hear of by the rule that decided, and by the fields that
// were not seen. It is told what every other sink is told, on the thread that writes records.
class FindingCounts : public audit::EventSink {
 public:
  // Rules beyond so many are counted together, under kOtherRules.
  static constexpr std::size_t kRulesMax = 500;
  static constexpr const char* kOtherRules = "(others)";

  // Policies may be null: then nothing is judged.
  explicit FindingCounts(const evaluate::ServerPolicies* policies) : policies_(policies) {}

  void on_context(const audit::ContextInfo&, const audit::IdentityText&) override {}
  void on_refused_context(const audit::ContextInfo&, const audit::RefusedContext&,
                          const audit::IdentityText&) override {}
  void on_connection(const audit::ConnectionEvent&) override {}
  void on_call(const audit::ContextInfo& context, const audit::CallEvent& call,
               const audit::IdentityText& identity) override;
  void on_blindness(const dissect::Blindness&) override {}
  void on_statistics(const audit::StatisticsEvent&) override {}
  void on_policies(const audit::PoliciesEvent& policies) override {
    policies_ = policies.policies;
    by_filter_.clear();
  }

  [[nodiscard]] FindingStatus status() const;

 private:
  using Actions = std::array<std::uint64_t, evaluate::kVerdictActionCount>;

  Actions& actions_of(const audit::CallEvent& call);

  const evaluate::ServerPolicies* policies_;
  // By name, so that a rule goes on counting when policies are read anew.
  std::map<std::string, Actions> rules_;
  // By policy and filter: names are made once. Entries of rules_ stay where they are.
  std::map<std::pair<std::uint32_t, std::uint32_t>, Actions*> by_filter_;
  std::array<std::uint64_t, policy::kFieldCount> fields_{};
};

}  // namespace rpcaudit::app
