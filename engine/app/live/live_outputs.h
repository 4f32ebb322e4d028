#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/app/live/live_options.h"
#include "engine/app/live/record_queue.h"
#include "engine/app/operate/live_status.h"
#include "engine/app/run/record_output.h"
#include "engine/audit/relay/fanout_sink.h"

namespace rpcaudit::app {

// What names a Unix stream socket among outputs.
inline constexpr std::string_view kUnixSocketPrefix = "unix:";

// All places that the records of a live capture go to: files that are appended to, Unix sockets and
// standard output. Each of them gets every record, through a queue of its own, so that one that
// takes none holds up nobody.
class LiveOutputs {
 public:
  // What waits for each output at most.
  static constexpr std::size_t kQueueBytes = std::size_t{8} << 20;

  // Opens all that the options name, standard output when they name none. False when a name is
  // wrong or a file cannot be written; error() then says why. A socket that nobody listens on may
  // come later.
  [[nodiscard]] bool open(const LiveRunOptions& options);
  // To be called once, before anything is written. What the parts borrow must outlive the outputs.
  audit::EventSink& open_sink(const SinkParts& parts);

  // Files are opened anew by their names.
  void reopen();
  // Hands on what is held, and waits for outputs that take it.
  void finish();

  [[nodiscard]] bool has(RecordFormat format) const noexcept;
  // Nobody reads any of them any more.
  [[nodiscard]] bool all_gone() const;
  // Records that outputs did not take, of all of them together.
  [[nodiscard]] std::uint64_t records_lost() const;
  [[nodiscard]] std::vector<OutputStatus> status() const;
  // What there is to tell about outputs that fail, or take records again, since this was last
  // asked.
  [[nodiscard]] std::vector<std::string> news();
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

 private:
  struct Output {
    std::string name;
    SinkStyle style;
    std::unique_ptr<RecordQueue> queue;
    std::unique_ptr<audit::OutputBuffer> buffer;
    std::unique_ptr<audit::EventSink> sink;
    bool told_failure = false;
    std::uint64_t told_lost = 0;
  };

  [[nodiscard]] bool add(const OutputSpec& spec, const Rotation& rotation);

  std::vector<Output> outputs_;
  std::optional<audit::FanoutSink> fanout_;
  std::string error_;
};

}  // namespace rpcaudit::app
