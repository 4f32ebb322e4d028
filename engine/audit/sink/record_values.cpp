#include "engine/audit/sink/record_values.h"

#include "engine/audit/event/hash_mixer.h"
#include "engine/audit/schema/schemas.h"

namespace rpcaudit::audit {
namespace {

void add_endpoint(HashMixer& hash, const Endpoint& endpoint) noexcept {
  hash.add(endpoint.address.bytes);
  hash.add(std::uint64_t{endpoint.port});
}

}  // namespace

std::string_view to_string(FindingSeverity severity) noexcept {
  switch (severity) {
    case FindingSeverity::high: return "high";
    case FindingSeverity::medium: return "medium";
    case FindingSeverity::low: break;
  }
  return "low";
}

FindingSeverity severity_of(const evaluate::Verdict& verdict, bool serves_attacks) noexcept {
  switch (evaluate::target_action(verdict)) {
    case evaluate::TargetAction::would_block:
      return serves_attacks ? FindingSeverity::high : FindingSeverity::medium;
    case evaluate::TargetAction::undecidable:
    case evaluate::TargetAction::would_permit:  // and another target does otherwise
      return serves_attacks ? FindingSeverity::medium : FindingSeverity::low;
    case evaluate::TargetAction::would_log: break;
  }
  return FindingSeverity::low;
}

std::string record_head(const RecordMarks& marks) {
  std::string head(kSchemaMember);
  const auto add = [&head](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    head.append(",\"").append(key).append("\":\"");
    append_json_escaped(head, value);
    head.push_back('"');
  };
  add("sensor", marks.sensor);
  add("run", marks.run);
  return head;
}

std::uint64_t flow_id(const ContextInfo& context) noexcept {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << 53) - 1;  // what a double holds exactly
  HashMixer hash(0);  // the same in every run, since records of several runs are joined by it
  add_endpoint(hash, context.client);
  add_endpoint(hash, context.server);
  hash.add(std::uint64_t{transport_of(context.protocol).is_datagram});
  if (context.association) {
    hash.add(static_cast<std::uint64_t>(context.association->nanoseconds));
  }
  return hash.value() & kMask;
}

bool write_techniques(JsonLine& line, std::span<const AttackOperation> attacks,
                      std::uint16_t opnum) {
  bool is_open = false;
  for (const AttackOperation& attack : attacks) {
    if (attack.opnum != opnum) continue;
    if (!is_open) line.open_array("techniques");
    is_open = true;
    line.element(attack.technique);
  }
  if (is_open) line.close_array();
  return is_open;
}

}  // namespace rpcaudit::audit
