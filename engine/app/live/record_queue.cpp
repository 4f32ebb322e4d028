#include "engine/app/live/record_queue.h"

#include <algorithm>
#include <utility>

namespace rpcaudit::app {
namespace {

constexpr std::chrono::milliseconds kRetryInterval{1000};
constexpr std::chrono::milliseconds kLastRetryInterval{100};  // at the end of the program
// How long a destination that takes nothing may hold up the end of the program.
constexpr std::chrono::seconds kPatience{2};

std::uint64_t lines_of(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

RecordQueue::RecordQueue(std::unique_ptr<Destination> destination, std::size_t bytes_max)
    : destination_(std::move(destination)), bytes_max_(bytes_max), thread_([this] { run(); }) {}

RecordQueue::~RecordQueue() { finish(); }

bool RecordQueue::write(std::string_view bytes) {
  const std::size_t end = bytes.rfind('\n') + 1;  // 0 where there is none
  if (end != 0) {
    torn_.append(bytes.substr(0, end));
    put(std::exchange(torn_, {}));
  }
  torn_.append(bytes.substr(end));
  return true;
}

void RecordQueue::put(std::string piece) {
  const std::lock_guard lock(mutex_);
  if (state_.is_gone || waiting_bytes_ + piece.size() > bytes_max_) {
    lose(piece);
    return;
  }
  state_.is_losing = false;
  waiting_bytes_ += piece.size();
  waiting_.push_back(std::move(piece));
  changed_.notify_one();
}

void RecordQueue::lose(std::string_view piece) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  state_.lost_until.nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  if (!state_.is_losing) state_.lost_since = state_.lost_until;
  state_.is_losing = true;
  state_.lost += lines_of(piece);
}

void RecordQueue::reopen() {
  should_reopen_.store(true, std::memory_order_relaxed);
  changed_.notify_one();
}

void RecordQueue::finish() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    give_up_at_ = std::chrono::steady_clock::now() + kPatience;
    changed_.notify_one();
  }
  thread_.join();
}

RecordQueue::State RecordQueue::state() const {
  const std::lock_guard lock(mutex_);
  State state = state_;
  state.waiting_bytes = waiting_bytes_;
  return state;
}

void RecordQueue::run() {
  std::string piece;
  bool goes_on = true;
  while (goes_on && take(piece)) goes_on = write_out(piece);
  const std::lock_guard lock(mutex_);
  if (!piece.empty()) lose(piece);
  for (const std::string& lost : waiting_) lose(lost);
  state_.is_losing = false;
  waiting_.clear();
  waiting_bytes_ = 0;
}

// The next piece to write; false at the end.
bool RecordQueue::take(std::string& piece) {
  std::unique_lock lock(mutex_);
  // A time to wait for has the thread look whether a file is to be opened anew.
  while (waiting_.empty() && !is_ending_) {
    changed_.wait_for(lock, kRetryInterval);
    if (should_reopen_.exchange(false, std::memory_order_relaxed)) destination_->reopen();
  }
  if (waiting_.empty()) return false;
  piece = std::move(waiting_.front());
  waiting_.pop_front();
  return true;
}

bool RecordQueue::write_out(std::string& piece) {
  const std::size_t size = piece.size();
  std::size_t done = 0;        // bytes that need not be written again
  std::size_t whole_done = 0;  // `done` up to the end of a whole line
  while (done < size) {
    if (should_reopen_.exchange(false, std::memory_order_relaxed)) {
      destination_->reopen();
      done = whole_done;
    }
    std::size_t written = 0;
    const bool works = destination_->write(std::string_view(piece).substr(done), written);
    if (written != 0) {
      done += written;
      whole_done = piece.rfind('\n', done - 1) + 1;
    }
    note(!works);
    if (!works) done = whole_done;  // who reads it next gets whole lines
    if ((!works || written == 0) && !wait_for_retry()) {
      piece.erase(0, whole_done);
      return false;
    }
    if (!works) continue;
  }
  piece.clear();
  const std::lock_guard lock(mutex_);
  waiting_bytes_ -= size;
  return true;
}

// Waits before a destination is tried again that failed; false when it is given up.
bool RecordQueue::wait_for_retry() {
  std::unique_lock lock(mutex_);
  if (state_.is_gone) return false;
  if (state_.is_failing) {
    const bool was_ending = is_ending_;
    changed_.wait_for(lock, was_ending ? kLastRetryInterval : kRetryInterval,
                      [&] { return is_ending_ && !was_ending; });
  }
  return !is_ending_ || std::chrono::steady_clock::now() < give_up_at_;
}

void RecordQueue::note(bool is_failing) {
  const std::lock_guard lock(mutex_);
  state_.is_failing = is_failing;
  if (!is_failing) return;
  state_.error = destination_->error();
  state_.is_gone = destination_->is_gone();
}

}  // namespace rpcaudit::app
