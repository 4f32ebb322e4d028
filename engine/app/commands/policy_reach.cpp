#include "engine/app/commands/policy_reach.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "engine/app/commands/call_expression.h"
#include "engine/audit/catalogue/attack_techniques.h"
#include "engine/audit/catalogue/catalogue.h"
#include "engine/audit/catalogue/catalogue_data.h"
#include "engine/audit/catalogue/reached_interfaces.h"
#include "engine/evaluate/compiled_policy.h"
#include "engine/evaluate/sublayers.h"
#include "engine/evaluate/target_survey.h"
#include "engine/policy/check/host_validator.h"

namespace rpcaudit::app {
namespace {

using audit::ReachedInterface;

struct Caller {
  std::string_view name;
  std::string_view words;  // of a call's description
};

constexpr std::array<Caller, 3> kCallers{
    Caller{"anonymous", "user=anonymous"},
    Caller{"NTLM", "user=DOMAIN\\user auth_type=10 auth_level=6"},
    Caller{"Kerberos", "user=DOMAIN\\user auth_type=16 auth_level=6"},
};

enum class Fate : std::uint8_t { open, stopped, depends };

// The policy compiled for each target that is asked for.
class Targets {
 public:
  Targets(const policy::Policy& policy, const evaluate::EvaluationOptions& options) {
    const auto ranges = policy::effective_port_ranges(policy.host.ports);
    if (!ranges.empty()) dynamic_port_ = ranges.front().low;
    for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
      const auto target = static_cast<policy::Target>(i);
      if (options.target && *options.target != target) continue;
      evaluate::EvaluationOptions own = options;
      own.profile = policy::TargetProfile(target);
      if (options.keeps_v4_order) {
        own.profile.set(policy::Difference::v4_byte_order,
                        options.profile[policy::Difference::v4_byte_order]);
      }
      names_.push_back(to_string(target));
      compiled_.push_back(evaluate::CompiledPolicy::compile(policy, own));
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }
  // A port that Windows gives to RPC services.
  [[nodiscard]] std::uint16_t dynamic_port() const noexcept { return dynamic_port_; }
  [[nodiscard]] std::string_view name(std::size_t i) const { return names_[i]; }

  // What becomes of a call on one target.
  [[nodiscard]] Fate fate(std::size_t i, const evaluate::NarrowedPolicy& narrowed,
                          const evaluate::CallFacts& call) const {
    switch (evaluate::target_action(compiled_[i].evaluate(narrowed, call))) {
      case evaluate::TargetAction::would_block: return Fate::stopped;
      case evaluate::TargetAction::undecidable: return Fate::depends;
      case evaluate::TargetAction::would_permit:
      case evaluate::TargetAction::would_log: break;
    }
    return Fate::open;
  }

  void narrow(std::size_t i, const evaluate::ContextFacts& facts,
              evaluate::NarrowedPolicy& narrowed) const {
    compiled_[i].narrow(facts, narrowed);
  }

 private:
  std::uint16_t dynamic_port_ = policy::kDefaultDynamicRange.low;
  std::vector<std::string_view> names_;
  std::vector<evaluate::CompiledPolicy> compiled_;
};

std::vector<std::uint16_t> operations_of(const Uuid& interface) {
  std::vector<std::uint16_t> opnums;
  for (const audit::CatalogueInterface& one : audit::catalogue_interfaces()) {
    if (one.uuid != interface) continue;
    for (const audit::CatalogueOperation& operation :
         audit::catalogue_operations().subspan(one.first_operation, one.operation_count)) {
      opnums.push_back(operation.opnum);
    }
  }
  if (opnums.empty()) opnums.push_back(0);
  return opnums;
}

std::string operation_text(const Uuid& interface, std::uint16_t opnum) {
  const std::string_view name = audit::operation_name(interface, opnum);
  return name.empty() ? "operation " + std::to_string(opnum) : std::string(name);
}

// Tries the operations by one kind of callers over one transport: the fate of each on a target.
class Probe {
 public:
  Probe(const ReachedInterface& interface, bool over_pipe, const Caller& caller,
        std::uint16_t dynamic_port) {
    std::string text = "interface=" + to_string(interface.interface) +
                       " client=203.0.113.77 server=203.0.113.1 ";  // RFC 5737
    text += caller.words;
    text += over_pipe ? " protocol=ncacn_np port=445 pipe=\\PIPE\\" + std::string(interface.pipe)
                      : " protocol=ncacn_ip_tcp port=" +
                            std::to_string(interface.port != 0 ? interface.port : dynamic_port);
    is_good_ = !parse_call(text, described_);
  }

  [[nodiscard]] Fate fate(const Targets& targets, std::size_t target, std::uint16_t opnum) {
    if (!is_good_) return Fate::open;
    if (target != narrowed_for_) {
      targets.narrow(target, evaluate::context_facts(described_.context), narrowed_);
      narrowed_for_ = target;
    }
    described_.call.opnum = opnum;
    return targets.fate(target, narrowed_,
                        evaluate::call_facts(described_.context, described_.call));
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  DescribedCall described_;
  evaluate::NarrowedPolicy narrowed_;
  std::size_t narrowed_for_ = kNone;
  bool is_good_ = false;
};

// What is stopped of an interface, in words; empty: nothing.
std::string extent_text(const Uuid& interface, const std::vector<std::uint16_t>& opnums,
                        const std::vector<Fate>& fates) {
  constexpr std::size_t kNamed = 3;
  for (const Fate fate : {Fate::stopped, Fate::depends}) {
    const auto count = static_cast<std::size_t>(std::count(fates.begin(), fates.end(), fate));
    if (count == 0) continue;
    const std::string perhaps = fate == Fate::depends ? "perhaps " : "";
    if (count == fates.size()) return perhaps + "all operations";
    if (count > kNamed) return perhaps + std::to_string(count) + " operations";
    std::string text = perhaps;
    for (std::size_t i = 0; i < fates.size(); ++i) {
      if (fates[i] != fate) continue;
      text += (text == perhaps ? "" : ", ") + operation_text(interface, opnums[i]);
    }
    return text;
  }
  return {};
}

std::string in_column(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// The part of targets in words: all of them need no names.
std::string on_targets(const std::vector<std::size_t>& which, const Targets& targets) {
  if (which.size() == targets.size()) return targets.size() == 1 ? "" : "on every target";
  std::string text = "on ";
  for (const std::size_t i : which) {
    text += (text.size() == 3 ? "" : ", ") + std::string(targets.name(i));
  }
  return text;
}

// What a transport of an interface loses: one line for each extent, with callers and targets.
void add_lines(const ReachedInterface& interface, bool over_pipe, const Targets& targets,
               std::string& text) {
  const std::vector<std::uint16_t> opnums = operations_of(interface.interface);
  std::map<std::pair<std::string, std::string>, std::string> callers_by_loss;
  std::vector<std::pair<std::string, std::string>> order;
  for (const Caller& caller : kCallers) {
    Probe probe(interface, over_pipe, caller, targets.dynamic_port());
    std::map<std::string, std::vector<std::size_t>> targets_by_extent;
    for (std::size_t target = 0; target < targets.size(); ++target) {
      std::vector<Fate> fates;
      for (const std::uint16_t opnum : opnums) fates.push_back(probe.fate(targets, target, opnum));
      const std::string extent = extent_text(interface.interface, opnums, fates);
      if (!extent.empty()) targets_by_extent[extent].push_back(target);
    }
    for (const auto& [extent, which] : targets_by_extent) {
      const std::pair key(extent, on_targets(which, targets));
      std::string& callers = callers_by_loss[key];
      if (callers.empty()) order.push_back(key);
      callers += (callers.empty() ? "" : ", ") + std::string(caller.name);
    }
  }
  for (const auto& key : order) {
    std::string callers = callers_by_loss[key];
    if (std::count(callers.begin(), callers.end(), ',') + 1 == std::ssize(kCallers)) {
      callers = "everybody";
    }
    text += "  " + in_column(std::string(interface.what_for), 26) +
            in_column(std::string(audit::interface_name(interface.interface)), 20) +
            (over_pipe ? "pipe  " : "TCP   ") + key.first + ", for " + callers +
            (key.second.empty() ? "" : " " + key.second) + "\n";
  }
}

std::string_view fate_text(Fate fate) noexcept {
  switch (fate) {
    case Fate::stopped: return "stopped";
    case Fate::depends: return "depends on the caller";
    case Fate::open: break;
  }
  return "open";
}

// What becomes of one operation over one transport: `open on ws2008, stopped on ws2025`.
std::string fates_text(const ReachedInterface& interface, bool over_pipe, std::uint16_t opnum,
                       const Targets& targets) {
  std::array<std::vector<std::size_t>, 3> by_fate;
  Probe probe(interface, over_pipe, kCallers[1], targets.dynamic_port());
  for (std::size_t target = 0; target < targets.size(); ++target) {
    by_fate[static_cast<std::size_t>(probe.fate(targets, target, opnum))].push_back(target);
  }
  std::string text;
  for (std::size_t i = 0; i < by_fate.size(); ++i) {
    if (by_fate[i].empty()) continue;
    const std::string on = on_targets(by_fate[i], targets);
    text += (text.empty() ? "" : "; ") + std::string(fate_text(static_cast<Fate>(i))) +
            (on.empty() ? "" : " " + on);
  }
  return text;
}

}  // namespace

std::string vital_text(const policy::Policy& policy, const evaluate::EvaluationOptions& options) {
  const Targets targets(policy, evaluate::options_for(policy, options));
  std::string text;
  for (const ReachedInterface& interface : audit::vital_interfaces()) {
    if (interface.has_tcp) add_lines(interface, false, targets, text);
    if (!interface.pipe.empty()) add_lines(interface, true, targets, text);
  }
  return text;
}

std::string technique_text(const policy::Policy& policy, const evaluate::EvaluationOptions& options,
                           std::string_view technique) {
  const Targets targets(policy, evaluate::options_for(policy, options));
  std::string open;  // somewhere, for somebody
  std::string stopped;
  for (const audit::AttackOperation& operation : audit::attack_operations(technique)) {
    const ReachedInterface interface = audit::reached_interface(operation.interface);
    for (const bool over_pipe : {false, true}) {
      if (over_pipe ? interface.pipe.empty() : !interface.has_tcp) continue;
      const std::string fates = fates_text(interface, over_pipe, operation.opnum, targets);
      std::string& text = fates.starts_with("stopped") ? stopped : open;
      text += "  " +
              in_column(std::string(audit::interface_name(operation.interface)) + "." +
                            operation_text(operation.interface, operation.opnum),
                        60) +
              (over_pipe ? " pipe  " : " TCP   ") + fates + "\n";
    }
  }
  const auto count = [](const std::string& lines) {
    return std::to_string(std::count(lines.begin(), lines.end(), '\n'));
  };
  return "  " + count(open) + " open somewhere, " + count(stopped) + " stopped on all targets\n" +
         open + stopped;
}

}  // namespace rpcaudit::app
