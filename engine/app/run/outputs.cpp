#include "engine/app/run/outputs.h"

#include <algorithm>
#include <utility>

namespace rpcaudit::app {

OutputSpec parse_output(const std::string& text, RecordFormat format) {
  constexpr std::string_view kJson = "json:";
  constexpr std::string_view kText = "text:";
  if (text.starts_with(kJson)) return {text.substr(kJson.size()), RecordFormat::json, {}};
  if (text.starts_with(kText)) return {text.substr(kText.size()), RecordFormat::text, {}};
  if (format == RecordFormat::automatic && text.ends_with(".txt")) format = RecordFormat::text;
  return {text, format, {}};
}

ExitStatus Outputs::open(const RunOptions& options, RecordFormat on_terminal,
                         const std::vector<FileIdentity>& inputs) {
  std::vector<std::string> wanted = options.outputs;
  if (wanted.empty()) wanted.emplace_back("-");
  std::vector<std::string> paths;
  const auto on_closed = [this] {
    if (all_closed()) stop_.request(StopReason::output_closed);
  };
  for (const std::string& text : wanted) {
    OutputSpec spec = parse_output(text, options.format);
    spec.color = options.color;
    spec.marks = options.marks;
    if (std::find(paths.begin(), paths.end(), spec.path) != paths.end()) {
      error_ = spec.path + ": is named as an output twice";
      return ExitStatus::usage;
    }
    paths.push_back(spec.path);
    outputs_.push_back(std::make_unique<RecordOutput>(stop_, on_closed));
    if (!outputs_.back()->open(spec, on_terminal, inputs)) {
      error_ = outputs_.back()->error();
      return outputs_.back()->is_input() ? ExitStatus::usage : ExitStatus::data;
    }
  }
  return ExitStatus::done;
}

audit::EventSink& Outputs::open_sink(const SinkParts& parts) {
  std::vector<audit::EventSink*> sinks;
  for (const auto& output : outputs_) {
    sinks.push_back(&output->open_sink(parts));
  }
  if (sinks.size() == 1) return *sinks.front();
  return fanout_.emplace(std::move(sinks));
}

void Outputs::finish() {
  for (const auto& output : outputs_) output->finish();
}

bool Outputs::has(RecordFormat format) const noexcept {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [format](const auto& output) { return output->format() == format; });
}

bool Outputs::has_terminal() const noexcept {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [](const auto& output) { return output->is_terminal(); });
}

bool Outputs::all_closed() const noexcept {
  return std::all_of(outputs_.begin(), outputs_.end(),
                     [](const auto& output) { return output->is_closed(); });
}

std::vector<std::string> Outputs::replaced() const {
  std::vector<std::string> names;
  for (const auto& output : outputs_) {
    if (output->file().replaces()) names.push_back(output->file().name());
  }
  return names;
}

std::vector<std::string> Outputs::losses() const {
  std::vector<std::string> losses;
  for (const auto& output : outputs_) {
    if (!output->error().empty()) losses.push_back(output->error());
  }
  return losses;
}

}  // namespace rpcaudit::app
