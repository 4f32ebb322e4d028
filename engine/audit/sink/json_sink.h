#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/audit/catalogue/attack_techniques.h"
#include "engine/audit/event/event_sink.h"
#include "engine/audit/event/slot_pool.h"
#include "engine/audit/sink/json_line.h"
#include "engine/audit/sink/policy_members.h"
#include "engine/audit/sink/record_values.h"
#include "engine/audit/text/community_id.h"
#include "engine/audit/text/rfc3339.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::audit {

// Events as JSON Lines, in the form that README.md describes.
//
// What the records of a context share is rendered once and kept; a call adds its own numbers. Does
// not allocate in the steady state.
class JsonSink : public EventSink {
 public:
  // Borrows `out`; `policies` may be null. `contexts_max` bounds ContextInfo::slot.
  // All records have `marks`, and the name of their input under `input_key`, a literal.
  JsonSink(OutputBuffer& out, const evaluate::ServerPolicies* policies, InputName input_name,
           std::size_t contexts_max, const RecordMarks& marks = {},
           std::string_view input_key = "pcap");

  void on_approach(std::uint32_t context_slot) noexcept override;
  void on_context(const ContextInfo& context, const IdentityText& identity) override;
  void on_refused_context(const ContextInfo& context, const RefusedContext& refused,
                          const IdentityText& identity) override;
  void on_connection(const ConnectionEvent& connection) override;
  void on_call(const ContextInfo& context, const CallEvent& call,
               const IdentityText& identity) override;
  void on_repeats(const ContextInfo& context, const CallEvent& call, const IdentityText& identity,
                  const Repeats& repeats) override;
  void on_blindness(const dissect::Blindness& blindness) override;
  void on_statistics(const StatisticsEvent& statistics) override;
  void on_policies(const PoliciesEvent& policies) override;
  void flush() override { out_.flush(); }

 private:
  // Members that all records of a context have in common.
  struct Shared {
    std::uint32_t generation = 0;
    std::uint32_t input = 0;
    bool rendered = false;
    std::size_t transport_size = 0;            // of `members` up to the interface
    std::string members;                       // "src_ip" .. "rpc":{"transport" .. "interface_name"
    std::string pipe;                          // "pipe":"...", or nothing
    std::span<const AttackOperation> attacks;  // that the interface serves
  };

  [[nodiscard]] const Shared& shared(const ContextInfo& context, std::uint32_t input);
  [[nodiscard]] const Shared& shared(const ContextInfo& context, const CallEvent& call);
  void render(const ContextInfo& context, std::uint32_t input, std::uint64_t flow, Shared& shared);
  void append_flow(std::string& out, const Endpoint& client, const Endpoint& server,
                   std::string_view proto, std::uint32_t input);
  void write_time(JsonLine& line, std::string_view key, Timestamp time);
  void write_head(JsonLine& line, const dissect::FrameReference& frame,
                  std::string_view event_type);
  void write_security(JsonLine& line, const ContextInfo& context,
                      const std::optional<dissect::AuthNumbers>& auth,
                      const IdentityText& identity);
  void write_announced(JsonLine& line, const AnnouncedInterfaces& announced);
  void write_question(JsonLine& line, const ContextInfo& context, const CallEvent& call,
                      const IdentityText& identity);
  // All of a call's record; the line stays open.
  void write_call(JsonLine& line, const ContextInfo& context, const CallEvent& call,
                  const IdentityText& identity);
  void write_outcome(JsonLine& line, const CallEvent& call);
  void write_proposal(JsonLine& line, const ContextInfo& context, const IdentityText& identity);
  void write_policies(JsonLine& line, bool with_filters) const;
  // What decided, by a control other than the RPC filters, and the deployment.
  void write_decision(JsonLine& line, const PolicyMembers& policy, evaluate::VerdictAction action,
                      evaluate::Control control, const evaluate::ControlVerdict& decided);
  void write_verdict(JsonLine& line, const ContextInfo& context, const CallEvent& call,
                     bool serves_attacks);

  OutputBuffer& out_;
  std::string head_;  // "schema":1,"sensor":"...","run":"..."
  InputName input_name_;
  std::string_view input_key_;
  Rfc3339Writer time_;
  CommunityId community_id_;
  SlotTable<Shared> shared_;
  std::vector<PolicyMembers> policies_;  // by index in the ServerPolicies
  std::size_t current_policies_ = 0;     // the first that judges now
  std::uint32_t approached_ = kNoSlot;   // the context that was announced before
  Shared detour_;                        // of a call that went another way than its context
  std::string scratch_;
};

}  // namespace rpcaudit::audit
