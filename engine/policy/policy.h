#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dissect/endpoint.h"
#include "dissect/uuid.h"
#include "engine/policy/field.h"
#include "engine/policy/host_settings.h"
#include "engine/policy/layer.h"
#include "engine/policy/match_type.h"
#include "engine/policy/sddl.h"
#include "engine/policy/text/diagnostic.h"

namespace rpcaudit::policy {

// Numeric data covers every integer type and `protocol`; `high` equals `low` but for `range`.
struct NumberRange {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  auto operator<=>(const NumberRange&) const = default;
};

struct UuidRange {
  Uuid low;
  Uuid high;

  auto operator<=>(const UuidRange&) const = default;
};

// IPv4 and IPv6 data; an IPv4 address is held v4-mapped.
struct AddressRange {
  IpAddress low;
  IpAddress high;

  auto operator<=>(const AddressRange&) const = default;
};

// Text fields (pipe, image_name, server_name, ...), without netsh's leading `s` or `w` marker.
struct TextRange {
  std::string low;
  std::string high;

  auto operator<=>(const TextRange&) const = default;
};

using ConditionData =
    std::variant<NumberRange, UuidRange, AddressRange, TextRange, SecurityDescriptor>;

// `add condition field= matchtype= data=` as its author meant it. The alternative held by `data`
// follows from the field's type: integers and protocol -> NumberRange, uuid -> UuidRange,
// address_v4/v6 -> AddressRange, blob -> TextRange, security_descriptor -> SecurityDescriptor.
struct Condition {
  Field field{};
  MatchType match{};
  ConditionData data;
  std::string text;  // the data as written, for people
  // The source names the condition without telling all of it, as listings do with security
  // descriptors: `data` means nothing, and whether the condition holds is never known.
  bool unreadable = false;
  // IPv4 data that a tool handed over in network order, which is how Windows is believed to compare
  // it: the condition means the address that it names, on every target.
  bool in_network_order = false;
  SourceSpan span;  // not part of equality: see same_meaning()
};

// What applies a filter: Windows, or the library that RPC Firewall (rpcfirewall) loads into
// servers. A call must pass both.
enum class Enforcer : std::uint8_t { windows, rpc_firewall };

// One committed `add rule` ... `add filter`. Conditions keep their order: adjacent ones on the
// same field are alternatives, all others must hold together.
struct Filter {
  Layer layer{};
  Action action{};
  Uuid key;  // given, or derived from the file and line (key_generated)
  bool key_generated = false;
  bool persistent = true;
  bool audit = false;             // audit=enable
  bool audit_parameters = false;  // auditparameters=enable
  // A netsh of its own ran each command, and took the pending rule with it when it ended.
  bool by_separate_processes = false;
  // Made through the filtering engine's interface, not by netsh: what netsh refuses, or is
  // documented to do with `audit`, does not concern it.
  bool by_api = false;
  Enforcer enforcer = Enforcer::windows;
  std::optional<std::uint64_t> weight;  // where it is not left to Windows: see filter_weight.h
  std::vector<Condition> conditions;
  // What people need. Not part of equality.
  std::uint64_t id = 0;  // the number that a running system gave it, higher for newer; 0: none
  std::string name;      // of a listing, or by a script's comment (netsh/rule_name.h); may be empty
  std::string description;
  SourceSpan span;  // of its `add rule`
};

// What administrators wrote, from any number of files, in order. Filters later in the list are
// newer: between equal weights the newest decides.
struct Policy {
  std::vector<std::string> files;  // names as given; SourceSpan::file indexes them
  std::vector<Filter> filters;
  HostSettings host;  // what else the servers are set to
  // Of what was written, by whoever read the files: another one for another revision.
  std::string digest = {};
};

// Has `WD` name anonymous callers in all conditions where EveryoneIncludesAnonymous is set. To be
// called when all files and settings of a server are read.
void apply_everyone_setting(Policy& policy);

// Equality without places and spellings; a generated key equals any other generated key.
[[nodiscard]] bool same_meaning(const Condition& a, const Condition& b) noexcept;
[[nodiscard]] bool same_meaning(const Filter& a, const Filter& b) noexcept;
// Whether two filters have the same meaning, whatever their keys.
[[nodiscard]] bool same_effect(const Filter& a, const Filter& b) noexcept;

// The `file:line` that people and records use for a place in the policy.
[[nodiscard]] std::string source_text(const Policy& policy, const SourceSpan& span);

}  // namespace rpcaudit::policy
