#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "capture/frame.h"
#include "capture/live/live_interface.h"

struct pcap;

namespace rpcaudit::capture {

// Bytes of the frames of one batch.
class FrameBytes {
 public:
  // Room for a frame of `snap_length` bytes is always there while !full().
  explicit FrameBytes(std::size_t snap_length)
      : snap_length_(snap_length),
        size_(snap_length + kUsual),
        bytes_(std::make_unique_for_overwrite<std::byte[]>(size_)) {}

  void clear() noexcept { used_ = 0; }
  [[nodiscard]] bool full() const noexcept { return size_ - used_ < snap_length_; }
  [[nodiscard]] Bytes add(Bytes bytes) noexcept;

 private:
  static constexpr std::size_t kUsual = std::size_t{256} << 10;  // stays in the processor's cache

  std::size_t snap_length_;
  std::size_t size_;
  std::size_t used_ = 0;
  std::unique_ptr<std::byte[]> bytes_;
};

struct RingOptions {
  std::string filter;
  std::uint32_t snap_length = 0;
  std::size_t buffer_bytes = 0;
  bool promiscuous = true;
  bool is_watching = false;  // tells the state of the interface; one ring of each does
};

// A ring of frames that the kernel shares with the process: libpcap's, for one interface and one
// worker. Frames are copied out of it once: libpcap gives a block back to the kernel as soon as the
// last frame of it was delivered, so a batch cannot be lent.
class PcapRing {
 public:
  // Opens a ring and starts to capture; `error` says why there is none. `interface` is borrowed.
  [[nodiscard]] static std::unique_ptr<PcapRing> open(const RingOptions& options,
                                                      LiveInterface& interface, std::string& error);
  PcapRing(const PcapRing&) = delete;
  PcapRing& operator=(const PcapRing&) = delete;
  ~PcapRing();

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  // Joins the rings of other workers for the same interface, so that each frame goes to one of
  // them; see fanout.h. `group` is empty for the first of them, and is then set. To be called in
  // the order of the workers.
  [[nodiscard]] bool join(std::optional<std::uint16_t>& group, std::string& error);

  // Frames from before this time are left out: rings that were not joined yet had all of them.
  void begin_at(Timestamp time) noexcept { begin_ = time; }

  // Copies the frames at hand to the front of `frames`, without waiting; how many there were. Sets
  // all of a frame but its sequence and its input.
  [[nodiscard]] std::size_t read(std::span<Frame> frames, FrameBytes& bytes);

  // Takes note of an error of the socket, which would keep poll() from waiting.
  void clear_error() noexcept;
  // Brings the counters and the state of the interface up to date, and attaches to an interface
  // that came back. To be called about once a second.
  void update() noexcept;

 private:
  struct Reading;

  PcapRing(pcap* handle, const RingOptions& options, LiveInterface& interface);
  [[nodiscard]] bool set_filter(const std::string& expression, std::string& error);
  void set_link_type();
  void count() noexcept;
  void watch() noexcept;
  [[nodiscard]] LinkState find_state() noexcept;
  [[nodiscard]] bool attach(int index) noexcept;

  pcap* handle_;
  LiveInterface& interface_;
  int descriptor_;
  bool promiscuous_;
  bool is_watching_;
  bool is_joined_ = false;
  int index_ = 0;  // of the interface
  std::uint32_t link_number_ = 0;
  LinkType link_ = LinkType::other;
  Timestamp begin_;
  // What libpcap's counters, which wrap around, were last.
  std::uint32_t matched_ = 0;
  std::uint32_t dropped_ = 0;
  std::uint32_t missed_ = 0;
};

}  // namespace rpcaudit::capture
