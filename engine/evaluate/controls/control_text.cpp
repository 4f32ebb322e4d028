#include "engine/evaluate/controls/control_text.h"

#include <cstdio>

namespace rpcaudit::evaluate {
namespace {

struct FlagName {
  std::uint32_t flag;
  std::string_view name;
};

// RPC_IF_* of rpcdce.h.
constexpr FlagName kFlags[] = {
    {0x0001, "AUTOLISTEN"},
    {0x0002, "OLE"},
    {0x0004, "ALLOW_UNKNOWN_AUTHORITY"},
    {policy::kAllowSecureOnly, "ALLOW_SECURE_ONLY"},
    {policy::kAllowCallbacksWithNoAuth, "ALLOW_CALLBACKS_WITH_NO_AUTH"},
    {policy::kAllowLocalOnly, "ALLOW_LOCAL_ONLY"},
    {policy::kSecNoCache, "SEC_NO_CACHE"},
    {0x0080, "SEC_CACHE_PER_PROC"},
    {0x0100, "ASYNC_CALLBACK"},
};

bool has_row(const ControlVerdict& verdict) {
  return verdict.action != ControlAction::not_judged && verdict.row != kNoRow;
}

}  // namespace

std::string registration_flags_text(std::uint32_t flags) {
  std::string text;
  for (const FlagName& flag : kFlags) {
    if ((flags & flag.flag) == 0) continue;
    if (!text.empty()) text += '|';
    text += flag.name;
    flags &= ~flag.flag;
  }
  if (flags != 0) {
    char rest[16];
    std::snprintf(rest, sizeof rest, "%s0x%x", text.empty() ? "" : "|", flags);
    text += rest;
  }
  return text.empty() ? "none" : text;
}

const policy::InterfaceRegistration* ControlText::registration(
    const ControlVerdict& verdict) const {
  const std::vector<policy::InterfaceRegistration>& all = controls_.registrations();
  return verdict.item < all.size() ? &all[verdict.item] : nullptr;
}

const policy::IpsecRule* ControlText::rule(const ControlVerdict& verdict) const {
  if (verdict.item >= controls_.ipsec().size()) return nullptr;
  const IpsecFilterPlace place = controls_.ipsec().place(verdict.item);
  return &policy_.host.ipsec.policies[place.policy].rules[place.rule];
}

std::string_view ControlText::row(Control control, const ControlVerdict& verdict) const {
  if (control == Control::ipsec) {
    const policy::IpsecRule* const decided = rule(verdict);
    return decided == nullptr ? std::string_view() : std::string_view(decided->name);
  }
  if (!has_row(verdict)) return {};
  return control == Control::interface_registration ? registration_row(verdict.row).name
                                                    : remote_clients_row(verdict.row).name;
}

std::string ControlText::source(Control control, const ControlVerdict& verdict) const {
  policy::SourceSpan span;
  if (control == Control::ipsec) {
    if (rule(verdict) == nullptr) return {};
    const IpsecFilterPlace place = controls_.ipsec().place(verdict.item);
    span = rule(verdict)->filters[place.filter].span;
  } else if (control == Control::restrict_remote_clients) {
    if (!policy_.host.restrict_remote_clients) return {};
    span = policy_.host.restrict_remote_clients->span;
  } else {
    const policy::InterfaceRegistration* const found = registration(verdict);
    if (found == nullptr) return {};
    if (found->built_in) return "observed registrations";
    span = found->span;
  }
  return policy::source_text(policy_, span);
}

std::string ControlText::ipsec_reason(const ControlVerdict& verdict) const {
  const policy::IpsecRule* const decided = rule(verdict);
  if (decided == nullptr) return "no filter matches, so that the packets pass";
  const IpsecFilterPlace place = controls_.ipsec().place(verdict.item);
  std::string text(to_string(decided->action));
  text += " `" + decided->filters[place.filter].text + '`';
  if (!decided->name.empty()) text += " of rule `" + decided->name + '`';
  if (verdict.readings_differ) text += "; another filter of equal weight has another action";
  return text;
}

std::string ControlText::registration_reason(const ControlVerdict& verdict) const {
  std::string text(registration_row(verdict.row).why);
  const policy::InterfaceRegistration* const found = registration(verdict);
  if (found == nullptr) return text;
  text += " (registered with " + registration_flags_text(found->flags);
  if (found->has_callback) text += *found->has_callback ? ", with" : ", without";
  return text + (found->has_callback ? " a security callback)" : ")");
}

std::string ControlText::setting_text() const {
  const auto setting = controls_.restrict_remote_clients();
  if (!setting) return "RestrictRemoteClients";
  std::string text = "RestrictRemoteClients=" + std::to_string(static_cast<unsigned>(*setting));
  if (!policy_.host.restrict_remote_clients) text += ", the default of this edition";
  return text;
}

std::string ControlText::reason(Control control, const ControlVerdict& verdict) const {
  std::string text;
  if (verdict.action == ControlAction::not_judged) return "not part of the policy";
  if (control == Control::ipsec) {
    if (verdict.action == ControlAction::not_applicable) {
      return "these policies are of IPv4 only, and the connection is IPv6";
    }
    text = ipsec_reason(verdict);
  } else if (control == Control::interface_registration) {
    text = registration_reason(verdict);
  } else if (verdict.action == ControlAction::not_applicable) {
    text = setting_text() + ": the caller is on the server itself";
  } else {
    const std::string place = source(control, verdict);
    text = setting_text() + (place.empty() ? place : " (" + place + ')');
    return text + ": " + std::string(remote_clients_row(verdict.row).why);
  }
  const std::string place = source(control, verdict);
  return place.empty() ? text : text + " (" + place + ')';
}

}  // namespace rpcaudit::evaluate
