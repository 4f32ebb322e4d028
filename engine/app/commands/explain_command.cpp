#include <algorithm>
#include <charconv>
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
#include "engine/policy/text/spelling.h"

namespace rpcaudit::app {
namespace {

struct ExplainCommand {
  RunOptions options;
  std::string call;
  std::uint64_t frame = 0;  // counted from 1 in its input; 0: none is named
  std::string input;        // the name of that input; empty: the only one with calls in the frame
};

// `N`, or `FILE:N` where several captures have a frame N.
std::optional<std::string> take_frame(const std::string& text, ExplainCommand& command) {
  const std::size_t colon = text.rfind(':');
  const bool has_input = colon != std::string::npos;
  const std::string_view number = std::string_view(text).substr(has_input ? colon + 1 : 0);
  const char* const end = number.data() + number.size();
  const auto [rest, error] = std::from_chars(number.data(), end, command.frame);
  if (error != std::errc() || rest != end || command.frame == 0) {
    return policy::quoted(text) + " is not a frame number, counted from 1, or FILE:NUMBER";
  }
  command.input = text.substr(0, has_input ? colon : 0);
  return std::nullopt;
}

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
    std::string& text = texts_[call.frame.input];
    if (!text.empty()) text += '\n';
    calls_.push_back({call.key, call.call_id, call.frame.input});
    text += call_text(context, call);
    text += explanation_for(policies_, context, call, evaluate::context_facts(context));
  }
  void on_doubt(dissect::CallKey key, dissect::Doubts doubts) override {
    for (const ToldCall& call : calls_) {
      if (call.key != key) continue;
      std::string& text = texts_[call.input];
      text += "\ndoubt    of call " + std::to_string(call.call_id) + ", by what came later: ";
      text += audit::doubts_text(doubts) + "\n";
    }
  }
  void on_outcome(const dissect::RpcOutcome&) override {}
  void on_blindness(const dissect::Blindness&) override {}
  void on_watermark(std::uint64_t) override {}

  // What is said of the calls of each input that has some in the frame.
  [[nodiscard]] const std::map<std::uint32_t, std::string>& texts() const { return texts_; }

 private:
  const evaluate::ServerPolicies& policies_;
  struct ToldCall {
    dissect::CallKey key;
    std::uint32_t call_id = 0;
    std::uint32_t input = 0;
  };

  std::uint64_t frame_;
  std::vector<ToldCall> calls_;
  std::map<std::uint32_t, std::string> texts_;
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

// The inputs of which `name` is the whole path or its end; all of them when it is empty.
bool is_named(std::string_view input, std::string_view name) {
  if (name.empty() || input == name) return true;
  return input.ends_with(name) && input[input.size() - name.size() - 1] == '/';
}

// Prints what is said of the calls of the one input that has some, and is named.
ExitStatus print_frame(const ExplainCommand& command, const capture::FrameSource& source,
                       const ExplainingObserver& observer, Log& log) {
  std::string text;
  std::vector<std::string> inputs;
  for (const auto& [input, of_input] : observer.texts()) {
    const std::string name = audit::terminal_text(source.input_name(input));
    if (!is_named(source.input_name(input), command.input)) continue;
    inputs.push_back(name);
    text = "frame    " + std::to_string(command.frame) + " of " + name + "\n" + of_input;
  }
  const std::string number = std::to_string(command.frame);
  if (inputs.empty()) {
    log.warn("no RPC call began in frame " + number +
             (command.input.empty() ? "" : " of " + audit::terminal_text(command.input)));
    return ExitStatus::nothing_evaluated;
  }
  if (inputs.size() == 1) return print(text, log);
  std::string names;
  for (const std::string& name : inputs) names += "\n  --frame " + name + ":" + number;
  log.error("calls begin in frame " + number + " of " + std::to_string(inputs.size()) +
            " captures; name one of them:" + names);
  return ExitStatus::usage;
}

ExitStatus explain_frame(const ExplainCommand& command, const evaluate::ServerPolicies& policies,
                         Log& log) {
  const Stop& stop = watch_for_stop_signals();
  const std::optional<MemoryPlan> memory = share_memory(command.options, false, log);
  if (!memory) return ExitStatus::usage;
  RunPlan plan;
  plan.limits = memory->limits;
  const std::unique_ptr<capture::FrameSource> source =
      open_source(command.options, *memory, stop, log);
  if (!source) return ExitStatus::usage;
  ExplainingObserver observer(policies, command.frame);
  drop_privileges(command.options, log);
  const FrameRun run = run_frames(*source, stop, plan, observer);
  const std::vector<std::string> problems = problems_of(*source);
  for (const std::string& problem : problems) log.error(audit::terminal_text(problem));
  if (const std::uint64_t skipped = skipped_of(*source); skipped != 0) {
    log.debug(std::to_string(skipped) + " files of folders are no captures");
  }
  const ExitStatus printed = print_frame(command, *source, observer, log);
  if (const auto stopped = report_stop(run.read, log)) return *stopped;
  const bool is_answered = printed == ExitStatus::done || printed == ExitStatus::nothing_evaluated;
  return is_answered && !problems.empty() ? ExitStatus::data : printed;
}

ExitStatus run_explain(const ExplainCommand& command) {
  Log log(command.options.verbose);
  LoadedPolicies loaded = load_all_policies(command.options);
  if (!report_usable(loaded, command.options, log)) return ExitStatus::usage;
  const evaluate::ServerPolicies policies = server_policies(std::move(loaded));
  if (!command.call.empty()) return explain_described(command, policies, log);
  const bool has_captures = !command.options.captures.empty();
  if (has_captures && command.frame != 0) return explain_frame(command, policies, log);
  log.error(has_captures         ? "--frame N says which call of the capture to explain"
            : command.frame != 0 ? "no capture is named to find the frame in"
                                 : "name a call: a capture with --frame N, or --call WORDS");
  return ExitStatus::usage;
}

}  // namespace

Command explain_command() {
  const auto state = std::make_shared<ExplainCommand>();
  Command command{
      .name = "explain",
      .summary = "Say why a call would be blocked or not.",
      .footer =
          "Examples:\n"
          "  rpcaudit explain -p policy.txt -r dc1.pcapng --frame 4711\n"
          "  rpcaudit explain -p policy.txt --call 'interface=drsuapi opnum=DRSGetNCChanges\n"
          "      client=10.77.0.21 server=10.77.0.1 auth_type=16 auth_level=6'\n"
          "\n"
          "Keys of --call: interface version opnum protocol client server port pipe\n"
          "auth_type auth_level object user lookup (the interface that ept_map asks for).\n",
      .run = [state] { return run_explain(*state); }};
  add_policy_options(command.options, state->options, true);
  add_target_options(command.options, state->options);
  add_capture_options(command.options, state->options, false);
  add_control_options(command.options, state->options.controls);
  add_process_options(command.options, state->options);
  std::vector<Option>& options = command.options.group("Input").options;
  options.push_back({.names = "--call",
                     .value_name = "WORDS",
                     .help = "A call described as key=value words.",
                     .target = &state->call});
  options.push_back(
      {.names = "--frame",
       .value_name = "N",
       .help = "Number of the frame in which the call begins, counted from 1; FILE:N where several "
               "captures have such a frame.",
       .target = [state](const std::string& text) { return take_frame(text, *state); },
       .excludes = "--call"});
  command.options.group("Output").options.push_back({.names = "-q,--quiet",
                                                     .help = "Print no remarks about the policy.",
                                                     .target = &state->options.quiet});
  return command;
}

}  // namespace rpcaudit::app
