#include "engine/app/live/volatile_filters.h"

#include "engine/app/exit_status.h"
#include "engine/policy/text/script_line.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::app {
namespace {

constexpr auto kTakes = NetshConsole::Takes::volatile_ones;

}  // namespace

bool VolatileFilters::open(std::string& problems) {
  if (console_ && !console_->has_left()) return true;
  if (!is_open_ && !store_.open(":memory:", policy::FilterStore::Access::write)) {
    problems = "error: " + store_.error() + '\n';
    return false;
  }
  is_open_ = true;
  console_.emplace(store_, NetshConsole::Rule::of_console, std::string(), kTakes);
  return true;
}

ControlAnswer VolatileFilters::run(const ControlRequest& request) {
  ControlAnswer answer;
  if (!open(answer.err)) return {static_cast<int>(ExitStatus::data), {}, answer.err};
  Result result = Result::broken;
  if (request.words.empty()) {
    result = run_script(request.script, answer.out, answer.err);
    console_.reset();  // it would not see what another session has changed
  } else {
    console_->enter(policy::NetshContext::root);
    result = console_->run(policy::script_line(request.words, NetshConsole::file()), answer.out,
                           answer.err);
    answer.out += console_->entered_context_help();
  }
  if (result == Result::broken || !read_script()) {
    answer.status = static_cast<int>(ExitStatus::data);
  } else {
    answer.status =
        static_cast<int>(result == Result::done ? ExitStatus::done : ExitStatus::refused);
  }
  return answer;
}

// Its filters arrive together.
VolatileFilters::Result VolatileFilters::run_script(const std::string& script, std::string& answers,
                                                    std::string& problems) {
  const policy::SourceText source = policy::SourceText::decode(script);
  NetshConsole console(store_, NetshConsole::Rule::of_console, "script", kTakes);
  if (!console.begin(problems)) return Result::broken;
  Result all = Result::done;
  policy::ScriptReader reader(source, NetshConsole::file(), console.reporter());
  for (policy::ScriptLine line; reader.next(line);) {
    const Result result = console.run(line, answers, problems);
    if (result != Result::done) all = result;
    if (result == Result::broken || console.has_left()) break;
  }
  return all == Result::broken || !console.end(problems) ? Result::broken : all;
}

bool VolatileFilters::read_script() {
  const std::optional<std::vector<policy::StoredFilter>> filters = store_.filters();
  if (!filters) return false;
  script_ = filters->empty() ? "" : "rpc filter\n";
  for (const policy::StoredFilter& filter : *filters) script_ += filter.script;
  return true;
}

}  // namespace rpcaudit::app
