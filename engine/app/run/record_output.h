#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/app/process/stop_signal.h"
#include "engine/app/run/output_file.h"
#include "engine/app/run/run_options.h"
#include "engine/audit/event/event_sink.h"
#include "engine/audit/relay/repeat_suppressor.h"
#include "engine/audit/text/output_buffer.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::app {

// What a sink is made of besides the buffer that it writes to.
struct SinkParts {
  const evaluate::ServerPolicies* policies = nullptr;  // may be null
  audit::InputName input_name;
  std::string_view input_key = "pcap";  // what records call the input
  std::size_t contexts_max = 0;
};

// How one output writes.
struct SinkStyle {
  RecordFormat format = RecordFormat::json;  // not `automatic`
  audit::RecordMarks marks = {};             // of JSON records
  bool has_color = false;
  std::size_t columns = 0;  // of a terminal
};

// Borrows the buffer, and what the parts borrow.
[[nodiscard]] std::unique_ptr<audit::EventSink> make_sink(const SinkStyle& style,
                                                          audit::OutputBuffer& buffer,
                                                          const SinkParts& parts);
[[nodiscard]] bool has_color(Color wanted, bool is_terminal);

// Where events go before the outputs: calls of one kind are told together there, where the options
// say so.
class SuppressedSink {
 public:
  // Borrows the sink of the outputs.
  SuppressedSink(const RunOptions& options, audit::EventSink& outputs);

  [[nodiscard]] audit::EventSink& sink() noexcept;
  // So late it is: tells what is due.
  void on_time(Timestamp now) {
    if (suppressor_) suppressor_->on_time(now);
  }
  // All events but the last counters were told.
  void finish() {
    if (suppressor_) suppressor_->write_pending();
  }

 private:
  audit::EventSink& outputs_;
  std::optional<audit::RepeatSuppressor> suppressor_;
};

// One place that records go to, and the form that they have there.
class RecordOutput : private audit::OutputTarget {
 public:
  // `stop` is borrowed: with it ends the wait for a reader that does not read. `on_closed` is
  // called when is_closed() becomes true.
  RecordOutput(const Stop& stop, std::function<void()> on_closed)
      : stop_(stop), on_closed_(std::move(on_closed)) {}

  // False when it cannot be written; error() then says why. A form of `automatic` becomes
  // `on_terminal` or JSON.
  [[nodiscard]] bool open(const OutputSpec& spec, RecordFormat on_terminal,
                          const std::vector<FileIdentity>& inputs);

  // To be called once, before anything is written. What the parts borrow must outlive the output.
  audit::EventSink& open_sink(const SinkParts& parts);
  [[nodiscard]] audit::OutputBuffer& buffer() noexcept { return *buffer_; }

  // Hands on what is held and closes the file. Afterwards error() tells whether all arrived.
  void finish();

  // Why it could not be opened: the run reads that file.
  [[nodiscard]] bool is_input() const noexcept { return file_.is_input(); }
  [[nodiscard]] const OutputFile& file() const noexcept { return file_; }
  [[nodiscard]] RecordFormat format() const noexcept { return style_.format; }
  [[nodiscard]] bool is_terminal() const noexcept { return file_.is_terminal(); }
  // Nobody reads any more: the other end of a pipe was closed.
  [[nodiscard]] bool is_closed() const noexcept { return target_ && target_->reader_is_gone(); }
  // What was lost; of a closed pipe nothing is said.
  [[nodiscard]] const std::string& error() const noexcept override { return error_; }

 private:
  [[nodiscard]] bool write(std::string_view bytes) override;

  const Stop& stop_;
  std::function<void()> on_closed_;
  OutputFile file_;
  SinkStyle style_;
  std::string error_;
  std::unique_ptr<audit::DescriptorTarget> target_;
  std::unique_ptr<audit::OutputBuffer> buffer_;
  std::unique_ptr<audit::EventSink> sink_;
};

}  // namespace rpcaudit::app
