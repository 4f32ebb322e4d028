#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/app/exit_status.h"
#include "engine/app/run/record_output.h"
#include "engine/audit/relay/fanout_sink.h"

namespace rpcaudit::app {

// Reads `[json:|text:]FILE`. Without a form before the name the form is `format`; where that is
// automatic, names that end in .txt are text.
[[nodiscard]] OutputSpec parse_output(const std::string& text, RecordFormat format);

// All places that the records of a run go to. Each of them gets every record.
class Outputs {
 public:
  // `stop` is borrowed, and asked for when nobody reads any output any more.
  explicit Outputs(Stop& stop) : stop_(stop) {}

  // Opens all that the options name, standard output when they name none. `usage` when one is among
  // `inputs` or is named twice, `data` when one cannot be written; error() then says why.
  [[nodiscard]] ExitStatus open(const RunOptions& options, RecordFormat on_terminal,
                                const std::vector<FileIdentity>& inputs);

  // Where events go. To be called once, before anything is written; what the parts borrow must
  // outlive the outputs.
  audit::EventSink& open_sink(const SinkParts& parts);
  [[nodiscard]] std::span<const std::unique_ptr<RecordOutput>> all() const noexcept {
    return outputs_;
  }

  // Hands on what is held and closes all.
  void finish();

  [[nodiscard]] bool has(RecordFormat format) const noexcept;
  [[nodiscard]] bool has_terminal() const noexcept;
  // Nobody reads any of them any more.
  [[nodiscard]] bool all_closed() const noexcept;
  // The files that were there already, and have something else in them once this is finished.
  [[nodiscard]] std::vector<std::string> replaced() const;
  // Why one could not be opened.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }
  // What was lost, once finished.
  [[nodiscard]] std::vector<std::string> losses() const;

 private:
  Stop& stop_;
  std::vector<std::unique_ptr<RecordOutput>> outputs_;
  std::optional<audit::FanoutSink> fanout_;
  std::string error_;
};

}  // namespace rpcaudit::app
