#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "capture/timestamp.h"
#include "engine/app/live/destination.h"
#include "engine/audit/text/output_buffer.h"

namespace rpcaudit::app {

// Records on their way to a destination, which a thread of its own writes to: whoever hands records
// on never waits. What finds no room is lost, counted and told; a destination that failed is tried
// again every second.
class RecordQueue : public audit::OutputTarget {
 public:
  // What became of the records so far.
  struct State {
    std::uint64_t waiting_bytes = 0;
    std::uint64_t lost = 0;   // lines that found no room
    bool is_losing = false;   // the last one did not
    Timestamp lost_since;     // when the latest loss began
    Timestamp lost_until;     // and when it went on last
    bool is_failing = false;  // the destination does not take any
    bool is_gone = false;     // nor ever will
    std::string error;        // why
  };

  // Starts the thread. At most `bytes_max` wait.
  RecordQueue(std::unique_ptr<Destination> destination, std::size_t bytes_max);
  // Gives up what still waits.
  ~RecordQueue() override;

  // Always true: a queue takes everything.
  [[nodiscard]] bool write(std::string_view bytes) override;
  [[nodiscard]] const std::string& error() const override { return no_error_; }

  // The destination takes its name anew.
  void reopen();
  // Nothing more will be written: what waits is written, unless the destination does not take it
  // within a moment. Counts what is lost then.
  void finish();

  [[nodiscard]] State state() const;

 private:
  void run();
  [[nodiscard]] bool take(std::string& piece);
  void put(std::string piece);
  void lose(std::string_view piece);
  // False when the thread is to end.
  [[nodiscard]] bool write_out(std::string& piece);
  [[nodiscard]] bool wait_for_retry();
  void note(bool is_failing);

  std::unique_ptr<Destination> destination_;
  const std::size_t bytes_max_;
  const std::string no_error_;
  std::string torn_;  // the beginning of a line that is not complete; of the writer of records

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  std::size_t waiting_bytes_ = 0;
  State state_;
  bool is_ending_ = false;
  std::chrono::steady_clock::time_point give_up_at_;  // once it is ending
  std::atomic<bool> should_reopen_{false};
  std::thread thread_;
};

}  // namespace rpcaudit::app
