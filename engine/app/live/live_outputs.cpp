#include "engine/app/live/live_outputs.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "engine/app/process/terminal.h"
#include "engine/app/run/outputs.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/text/rfc3339.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

std::string short_time(Timestamp time) {
  std::array<char, audit::Rfc3339Writer::kSizeMax> text{};
  audit::Rfc3339Writer writer;
  return {text.data(), writer.write_short(time, text.data())};
}

}  // namespace

bool LiveOutputs::open(const LiveRunOptions& options) {
  std::vector<std::string> wanted = options.run.outputs;
  if (wanted.empty()) wanted.emplace_back("-");
  for (const std::string& text : wanted) {
    OutputSpec spec = parse_output(text, options.run.format);
    spec.color = options.run.color;
    spec.marks = options.run.marks;
    const bool is_twice = std::any_of(outputs_.begin(), outputs_.end(), [&](const Output& output) {
      return output.name == spec.path;
    });
    if (is_twice) {
      error_ = spec.path + ": is named as an output twice";
      return false;
    }
    if (!add(spec, options.rotation)) return false;
  }
  return true;
}

bool LiveOutputs::add(const OutputSpec& spec, const Rotation& rotation) {
  Output output;
  output.name = spec.path;
  bool is_terminal = false;
  bool may_come_later = false;
  std::unique_ptr<Destination> destination;
  if (spec.path == "-") {
    is_terminal = ::isatty(STDOUT_FILENO) == 1;
    destination = make_stream_destination();
  } else if (spec.path.starts_with(kUnixSocketPrefix)) {
    may_come_later = true;
    destination = make_socket_destination(spec.path.substr(kUnixSocketPrefix.size()));
  } else {
    destination = make_file_destination(spec.path, rotation);
  }
  if (!may_come_later && !destination->open()) {
    error_ = spec.path + ": " + destination->error();
    return false;
  }
  output.style = {spec.format, spec.marks, has_color(spec.color, is_terminal),
                  terminal_columns(STDOUT_FILENO)};
  if (output.style.format == RecordFormat::automatic) {
    output.style.format = is_terminal ? RecordFormat::text : RecordFormat::json;
  }
  output.queue = std::make_unique<RecordQueue>(std::move(destination), kQueueBytes);
  output.buffer = std::make_unique<audit::OutputBuffer>(*output.queue, is_terminal);
  outputs_.push_back(std::move(output));
  return true;
}

audit::EventSink& LiveOutputs::open_sink(const SinkParts& parts) {
  std::vector<audit::EventSink*> sinks;
  for (Output& output : outputs_) {
    output.sink = make_sink(output.style, *output.buffer, parts);
    sinks.push_back(output.sink.get());
  }
  if (sinks.size() == 1) return *sinks.front();
  return fanout_.emplace(std::move(sinks));
}

void LiveOutputs::reopen() {
  for (const Output& output : outputs_) output.queue->reopen();
}

void LiveOutputs::finish() {
  for (const Output& output : outputs_) output.buffer->flush();
  for (const Output& output : outputs_) output.queue->finish();
}

bool LiveOutputs::has(RecordFormat format) const noexcept {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [format](const Output& output) { return output.style.format == format; });
}

bool LiveOutputs::all_gone() const {
  return std::all_of(outputs_.begin(), outputs_.end(),
                     [](const Output& output) { return output.queue->state().is_gone; });
}

std::uint64_t LiveOutputs::records_lost() const {
  std::uint64_t sum = 0;
  for (const Output& output : outputs_) sum += output.queue->state().lost;
  return sum;
}

std::vector<OutputStatus> LiveOutputs::status() const {
  std::vector<OutputStatus> all;
  for (const Output& output : outputs_) {
    RecordQueue::State state = output.queue->state();
    if (!state.is_failing && !state.is_gone) state.error.clear();
    all.push_back({output.name, state.waiting_bytes, state.lost, std::move(state.error)});
  }
  return all;
}

std::vector<std::string> LiveOutputs::news() {
  std::vector<std::string> news;
  for (Output& output : outputs_) {
    const RecordQueue::State state = output.queue->state();
    if (state.is_gone) continue;
    if (state.is_failing && !output.told_failure) {
      news.push_back(output.name + ": " + state.error + "; records wait, and this is tried again");
    }
    if (!state.is_failing && output.told_failure) {
      news.push_back(output.name + ": takes records again");
    }
    output.told_failure = state.is_failing;
    // A loss is told when it has ended.
    if (state.lost == output.told_lost || state.is_losing) continue;
    news.push_back(output.name + ": " + audit::grouped(state.lost - output.told_lost) +
                   " records were lost between " + short_time(state.lost_since) + " and " +
                   short_time(state.lost_until));
    output.told_lost = state.lost;
  }
  return news;
}

}  // namespace rpcaudit::app
