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
#include "engine/app/explain/explain_json.h"
#include "engine/app/explain/explain_text.h"
#include "engine/app/policies/deployment_files.h"
#include "engine/app/run/pipeline.h"
#include "engine/app/run/run_report.h"
#include "engine/audit/sink/text_sink.h"
#include "engine/audit/tally/activity_table.h"
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

// Explains every call that began in one frame, as it passes.
class ExplainingObserver : public dissect::RpcObserver {
 public:
  ExplainingObserver(const evaluate::ServerPolicies& policies, std::uint64_t frame,
                     RecordFormat format, audit::InputName input_name)
      : policies_(policies),
        frame_(frame),
        is_json_(format == RecordFormat::json),
        input_name_(std::move(input_name)) {}

  void on_context(const dissect::RpcContext&) override {}
  void on_context_result(const dissect::RpcContext&) override {}
  void on_context_closed(dissect::ContextKey) override {}
  void on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) override {
    if (call.frame.number != frame_) return;
    std::string& text = texts_[call.frame.input];
    calls_.push_back({call.key, call.call_id, call.frame.input});
    const ExplainedCall explained(policies_, context, call, evaluate::context_facts(context));
    if (is_json_) {
      text += explanation_json(explained, frame_, input_name_(call.frame.input));
      return;
    }
    if (!text.empty()) text += '\n';
    text += explained_text(explained);
  }
  void on_doubt(dissect::CallKey key, dissect::Doubts doubts) override {
    for (const ToldCall& call : calls_) {
      if (call.key != key || is_json_) continue;
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
  bool is_json_;
  audit::InputName input_name_;
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
  const ExplainedCall explained(policies, described.context, described.call, facts);
  return print(command.options.format == RecordFormat::json ? explanation_json(explained, 0, {})
                                                            : explained_text(explained),
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
    text = command.options.format == RecordFormat::json
               ? of_input
               : "frame    " + std::to_string(command.frame) + " of " + name + "\n" + of_input;
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
  ExplainingObserver observer(policies, command.frame, command.options.format,
                              [&source](std::uint32_t input) { return source->input_name(input); });
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
  std::vector<Option>& output = command.options.group("Output").options;
  output.push_back(format_option(state->options.format,
                                 "Form of the explanation: `text`, or `json` with one document for "
                                 "each call."));
  output.push_back({.names = "-q,--quiet",
                    .help = "Print no remarks about the policy.",
                    .target = &state->options.quiet});
  return command;
}

}  // namespace rpcaudit::app
