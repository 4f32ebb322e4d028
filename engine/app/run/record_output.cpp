#include "engine/app/run/record_output.h"

#include <cstdlib>
#include <utility>

#include "engine/app/process/terminal.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/sink/json_sink.h"
#include "engine/audit/sink/text_sink.h"

namespace rpcaudit::app {

bool has_color(Color wanted, bool is_terminal) {
  if (wanted != Color::automatic) return wanted == Color::always;
  const char* const terminal = std::getenv("TERM");
  const bool is_dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return is_terminal && !is_dumb && std::getenv("NO_COLOR") == nullptr;
}

std::unique_ptr<audit::EventSink> make_sink(const SinkStyle& style, audit::OutputBuffer& buffer,
                                            const SinkParts& parts) {
  if (style.format == RecordFormat::text) {
    return std::make_unique<audit::TextSink>(buffer, parts.policies, parts.input_name,
                                             style.has_color, style.columns);
  }
  return std::make_unique<audit::JsonSink>(buffer, parts.policies, parts.input_name,
                                           parts.contexts_max, style.marks, parts.input_key);
}

SuppressedSink::SuppressedSink(const RunOptions& options, audit::EventSink& outputs)
    : outputs_(outputs) {
  constexpr std::int64_t kSecond = 1'000'000'000;  // nanoseconds
  if (options.suppress == 0) return;
  suppressor_.emplace(outputs, static_cast<std::int64_t>(options.suppress) * kSecond);
}

audit::EventSink& SuppressedSink::sink() noexcept {
  if (suppressor_) return *suppressor_;
  return outputs_;
}

bool RecordOutput::open(const OutputSpec& spec, RecordFormat on_terminal,
                        const std::vector<FileIdentity>& inputs) {
  if (!file_.open(spec.path, inputs)) {
    error_ = file_.error();
    return false;
  }
  style_ = {spec.format, spec.marks, has_color(spec.color, is_terminal()),
            terminal_columns(file_.descriptor())};
  if (style_.format == RecordFormat::automatic) {
    style_.format = is_terminal() ? on_terminal : RecordFormat::json;
  }
  target_ = std::make_unique<audit::DescriptorTarget>(file_.descriptor(), stop_.descriptor());
  buffer_ = std::make_unique<audit::OutputBuffer>(static_cast<audit::OutputTarget&>(*this),
                                                  is_terminal());
  return true;
}

audit::EventSink& RecordOutput::open_sink(const SinkParts& parts) {
  sink_ = make_sink(style_, *buffer_, parts);
  return *sink_;
}

bool RecordOutput::write(std::string_view bytes) {
  if (target_->write(bytes)) return true;
  if (is_closed()) on_closed_();
  return false;
}

void RecordOutput::finish() {
  buffer_->flush();
  if (buffer_->failed() && !is_closed()) {
    error_ = file_.name() + ": " + target_->error() + "; " +
             audit::grouped(buffer_->records_lost()) + " records were lost";
  }
  if (!file_.finish() && error_.empty()) error_ = file_.error();
}

}  // namespace rpcaudit::app
