#include "capture/pcap_file.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <vector>

#include "capture/capture_input.h"
#include "capture/packet_filter.h"

namespace rpcaudit {
namespace {

// Several capture files as one series in time order.
class CaptureSeries final : public FrameSource {
 public:
  explicit CaptureSeries(std::unique_ptr<PacketFilter> filter) : filter_(std::move(filter)) {}

  void add(std::string name, bool from_folder) {
    auto input = std::make_unique<CaptureInput>(std::move(name));
    input->index = static_cast<std::uint32_t>(inputs_.size());
    input->from_folder = from_folder;
    inputs_.push_back(std::move(input));
  }
  void add_window(std::unique_ptr<ByteWindow> window) {
    add("memory", false);
    inputs_.back()->open(std::move(window));
  }
  void add_problem(std::string name, std::string message) {
    add(std::move(name), false);
    problems_.push_back({inputs_.back()->index, 0, std::move(message), false});
    failed_.push_back(inputs_.back()->index);
  }

  // Finds out when each input starts. With a single one there is nothing to merge and no need.
  void arrange();

  ReadResult read(std::span<Frame> frames) override {
    const std::size_t count = readers_.size() == 1 && waiting_ == inputs_by_start_.size()
                                  ? read_single(frames)
                                  : read_merged(frames);
    for (Frame& frame : frames.first(count)) frame.sequence = ++sequence_;
    return {count == 0 ? ReadStatus::end : ReadStatus::frames, count};
  }

  std::string_view input_name(std::uint32_t index) const override { return inputs_[index]->name(); }
  std::span<const InputProblem> problems() const override { return problems_; }
  std::uint64_t bytes_read() const override {
    std::uint64_t bytes = 0;
    for (const auto& input : inputs_) bytes += input->stored_read();
    return bytes;
  }
  std::uint64_t bytes_total() const override { return bytes_total_; }

 private:
  std::size_t read_single(std::span<Frame> frames);
  std::size_t read_merged(std::span<Frame> frames);
  void start_due_inputs();
  CaptureInput* earliest() noexcept;
  void finish(CaptureInput& input);

  std::unique_ptr<PacketFilter> filter_;
  std::vector<std::unique_ptr<CaptureInput>> inputs_;
  std::vector<CaptureInput*> inputs_by_start_;
  std::size_t waiting_ = 0;             // the first of them that is not open yet
  std::vector<CaptureInput*> readers_;  // open ones
  std::vector<InputProblem> problems_;
  std::vector<std::uint32_t> failed_;  // inputs that were never to be read
  std::uint64_t sequence_ = 0;
  std::uint64_t bytes_total_ = 0;
};

void CaptureSeries::finish(CaptureInput& input) {
  if (!input.problem().empty()) {
    const bool skipped = input.is_unreadable() && input.from_folder;
    problems_.push_back({input.index, input.problem_offset(), input.problem(), skipped});
  }
}

void CaptureSeries::arrange() {
  const bool merge = inputs_.size() - failed_.size() > 1;
  for (const auto& input : inputs_) {
    if (std::find(failed_.begin(), failed_.end(), input->index) != failed_.end()) continue;
    if (!input->is_open() && !input->is_unreadable()) input->open();
    if (!input->is_open()) {
      finish(*input);
      continue;
    }
    bytes_total_ += input->stored_total();
    input->start.nanoseconds = std::numeric_limits<std::int64_t>::min();
    // A pipe cannot be looked at and opened again: it is read from the start.
    if (merge && input->name() != "-") {
      input->refill(nullptr);
      if (input->next() != nullptr) input->start = input->next()->timestamp;
      if (input->problem().empty() && input->next() == nullptr) continue;  // holds no frames
      if (input->next() == nullptr) {
        finish(*input);
        continue;
      }
      input->close();
    }
    inputs_by_start_.push_back(input.get());
  }
  std::stable_sort(
      inputs_by_start_.begin(), inputs_by_start_.end(),
      [](const CaptureInput* a, const CaptureInput* b) { return a->start < b->start; });
}

CaptureInput* CaptureSeries::earliest() noexcept {
  CaptureInput* found = nullptr;
  for (CaptureInput* reader : readers_) {
    if (reader->next() == nullptr) continue;
    if (found == nullptr || reader->next()->timestamp < found->next()->timestamp ||
        (reader->next()->timestamp == found->next()->timestamp && reader->index < found->index)) {
      found = reader;
    }
  }
  return found;
}

// Opens every input whose first frame may be the next one of the series.
void CaptureSeries::start_due_inputs() {
  while (waiting_ < inputs_by_start_.size()) {
    CaptureInput& input = *inputs_by_start_[waiting_];
    const CaptureInput* first = earliest();
    if (first != nullptr && first->next()->timestamp < input.start) return;
    ++waiting_;
    if (!input.is_open()) input.open();
    if (!input.is_open()) {
      finish(input);
      continue;
    }
    input.refill(filter_.get());
    if (input.next() == nullptr) {
      finish(input);
    } else {
      readers_.push_back(&input);
    }
  }
}

std::size_t CaptureSeries::read_single(std::span<Frame> frames) {
  CaptureInput& input = *readers_.front();
  std::size_t count = 0;
  for (; count < frames.size() && input.next() != nullptr; input.advance()) {
    frames[count++] = *input.next();
  }
  if (count == 0) count = input.read(frames, filter_.get());
  if (count == 0) {
    finish(input);
    readers_.clear();
  }
  return count;
}

// A batch ends where an input has to read on, as that voids what it delivered before.
std::size_t CaptureSeries::read_merged(std::span<Frame> frames) {
  for (std::size_t i = 0; i < readers_.size();) {
    if (readers_[i]->next() == nullptr) readers_[i]->refill(filter_.get());
    if (readers_[i]->next() != nullptr) {
      ++i;
      continue;
    }
    finish(*readers_[i]);
    readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  std::size_t count = 0;
  while (count < frames.size()) {
    start_due_inputs();
    CaptureInput* input = earliest();
    if (input == nullptr) break;
    frames[count++] = *input->next();
    input->advance();
    if (input->next() == nullptr) break;
  }
  return count;
}

// The files below `folder`, by name. Hidden ones are left out.
std::vector<std::string> files_below(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  std::error_code error;
  auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(folder, options, error), end; !error && at != end;
       at.increment(error)) {
    const bool hidden = at->path().filename().string().starts_with('.');
    if (hidden && at->is_directory(error)) at.disable_recursion_pending();
    if (!hidden && at->is_regular_file(error)) found.push_back(at->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

OpenedCaptures open_captures(std::span<const std::string> paths, const std::string& filter) {
  std::unique_ptr<PacketFilter> compiled;
  if (!filter.empty()) {
    compiled = std::make_unique<PacketFilter>(filter);
    if (!compiled->error().empty()) return {nullptr, compiled->error()};
  }
  auto series = std::make_unique<CaptureSeries>(std::move(compiled));
  for (const std::string& path : paths) {
    std::error_code error;
    if (path == "-" || !std::filesystem::is_directory(path, error)) {
      series->add(path, false);
      continue;
    }
    const std::vector<std::string> found = files_below(path);
    if (found.empty()) series->add_problem(path, "is a folder without files");
    for (const std::string& file : found) series->add(file, true);
  }
  series->arrange();
  return {std::move(series), {}};
}

std::unique_ptr<FrameSource> open_capture_in_memory(Bytes bytes) {
  auto series = std::make_unique<CaptureSeries>(nullptr);
  series->add_window(window_over(bytes));
  series->arrange();
  return series;
}

}  // namespace rpcaudit
