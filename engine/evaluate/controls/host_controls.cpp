#include "engine/evaluate/controls/host_controls.h"

#include <algorithm>

#include "engine/policy/check/host_validator.h"
#include "engine/policy/deployments/observed_registrations.h"

namespace rpcaudit::evaluate {
namespace {

constexpr std::uint8_t kSecuredLevelMin = 2;  // RPC_C_AUTHN_LEVEL_CONNECT
constexpr std::uint8_t kProtocolTcp = 6;      // IANA protocol numbers
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint16_t kEndpointMapperPort = 135;

// The endpoint mapper (C706 appendix O) is an interface like any other, and registered without
// flags: Microsoft says that it is not accessible anonymously once RestrictRemoteClients is set.
constexpr Uuid kEndpointMapper = uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa");

bool has_prefix(const IpAddress& address, const IpAddress& subnet, unsigned bits) noexcept {
  for (std::size_t i = 0; i < address.bytes.size() && bits != 0; ++i) {
    const unsigned here = std::min(bits, 8u);
    if ((address.bytes[i] ^ subnet.bytes[i]) >> (8 - here) != 0) return false;
    bits -= here;
  }
  return true;
}

Carrier carrier_of(dissect::ProtocolSequence protocol) noexcept {
  switch (protocol) {
    case dissect::ProtocolSequence::ncacn_np: return Carrier::pipe;
    case dissect::ProtocolSequence::ncadg_ip_udp: return Carrier::datagram;
    case dissect::ProtocolSequence::ncacn_http: return Carrier::http;
    case dissect::ProtocolSequence::ncacn_ip_tcp: break;
  }
  return Carrier::tcp;
}

bool is_loopback(const IpAddress& address) noexcept {
  if (address.is_v4()) return address.v4_value() >> 24 == 127;
  IpAddress one;
  one.bytes[15] = 1;
  return address == one;
}

RegistrationKind kind_of(const policy::InterfaceRegistration& registration) noexcept {
  const std::uint32_t flags = registration.flags;
  if ((flags & policy::kAllowLocalOnly) != 0) return RegistrationKind::local_only;
  const bool callback_asks =
      (flags & policy::kAllowCallbacksWithNoAuth) == 0 && registration.has_callback.value_or(true);
  if ((flags & policy::kAllowSecureOnly) != 0) {
    return callback_asks ? RegistrationKind::authenticated_only : RegistrationKind::secure_only;
  }
  if ((flags & policy::kAllowCallbacksWithNoAuth) != 0) return RegistrationKind::open;
  if (!registration.has_callback) return RegistrationKind::callback_unknown;
  return *registration.has_callback ? RegistrationKind::authenticated_only : RegistrationKind::open;
}

Exemption exemption_of(const policy::InterfaceRegistration& registration) noexcept {
  if ((registration.flags & policy::kAllowCallbacksWithNoAuth) == 0) return Exemption::none;
  if (!registration.has_callback) return Exemption::unknown;
  return *registration.has_callback ? Exemption::exempt : Exemption::none;
}

ControlFact unseen_of(Caller caller, Carrier carrier) noexcept {
  if (caller != Caller::unseen) return ControlFact::registration;
  return carrier == Carrier::pipe ? ControlFact::smb_session : ControlFact::auth_level;
}

ControlVerdict verdict_of(Answer answer, std::uint8_t row, ControlFactSet unseen) noexcept {
  ControlVerdict verdict;
  verdict.row = row;
  switch (answer) {
    case Answer::contested_permit: verdict.readings_differ = true; [[fallthrough]];
    case Answer::permit: verdict.action = ControlAction::would_permit; break;
    case Answer::contested_block: verdict.readings_differ = true; [[fallthrough]];
    case Answer::block: verdict.action = ControlAction::would_block; break;
    case Answer::contested:
      verdict.action = ControlAction::undecidable;
      verdict.readings_differ = true;
      break;
    case Answer::unknown:
      verdict.action = ControlAction::undecidable;
      verdict.unseen = unseen;
      break;
    case Answer::none: break;
  }
  return verdict;
}

// The strongest of the controls' actions, without saying which: for what-if columns.
VerdictAction total(const Verdict& verdict, ControlAction remote_clients) noexcept {
  Verdict probe = verdict;
  probe.controls[Control::restrict_remote_clients].action = remote_clients;
  combine_controls(probe);
  return probe.action;
}

std::optional<policy::RestrictRemoteClients> setting_of(
    const policy::HostSettings& settings) noexcept {
  if (settings.restrict_remote_clients) return settings.restrict_remote_clients->value;
  switch (settings.edition) {
    case policy::Edition::client: return policy::RestrictRemoteClients::authenticated;
    case policy::Edition::server: return policy::RestrictRemoteClients::none;
    case policy::Edition::unknown: break;
  }
  return std::nullopt;
}

}  // namespace

IpsecConnection connection_of(const ContextFacts& context) noexcept {
  const bool udp = transport_of(context.protocol).is_datagram;
  return {{context.remote_address, context.remote_port},
          {context.local_address, context.local_port},
          udp ? kProtocolUdp : kProtocolTcp};
}

Caller caller_of(Carrier carrier, PipeOpener smb, const CallFacts& call) noexcept {
  if (call.auth_unseen) return Caller::unseen;
  if (call.auth_level >= kSecuredLevelMin) {
    return call.anonymous == Truth::yes && carrier != Carrier::pipe ? Caller::anonymous_account
                                                                    : Caller::secured;
  }
  if (carrier != Carrier::pipe) return Caller::anonymous;
  switch (smb) {
    case PipeOpener::account: return Caller::secured;
    case PipeOpener::null_or_guest: return Caller::null_session;
    case PipeOpener::unseen: break;
  }
  return Caller::unseen;
}

HostControls::HostControls(const policy::HostSettings& settings)
    : setting_(setting_of(settings)),
      what_if_(settings.what_if_restrict_remote_clients),
      treat_loopback_as_remote_(settings.treat_loopback_as_remote),
      ipsec_(settings.ipsec) {
  has_registrations_ = !settings.registrations.empty() || settings.use_observed_registrations;
  policy::InterfaceRegistration mapper;
  mapper.interface = kEndpointMapper;
  mapper.has_callback = false;
  mapper.built_in = true;
  registrations_.push_back(mapper);
  registrations_.insert(registrations_.end(), settings.registrations.begin(),
                        settings.registrations.end());
  if (settings.use_observed_registrations) policy::add_observed_registrations(registrations_);
  const auto by_interface = [](const policy::InterfaceRegistration& a,
                               const policy::InterfaceRegistration& b) {
    return a.interface < b.interface;
  };
  std::stable_sort(registrations_.begin(), registrations_.end(), by_interface);
  if (settings.ports.is_configured()) rpc_ports_ = policy::effective_port_ranges(settings.ports);
  if (settings.effective_from) effective_from_ = settings.effective_from->value;
  for (const policy::StaticPort& port : settings.ports.static_ports)
    static_ports_.push_back(port.port);
  std::sort(static_ports_.begin(), static_ports_.end());
  clients_ = settings.clients;
  std::stable_sort(clients_.begin(), clients_.end(),
                   [](const policy::ClientSettings& a, const policy::ClientSettings& b) {
                     return a.prefix > b.prefix;
                   });
  is_judging_ = setting_ || what_if_ || has_registrations_ || settings.ipsec.is_configured();
}

bool HostControls::gives_rpc(std::uint16_t port) const noexcept {
  return std::any_of(rpc_ports_.begin(), rpc_ports_.end(),
                     [port](const policy::PortRange& range) { return range.contains(port); });
}

// The last of several for one interface.
std::uint32_t HostControls::find_registration(const Uuid& interface) const noexcept {
  const auto after = std::upper_bound(
      registrations_.begin(), registrations_.end(), interface,
      [](const Uuid& uuid, const policy::InterfaceRegistration& r) { return uuid < r.interface; });
  if (after == registrations_.begin() || std::prev(after)->interface != interface) return kNoItem;
  return static_cast<std::uint32_t>(std::prev(after) - registrations_.begin());
}

NarrowedControls HostControls::narrow(const ContextFacts& context) const noexcept {
  NarrowedControls narrowed;
  narrowed.carrier = carrier_of(context.protocol);
  narrowed.smb = context.smb_caller;
  narrowed.local = !treat_loopback_as_remote_ && (context.local_address == context.remote_address ||
                                                  is_loopback(context.remote_address));
  if (context.if_uuid) {
    narrowed.registration = find_registration(*context.if_uuid);
    if (narrowed.registration != kNoItem) {
      narrowed.kind = kind_of(registrations_[narrowed.registration]);
      narrowed.exemption = exemption_of(registrations_[narrowed.registration]);
    }
  }
  narrowed.dynamic_port = context.protocol == dissect::ProtocolSequence::ncacn_ip_tcp &&
                          context.local_port != kEndpointMapperPort &&
                          !is_static(context.local_port);
  if (!ipsec_.empty()) narrowed.ipsec = ipsec_.judge(connection_of(context));
  return narrowed;
}

ControlVerdict HostControls::judge_registration(const NarrowedControls& narrowed,
                                                Caller caller) const noexcept {
  if (!has_registrations_) return {};
  const std::uint8_t index =
      registration_row(narrowed.kind, narrowed.local, narrowed.carrier, caller);
  if (index == kNoRow) return {};
  ControlVerdict verdict = verdict_of(registration_row(index).answer, index,
                                      fact_bit(unseen_of(caller, narrowed.carrier)));
  verdict.item = narrowed.registration;
  return verdict;
}

ControlVerdict HostControls::judge_remote_clients(
    const NarrowedControls& narrowed, Caller caller,
    policy::RestrictRemoteClients setting) const noexcept {
  if (narrowed.local) return {.action = ControlAction::not_applicable, .row = kNoRow};
  const std::uint8_t index = remote_clients_row(narrowed.carrier, caller, narrowed.exemption);
  if (index == kNoRow) return {};
  ControlVerdict verdict =
      verdict_of(remote_clients_row(index).at[static_cast<std::size_t>(setting)], index,
                 fact_bit(unseen_of(caller, narrowed.carrier)));
  verdict.item = narrowed.registration;
  return verdict;
}

void HostControls::apply(const NarrowedControls& narrowed, const CallFacts& call,
                         Verdict& verdict) const noexcept {
  const Caller caller = caller_of(narrowed.carrier, narrowed.smb, call);
  ControlVerdicts& controls = verdict.controls;
  controls[Control::ipsec] = narrowed.ipsec;
  controls[Control::interface_registration] = judge_registration(narrowed, caller);
  if (setting_) {
    controls[Control::restrict_remote_clients] = judge_remote_clients(narrowed, caller, *setting_);
  }
  if (what_if_) {
    WhatIf& what_if = verdict.what_if.emplace();
    for (std::size_t i = 0; i < what_if.size(); ++i) {
      const auto setting = static_cast<policy::RestrictRemoteClients>(i);
      what_if[i] = total(verdict, judge_remote_clients(narrowed, caller, setting).action);
    }
  }
  verdict.lookup = judge_lookup(narrowed, caller);
  combine_controls(verdict);
}

LookupVerdict HostControls::judge_lookup(const NarrowedControls& narrowed,
                                         Caller caller) const noexcept {
  const policy::RestrictRemoteClients setting =
      setting_.value_or(policy::RestrictRemoteClients::none);
  if (!narrowed.dynamic_port || narrowed.local || caller == Caller::unseen) return {};
  if (setting == policy::RestrictRemoteClients::none && !what_if_) return {};
  const policy::RestrictRemoteClients asked =
      std::max(setting, policy::RestrictRemoteClients::authenticated);
  LookupVerdict lookup;
  lookup.is_needed =
      judge_remote_clients(narrowed, caller, asked).action == ControlAction::would_permit;
  lookup.call_is_authenticated = caller != Caller::anonymous;
  return lookup;
}

Lookup lookup_of(bool call_is_authenticated, std::optional<bool> client, bool authenticated_seen,
                 bool anonymous_seen) noexcept {
  if (!call_is_authenticated) return Lookup::unreachable;
  if (client) return *client ? Lookup::authenticated : Lookup::refused;
  if (authenticated_seen) return Lookup::authenticated;
  return anonymous_seen ? Lookup::needs_auth : Lookup::unaffected;
}

InForce HostControls::in_force(std::int64_t association, std::int64_t call) const noexcept {
  if (!effective_from_) return InForce::yes;
  if (call < *effective_from_) return InForce::planned;
  return association < *effective_from_ ? InForce::older_association : InForce::yes;
}

std::optional<bool> HostControls::authenticates_lookups(const IpAddress& client) const noexcept {
  for (const policy::ClientSettings& settings : clients_) {
    if (!settings.enable_auth_ep_resolution) continue;
    if (has_prefix(client, settings.address, settings.prefix)) {
      return settings.enable_auth_ep_resolution->value;
    }
  }
  return std::nullopt;
}

namespace {

// A call that something else stops does not come as far as the filters.
void combine_event(ControlAction action, Event5712& event) noexcept {
  if (event.keywords == AuditKeywords::none) return;
  if (action == ControlAction::undecidable) event.keywords = AuditKeywords::perhaps;
  if (action == ControlAction::would_block) event = {};
}

}  // namespace

void combine_controls(Verdict& verdict) noexcept {
  const FilterVerdict& filters = verdict.filters;
  const bool filters_block =
      filters.action == VerdictAction::would_block && !filters.by_audit_filter;
  verdict.action = filters.action;
  verdict.control = filters.filter == kNoFilter ? Control::none : Control::rpc_filter;
  verdict.event_5712 = filters.event_5712;
  Control undecided = Control::none;
  bool certain = filters_block && !filters.readings_differ;
  bool contested = filters.readings_differ;
  for (const Control control : kOtherControls) {
    const ControlVerdict& own = verdict.controls[control];
    certain = certain || (own.action == ControlAction::would_block && !own.readings_differ);
    combine_event(own.action, verdict.event_5712);
    contested = contested || own.readings_differ;
  }
  verdict.readings_differ = contested && !certain;
  for (const Control control : kOtherControls) {
    const ControlVerdict& own = verdict.controls[control];
    if (own.action == ControlAction::would_block) {
      verdict.action = VerdictAction::would_block;
      verdict.control = control;
      return;
    }
    if (own.action == ControlAction::undecidable && undecided == Control::none) undecided = control;
  }
  if (filters_block || undecided == Control::none) return;
  verdict.action = VerdictAction::undecidable;
  verdict.control = undecided;
}

}  // namespace rpcaudit::evaluate
