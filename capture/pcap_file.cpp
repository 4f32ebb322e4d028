#include "capture/pcap_file.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "capture/capture_input.h"
#include "capture/packet_filter.h"

namespace rpcaudit::capture {
namespace {

// Several capture files as one series in time order.
//
// Inputs wait, closed, in the order of their first frames. Those that have begun and not ended are
// open and in a heap by their next frame, but for the one that the last batch used up.
class CaptureSeries final : public FrameSource {
 public:
  CaptureSeries(std::unique_ptr<PacketFilter> filter, const ReadOptions& options)
      : filter_(std::move(filter)), options_(options) {}

  void add(std::string name, bool from_folder) {
    to_peek_.push_back(&make_input(std::move(name), from_folder));
  }
  void add_window(std::unique_ptr<ByteWindow> window) {
    CaptureInput& input = make_input("memory", false);
    if (input.open(std::move(window))) waiting_.push_back(&input);
  }
  // An input that has no frames, and why.
  void add_problem(std::string name, std::string message) {
    const CaptureInput& input = make_input(std::move(name), false);
    problems_.push_back({input.index(), 0, std::move(message), false});
  }

  // Finds out when each input starts; to be called once, when all have been added.
  void arrange();

  ReadResult read(std::span<Frame> frames) override;

  std::uint32_t input_count() const override { return static_cast<std::uint32_t>(inputs_.size()); }
  std::string_view input_name(std::uint32_t index) const override { return inputs_[index]->name(); }
  std::span<const InputProblem> problems() const override { return problems_; }
  std::uint64_t bytes_read() const override;
  std::uint64_t bytes_total() const override;

 private:
  CaptureInput& make_input(std::string name, bool from_folder);
  std::size_t read_single(std::span<Frame> frames);
  std::size_t read_merged(std::span<Frame> frames);
  void start_due_inputs();
  [[nodiscard]] bool goes_first(const CaptureInput& input) const noexcept;
  void push_reader(CaptureInput& input);
  [[nodiscard]] CaptureInput& pop_reader();
  void retire(CaptureInput& input);
  void release_retired();

  // The window of an input that ended in that call of read().
  struct Retired {
    std::uint64_t read = 0;
    std::unique_ptr<ByteWindow> window;
  };

  std::unique_ptr<PacketFilter> filter_;
  ReadOptions options_;
  std::uint64_t reads_ = 0;
  std::vector<Retired> retired_;  // the earliest first
  std::vector<InputProblem> problems_;
  std::vector<std::unique_ptr<CaptureInput>> inputs_;
  std::vector<CaptureInput*> to_peek_;
  std::vector<CaptureInput*> waiting_;  // the next one to start is the last
  std::vector<CaptureInput*> readers_;  // a heap
  CaptureInput* used_up_ = nullptr;     // its frames are lent until the next read()
  std::uint64_t sequence_ = 0;
};

// Whether the next frame of `a` comes after that of `b`.
bool later(const CaptureInput* a, const CaptureInput* b) noexcept {
  const Timestamp time_of_a = a->next()->timestamp;
  const Timestamp time_of_b = b->next()->timestamp;
  return time_of_a == time_of_b ? a->index() > b->index() : time_of_a > time_of_b;
}

CaptureInput& CaptureSeries::make_input(std::string name, bool from_folder) {
  const auto index = static_cast<std::uint32_t>(inputs_.size());
  inputs_.push_back(std::make_unique<CaptureInput>(
      CaptureInput::Origin{std::move(name), index, from_folder, options_}, problems_));
  return *inputs_.back();
}

void CaptureSeries::push_reader(CaptureInput& input) {
  readers_.push_back(&input);
  std::push_heap(readers_.begin(), readers_.end(), later);
}

CaptureInput& CaptureSeries::pop_reader() {
  std::pop_heap(readers_.begin(), readers_.end(), later);
  CaptureInput& input = *readers_.back();
  readers_.pop_back();
  return input;
}

void CaptureSeries::arrange() {
  // A single input needs no place among others.
  const bool merge = to_peek_.size() > 1;
  for (CaptureInput* input : to_peek_) {
    if (merge ? input->peek() : input->open()) waiting_.push_back(input);
  }
  std::sort(waiting_.begin(), waiting_.end(), [](const CaptureInput* a, const CaptureInput* b) {
    return a->start() == b->start() ? a->index() > b->index() : a->start() > b->start();
  });
}

ReadResult CaptureSeries::read(std::span<Frame> frames) {
  if (frames.empty()) return {ReadStatus::idle, 0};
  const bool single = waiting_.empty() && readers_.empty() && used_up_ != nullptr;
  if (single && used_up_->is_idle()) return {ReadStatus::idle, 0};
  ++reads_;
  release_retired();
  const std::size_t count = single ? read_single(frames) : read_merged(frames);
  for (Frame& frame : frames.first(count)) frame.sequence = ++sequence_;
  return {count == 0 ? ReadStatus::end : ReadStatus::frames, count};
}

// The last input left: nothing to compare, nothing to copy.
std::size_t CaptureSeries::read_single(std::span<Frame> frames) {
  const std::size_t count = used_up_->read(frames, filter_.get());
  if (count == 0) retire(*std::exchange(used_up_, nullptr));
  return count;
}

// The frames of the read before this one are still borrowed from its window.
void CaptureSeries::retire(CaptureInput& input) {
  std::unique_ptr<ByteWindow> window = input.window_of_ended();
  if (options_.loans > 1) retired_.push_back({reads_, std::move(window)});
}

void CaptureSeries::release_retired() {
  const auto kept = std::find_if(retired_.begin(), retired_.end(), [this](const Retired& retired) {
    return reads_ < retired.read + options_.loans - 1;
  });
  retired_.erase(retired_.begin(), kept);
}

// A batch ends where an input has to read on, as that may void what it delivered before.
std::size_t CaptureSeries::read_merged(std::span<Frame> frames) {
  if (CaptureInput* input = std::exchange(used_up_, nullptr); input != nullptr) {
    if (input->refill(filter_.get())) {
      push_reader(*input);
    } else {
      retire(*input);
    }
  }
  std::size_t count = 0;
  while (count < frames.size() && used_up_ == nullptr) {
    start_due_inputs();
    if (readers_.empty()) break;
    CaptureInput& input = pop_reader();
    do {
      frames[count++] = *input.next();
      input.advance();
    } while (count < frames.size() && input.next() != nullptr && goes_first(input));
    if (input.next() == nullptr) {
      used_up_ = &input;
    } else {
      push_reader(input);
    }
  }
  return count;
}

// Opens every input whose first frame may be the next one of the series.
void CaptureSeries::start_due_inputs() {
  while (!waiting_.empty()) {
    CaptureInput& input = *waiting_.back();
    if (!readers_.empty() && readers_.front()->next()->timestamp < input.start()) return;
    waiting_.pop_back();
    if (!input.is_open() && !input.open()) continue;
    if (input.refill(filter_.get())) {
      push_reader(input);
    } else {
      retire(input);
    }
  }
}

bool CaptureSeries::goes_first(const CaptureInput& input) const noexcept {
  return (readers_.empty() || !later(&input, readers_.front())) &&
         (waiting_.empty() || input.next()->timestamp < waiting_.back()->start());
}

std::uint64_t CaptureSeries::bytes_read() const {
  std::uint64_t bytes = 0;
  for (const auto& input : inputs_) bytes += input->stored_read();
  return bytes;
}

std::uint64_t CaptureSeries::bytes_total() const {
  std::uint64_t bytes = 0;
  for (const auto& input : inputs_) bytes += input->stored_total();
  return bytes;
}

struct FolderContent {
  std::vector<std::string> files;                               // by name
  std::vector<std::pair<std::string, std::string>> unreadable;  // folders, and why
};

// Everything below `folder` but hidden files and links to folders, which may lead in circles.
FolderContent content_of(const std::string& folder) {
  namespace fs = std::filesystem;
  FolderContent content;
  std::vector<fs::path> folders{folder};
  while (!folders.empty()) {
    const fs::path current = std::move(folders.back());
    folders.pop_back();
    std::error_code error;
    for (fs::directory_iterator at(current, error), end; !error && at != end; at.increment(error)) {
      std::error_code ignored;  // what cannot be looked at is neither
      if (at->path().filename().native().starts_with('.')) continue;
      if (at->is_regular_file(ignored)) {
        content.files.push_back(at->path().string());
      } else if (at->is_directory(ignored) && !at->is_symlink(ignored)) {
        folders.push_back(at->path());
      }
    }
    if (error) content.unreadable.emplace_back(current.string(), "cannot read: " + error.message());
  }
  std::sort(content.files.begin(), content.files.end());
  std::sort(content.unreadable.begin(), content.unreadable.end());
  return content;
}

}  // namespace

OpenedCaptures open_captures(std::span<const std::string> paths, const std::string& filter,
                             const ReadOptions& options) {
  std::unique_ptr<PacketFilter> compiled;
  if (!filter.empty()) {
    compiled = std::make_unique<PacketFilter>(filter);
    if (!compiled->error().empty()) return {nullptr, compiled->error()};
  }
  auto series = std::make_unique<CaptureSeries>(std::move(compiled), options);
  for (const std::string& path : paths) {
    std::error_code error;
    if (path == "-" || !std::filesystem::is_directory(path, error)) {
      series->add(path, false);
      continue;
    }
    FolderContent content = content_of(path);
    for (auto& [folder, problem] : content.unreadable) series->add_problem(folder, problem);
    if (content.files.empty() && content.unreadable.empty()) {
      series->add_problem(path, "is a folder without files");
    }
    for (std::string& file : content.files) series->add(std::move(file), true);
  }
  series->arrange();
  return {std::move(series), {}};
}

std::unique_ptr<FrameSource> open_capture_in_memory(Bytes bytes) {
  auto series = std::make_unique<CaptureSeries>(nullptr, ReadOptions{});
  series->add_window(decompressed(window_over(bytes)));
  return series;
}

}  // namespace rpcaudit::capture
