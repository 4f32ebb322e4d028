#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/app/commands/call_expression.h"
#include "engine/app/commands/command_options.h"
#include "engine/app/commands/commands.h"
#include "engine/app/commands/explain_text.h"
#include "engine/app/policies/deployment_files.h"
#include "engine/app/run/pipeline.h"
#include "engine/app/run/run_report.h"
#include "engine/audit/call_judge.h"
#include "engine/audit/endpoint_judge.h"
#include "engine/audit/sink/event_5712.h"
#include "engine/audit/sink/text_sink.h"
#include "engine/audit/text/auth_names.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

struct ExplainCommand {
  RunOptions options;
  std::string call;
  std::uint64_t frame = 0;
};

std::string call_text(const dissect::RpcContext& context, const dissect::RpcCall& call) {
  std::optional<Uuid> interface;
  if (audit::carries_interface(context)) interface = context.abstract_syntax->uuid;
  std::string text = "call     ";
  text += audit::operation_text(interface, call.opnum);
  text += " over ";
  text += to_string(context.protocol);
  if (!context.pipe.empty()) {
    text += ' ';
    audit::append_terminal_text(text, context.pipe);
  }
  text += ", ";
  text += to_string(context.client.address);
  text += " -> ";
  text += audit::endpoint_text(context.server);
  const std::string account =
      audit::account_of({call.identity.user, call.identity.domain, call.identity.null_session});
  if (!account.empty()) text += ", as " + account;
  if (call.auth) {
    text += ", ";
    text += audit::auth_type_name(call.auth->type);
    text += ' ';
    text += audit::auth_level_name(call.auth->level);
  } else {
    text += ", without security of its own";
  }
  return text + "\n";
}

// What all readings of a call share, where the wire leaves several; nothing elsewhere.
std::string doubt_text(const evaluate::CompiledPolicy& policy, dissect::Doubts doubts,
                       evaluate::ContextFacts facts, evaluate::CallFacts call) {
  if (!doubts.any()) return {};
  evaluate::forget_doubtful(doubts, facts, call);
  evaluate::NarrowedPolicy narrowed;
  policy.narrow(facts, narrowed);
  std::string text = "doubt    " + audit::doubts_text(doubts);
  text += ": what follows is of one reading; what all of them share is ";
  text += to_string(policy.evaluate(narrowed, call).action);
  return text + "\n";
}

// What each target makes of the call, where they differ; the one that blocks first.
std::string targets_text(const policy::Policy& policy, const evaluate::EvaluationOptions& options,
                         const evaluate::ContextFacts& facts, const evaluate::CallFacts& call) {
  if (options.target) return {};
  std::map<std::pair<int, std::string>, std::string> names;
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    const auto target = static_cast<policy::Target>(i);
    evaluate::EvaluationOptions own = options;
    own.profile = policy::TargetProfile(target);
    if (options.keeps_v4_order) {
      own.profile.set(policy::Difference::v4_byte_order,
                      options.profile[policy::Difference::v4_byte_order]);
    }
    const evaluate::Verdict verdict = evaluate::explain(policy, own, facts, call).verdict;
    const evaluate::TargetAction action = evaluate::target_action(verdict);
    std::string words(to_string(action));
    const std::uint32_t filter = verdict.deciding_filters().filter;
    if (filter < policy.filters.size() && verdict.deciding_control() == nullptr) {
      words += " by filter " + audit::place_text(policy, policy.filters[filter]);
    }
    const int order = action == evaluate::TargetAction::would_block   ? 0
                      : action == evaluate::TargetAction::undecidable ? 1
                                                                      : 2;
    std::string& all = names[{order, words}];
    all += (all.empty() ? "" : ", ") + std::string(to_string(target));
  }
  if (names.size() == 1) return {};
  std::string text;
  for (const auto& [what, targets] : names) {
    text += (text.empty() ? "targets  " : "         ") + what.second + " on " + targets + "\n";
  }
  return text + "as documented (--target picks another)\n";
}

// Explains a call by the policy of its server.
std::string explanation_for(const evaluate::ServerPolicies& policies,
                            const dissect::RpcContext& context, const dissect::RpcCall& call,
                            evaluate::ContextFacts facts) {
  const std::uint32_t index = policies.find(context.server.address);
  if (index == evaluate::kNoPolicy) return "verdict  none: no deployment has the server\n";
  const evaluate::HostKnowledge& knowledge = policies.knowledge(index);
  knowledge.complete(facts);
  evaluate::CallFacts of_call = evaluate::call_facts(context, call);
  evaluate::KnownCaller caller;
  knowledge.complete(context, call, caller, of_call);
  std::string text;
  if (!policies.name(index).empty()) {
    text = "policy   of " + audit::terminal_text(policies.name(index)) + "\n";
  }
  text += doubt_text(policies.compiled(index), call.doubts, facts, of_call);
  const policy::Policy& policy = policies.policy(index);
  evaluate::EvaluationOptions options = policies.options(index);
  const auto add_layer = [&](const policy::Policy& filters,
                             const evaluate::ContextFacts& of_layer) {
    const evaluate::Explanation explanation =
        evaluate::explain(filters, options, of_layer, of_call);
    text += targets_text(filters, options, of_layer, of_call);
    text += explanation_text(explanation, filters);
    text += audit::event_5712_text(
        {call, of_layer, of_call, options.profile, filters, explanation.verdict});
  };
  add_layer(policy, facts);
  const auto is_epmap = [](const policy::Filter& filter) {
    return filter.layer == policy::Layer::epmap;
  };
  const bool is_asked =
      call.question && std::any_of(policy.filters.begin(), policy.filters.end(), is_epmap);
  if (!is_asked) return text;
  // The layers do not arbitrate between each other: whoever either of them stops gets no answer.
  const std::unique_ptr<const policy::Policy> filters = audit::filters_of(policy);
  options.layer = policy::Layer::epmap;
  text += "\nlayer epmap, which sees the interface that is asked for\n";
  add_layer(*filters, audit::mapper_facts(facts, *call.question));
  return text;
}

// Explains every call that began in one frame, as it passes.
class ExplainingObserver : public dissect::RpcObserver {
 public:
  ExplainingObserver(const evaluate::ServerPolicies& policies, std::uint64_t frame)
      : policies_(policies), frame_(frame) {}

  void on_context(const dissect::RpcContext&) override {}
  void on_context_result(const dissect::RpcContext&) override {}
  void on_context_closed(dissect::ContextKey) override {}
  void on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) override {
    if (call.frame.number != frame_) return;
    if (!text_.empty()) text_ += '\n';
    calls_.push_back({call.key, call.call_id});
    text_ += call_text(context, call);
    text_ += explanation_for(policies_, context, call, evaluate::context_facts(context));
  }
  void on_doubt(dissect::CallKey key, dissect::Doubts doubts) override {
    for (const ToldCall& call : calls_) {
      if (call.key != key) continue;
      text_ += "\ndoubt    of call " + std::to_string(call.call_id) + ", by what came later: ";
      text_ += audit::doubts_text(doubts) + "\n";
    }
  }
  void on_outcome(const dissect::RpcOutcome&) override {}
  void on_blindness(const dissect::Blindness&) override {}
  void on_watermark(std::uint64_t) override {}

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  const evaluate::ServerPolicies& policies_;
  struct ToldCall {
    dissect::CallKey key;
    std::uint32_t call_id = 0;
  };

  std::uint64_t frame_;
  std::vector<ToldCall> calls_;
  std::string text_;
};

ExitStatus print(const std::string& text, Log& log) {
  if (std::cout << text << std::flush) return ExitStatus::done;
  log.error("standard output: could not be written");
  return ExitStatus::data;
}

ExitStatus explain_described(const ExplainCommand& command,
                             const evaluate::ServerPolicies& policies, Log& log) {
  DescribedCall described;
  if (const auto problem = parse_call(command.call, described)) {
    log.error("--call: " + audit::terminal_text(*problem));
    return ExitStatus::usage;
  }
  evaluate::ContextFacts facts = evaluate::context_facts(described.context);
  if (!described.version_given) facts.if_version.reset();
  if (!described.client_given || !described.server_given) {
    log.warn("without client= and server= addresses are taken as 0.0.0.0");
  }
  return print(call_text(described.context, described.call) +
                   explanation_for(policies, described.context, described.call, facts),
               log);
}

ExitStatus explain_frame(const ExplainCommand& command, const evaluate::ServerPolicies& policies,
                         Log& log) {
  const Stop& stop = watch_for_stop_signals();
  const std::optional<MemoryPlan> memory = share_memory(command.options, false, log);
  if (!memory) return ExitStatus::usage;
  RunPlan plan;
  plan.limits = memory->limits;
  const std::unique_ptr<capture::FrameSource> source = open_source(command.options, stop, log);
  if (!source) return ExitStatus::usage;
  ExplainingObserver observer(policies, command.frame);
  drop_privileges(command.options, log);
  const FrameRun run = run_frames(*source, stop, plan, observer);
  for (const capture::InputProblem& problem : source->problems()) {
    log.error(audit::terminal_text(source->input_name(problem.input)) + ": " +
              audit::terminal_text(problem.message));
  }
  const ExitStatus printed = print(observer.text(), log);
  if (const auto stopped = report_stop(run.read, log)) return *stopped;
  if (printed != ExitStatus::done || !source->problems().empty()) return ExitStatus::data;
  if (!observer.text().empty()) return ExitStatus::done;
  log.warn("no RPC call began in frame " + std::to_string(command.frame));
  return ExitStatus::nothing_evaluated;
}

ExitStatus run_explain(const ExplainCommand& command) {
  Log log(command.options.verbose);
  LoadedPolicies loaded = load_all_policies(command.options);
  if (!report_usable(loaded, command.options, log)) return ExitStatus::usage;
  const evaluate::ServerPolicies policies = server_policies(std::move(loaded));
  if (!command.call.empty()) return explain_described(command, policies, log);
  if (!command.options.captures.empty() && command.frame != 0) {
    return explain_frame(command, policies, log);
  }
  log.error("explain needs --call, or --read and --frame");
  return ExitStatus::usage;
}

}  // namespace

Command explain_command() {
  const auto state = std::make_shared<ExplainCommand>();
  Command command{
      .name = "explain",
      .summary = "Say why a call would be blocked or not",
      .footer =
          "Examples:\n"
          "  rpcaudit explain -p policy.txt -r dc1.pcapng --frame 4711\n"
          "  rpcaudit explain -p policy.txt --call 'interface=drsuapi opnum=DRSGetNCChanges\n"
          "      client=10.77.0.21 server=10.77.0.1 auth_type=16 auth_level=6'\n"
          "\n"
          "Keys of --call: interface version opnum protocol client server port pipe "
          "auth_type\n"
          "auth_level object user lookup (the interface that ept_map asks for).\n",
      .run = [state](const auto&) { return run_explain(*state); }};
  add_policy_options(command.options, state->options, true);
  add_target_options(command.options, state->options);
  add_capture_options(command.options, state->options, false);
  add_control_options(command.options, state->options.controls);
  std::vector<Option>& options = command.options.options;
  options.push_back(
      {.names = "--call", .help = "A call described as key=value words", .target = &state->call});
  options.push_back({.names = "--frame",
                     .value_name = "N",
                     .help = "Number of the frame in which the call begins",
                     .target = &state->frame,
                     .range = {.min = 1},
                     .excludes = "--call"});
  options.push_back({.names = "-q,--quiet",
                     .help = "No remarks about the policy",
                     .target = &state->options.quiet});
  return command;
}

}  // namespace rpcaudit::app
