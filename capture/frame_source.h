#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/frame.h"

namespace rpcaudit::capture {

enum class ReadStatus : std::uint8_t {
  frames,  // `count` frames were delivered, at least one
  idle,    // nothing for now, as of a pipe: call again; what is borrowed stays
  end,     // no frame will come any more
};

// How far time has come at a source that captures while nothing arrives: no frame that is still to
// come is older than `time` by more than a moment, and all have greater sequences.
struct TimeTick {
  Timestamp time;
  std::uint64_t sequence = 0;
};

struct ReadResult {
  ReadStatus status = ReadStatus::end;
  std::size_t count = 0;
  // When idle, of a source that captures. What is read later, as a file or a pipe, has none: its
  // frames alone say how time passes.
  std::optional<TimeTick> tick = {};
};

// Something wrong with an input. Frames before the damage have been delivered.
struct InputProblem {
  std::uint32_t input = 0;
  std::uint64_t offset = 0;  // byte offset in the (decompressed) input where the damage begins
  std::string message;       // lower case, no final period
  bool skipped = false;      // a file of a folder that is no capture: left out, nothing was lost
};

// Where frames come from. Single-threaded. Frames are delivered in batches so that the reader of
// them can look ahead; all frames of one batch stay valid until the next read() or destruction,
// longer where the source was made so.
class FrameSource {
 public:
  FrameSource() = default;
  FrameSource(const FrameSource&) = delete;
  FrameSource& operator=(const FrameSource&) = delete;
  virtual ~FrameSource() = default;

  // Fills the front of `frames`. A damaged input ends quietly here and is told by problems().
  [[nodiscard]] virtual ReadResult read(std::span<Frame> frames) = 0;

  // Whether read() ends by itself once a stop is asked for, when it has given what was captured
  // until then.
  [[nodiscard]] virtual bool ends_with_stop() const { return false; }

  // How many inputs there are; those of folders are counted one by one.
  [[nodiscard]] virtual std::uint32_t input_count() const { return 0; }
  // Name of input `index` as the user gave it. Valid as long as the source.
  [[nodiscard]] virtual std::string_view input_name(std::uint32_t index) const = 0;

  // What went wrong so far, in the order it was met.
  [[nodiscard]] virtual std::span<const InputProblem> problems() const = 0;

  // For progress: input bytes consumed so far and in all (0 when unknown).
  [[nodiscard]] virtual std::uint64_t bytes_read() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes_total() const = 0;
};

}  // namespace rpcaudit::capture
