#include "engine/audit/sink/control_members.h"

#include "engine/audit/text/text_encoding.h"
#include "engine/evaluate/controls/control_text.h"

namespace rpcaudit::audit {
namespace {

void append_member(std::string& out, std::string_view key, std::string_view value) {
  if (!out.empty()) out.push_back(',');
  out.push_back('"');
  out.append(key).append("\":\"");
  append_json_escaped(out, value);
  out.push_back('"');
}

}  // namespace

ControlMembers::ControlMembers(const policy::Policy& policy) {
  const evaluate::ControlText text(policy);
  evaluate::ControlVerdict verdict;
  for (std::uint32_t item = 0; item < text.controls().ipsec().size(); ++item) {
    verdict.item = item;
    std::string& out = ipsec_.emplace_back();
    const std::string_view rule = text.row(evaluate::Control::ipsec, verdict);
    if (!rule.empty()) append_member(out, "rule", rule);
    append_member(out, "source", text.source(evaluate::Control::ipsec, verdict));
  }
  for (std::uint32_t item = 0; item < text.controls().registrations().size(); ++item) {
    verdict.item = item;
    std::string& out = registrations_.emplace_back();
    const std::string source = text.source(evaluate::Control::interface_registration, verdict);
    if (!source.empty()) append_member(out, "source", source);
  }
  const auto setting = text.controls().restrict_remote_clients();
  if (!setting) return;
  remote_clients_ = "\"value\":" + std::to_string(static_cast<unsigned>(*setting));
  const std::string source = text.source(evaluate::Control::restrict_remote_clients, {});
  if (!source.empty()) append_member(remote_clients_, "source", source);
}

void ControlMembers::write(JsonLine& line, evaluate::Control control,
                           const evaluate::ControlVerdict& verdict) const {
  const auto member = [&line](const std::vector<std::string>& all, std::uint32_t item) {
    if (item < all.size() && !all[item].empty()) line.members(all[item]);
  };
  switch (control) {
    case evaluate::Control::ipsec: return member(ipsec_, verdict.item);
    case evaluate::Control::interface_registration:
      line.plain("row", evaluate::registration_row(verdict.row).name);
      return member(registrations_, verdict.item);
    case evaluate::Control::restrict_remote_clients:
      if (verdict.row != evaluate::kNoRow)
        line.plain("row", evaluate::remote_clients_row(verdict.row).name);
      if (!remote_clients_.empty()) line.members(remote_clients_);
      return;
    case evaluate::Control::rpc_filter:
    case evaluate::Control::none: return;
  }
}

void write_other_controls(JsonLine& line, const ControlMembers& members,
                          const evaluate::Verdict& verdict) {
  for (const evaluate::Control control : evaluate::kOtherControls) {
    const evaluate::ControlVerdict& own = verdict.controls[control];
    if (own.action == evaluate::ControlAction::not_judged) continue;
    line.open_element();
    line.plain("control", to_string(control));
    line.plain("action", to_string(own.action));
    members.write(line, control, own);
    if (own.readings_differ) line.truth("readings_differ");
    line.close();
  }
}

void write_controls(JsonLine& line, const ControlMembers& members,
                    const evaluate::Verdict& verdict) {
  line.open_array("controls");
  write_other_controls(line, members, verdict);
  line.open_element();
  line.plain("control", to_string(evaluate::Control::rpc_filter));
  if (verdict.mapper_filters) line.plain("layer", to_string(policy::Layer::um));
  line.plain("action", to_string(verdict.filters.action));
  line.close();
  if (verdict.mapper_filters) {
    line.open_element();
    line.plain("control", to_string(evaluate::Control::rpc_filter));
    line.plain("layer", to_string(policy::Layer::epmap));
    line.plain("action", to_string(verdict.mapper_filters->action));
    line.close();
  }
  line.close_array();
  if (!verdict.what_if) return;
  line.open("what_if");
  line.open_array("restrict_remote_clients");
  for (const evaluate::VerdictAction action : *verdict.what_if) line.element(to_string(action));
  line.close_array();
  line.close();
}

evaluate::ControlFactSet unseen_facts(const evaluate::Verdict& verdict) noexcept {
  evaluate::ControlFactSet facts = 0;
  for (const evaluate::Control control : evaluate::kOtherControls)
    facts |= verdict.controls[control].unseen;
  return facts;
}

void write_targets(JsonLine& line, const evaluate::Verdict& verdict) {
  line.truth("depends_on_target");
  line.open("targets");
  for (std::size_t i = 0; i < evaluate::kTargetActionCount; ++i) {
    const auto action = static_cast<evaluate::TargetAction>(i);
    if (action == evaluate::target_action(verdict)) continue;
    bool is_open = false;
    for (std::size_t j = 0; j < policy::kTargetCount; ++j) {
      const auto target = static_cast<policy::Target>(j);
      if (verdict.targets[target] != action) continue;
      if (!is_open) line.open_array(to_string(action));
      is_open = true;
      line.element(to_string(target));
    }
    if (is_open) line.close_array();
  }
  line.close();
}

}  // namespace rpcaudit::audit
