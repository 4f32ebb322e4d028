#pragma once

#include <memory>
#include <string>

#include "engine/app/run/run_options.h"
#include "engine/audit/event/event_sink.h"
#include "engine/audit/text/output_buffer.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::app {

// The place that records go to: a file or standard output, and the sink that writes their form.
class RecordOutput {
 public:
  // Creates or empties `path`; `-` is standard output. On failure error() is not empty.
  explicit RecordOutput(const std::string& path);
  RecordOutput(const RecordOutput&) = delete;
  RecordOutput& operator=(const RecordOutput&) = delete;
  ~RecordOutput();

  // To be called once, before anything is written. `policies` may be null; it and what `input_name`
  // names must outlive the output.
  audit::EventSink& open_sink(RecordFormat format, const evaluate::ServerPolicies* policies,
                              audit::InputName input_name, std::size_t contexts_max);

  // A sink of the same form into another buffer.
  [[nodiscard]] std::unique_ptr<audit::EventSink> make_sink(
      audit::OutputBuffer& buffer, RecordFormat format, const evaluate::ServerPolicies* policies,
      audit::InputName input_name, std::size_t contexts_max) const;
  [[nodiscard]] audit::OutputBuffer& buffer() noexcept { return *buffer_; }

  // Hands on what is held and closes a file. Afterwards error() tells whether all arrived.
  void finish();

  [[nodiscard]] bool is_terminal() const noexcept { return is_terminal_; }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  std::string path_;
  int descriptor_ = -1;
  bool is_terminal_ = false;
  std::string error_;
  std::unique_ptr<audit::DescriptorTarget> target_;
  std::unique_ptr<audit::OutputBuffer> buffer_;
  std::unique_ptr<audit::EventSink> sink_;
};

}  // namespace rpcaudit::app
