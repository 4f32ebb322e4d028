#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "capture/byte_window.h"
#include "capture/frame.h"

namespace rpcaudit::capture {

// Captured lengths beyond this are taken for damage; no capture library writes longer frames.
inline constexpr std::uint32_t kCapturedLengthMax = 16u << 20;
// Captured lengths beyond this are, too, where the pcap file states no longer snap length.
inline constexpr std::uint32_t kCapturedLengthUsual = 256u << 10;

// Finds the frames in one capture file. Reads on from where it stopped.
class CaptureFormat {
 public:
  CaptureFormat() = default;
  CaptureFormat(const CaptureFormat&) = delete;
  CaptureFormat& operator=(const CaptureFormat&) = delete;
  virtual ~CaptureFormat() = default;

  // Fills the front of `frames` with bytes, original_length, link, link_number and timestamp; the
  // rest is the caller's. All of them stay valid until the next call. 0 frames: the end, or the
  // damage that problem() tells.
  [[nodiscard]] virtual std::size_t read(ByteWindow& window, std::span<Frame> frames) = 0;

  // What is wrong at window.offset(), where reading stopped; empty when nothing is.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 protected:
  // Has `count` bytes at hand, or tells why not: a clean end only when nothing is left at all.
  [[nodiscard]] bool need(ByteWindow& window, std::size_t count, const char* what);
  void set_problem(std::string problem) { problem_ = std::move(problem); }

 private:
  std::string problem_;
};

// The format that the input begins with: pcap (micro- or nanosecond, either byte order), pcapng,
// snoop or Network Monitor. Empty when it is none of them.
[[nodiscard]] std::unique_ptr<CaptureFormat> detect_format(ByteWindow& window);

[[nodiscard]] std::unique_ptr<CaptureFormat> make_pcap_format();
[[nodiscard]] std::unique_ptr<CaptureFormat> make_pcapng_format();
[[nodiscard]] std::unique_ptr<CaptureFormat> make_snoop_format();
[[nodiscard]] std::unique_ptr<CaptureFormat> make_netmon_format();

// LINKTYPE_ values (as files state them) that the dissector reads itself; `other` for the rest.
[[nodiscard]] LinkType link_type_of(std::uint32_t link_number) noexcept;

// An integer at `at`, which the caller knows to be inside.
[[nodiscard]] inline std::uint32_t load_u32(Bytes bytes, std::size_t at, bool swapped) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return swapped ? __builtin_bswap32(value) : value;
}
[[nodiscard]] inline std::uint16_t load_u16(Bytes bytes, std::size_t at, bool swapped) noexcept {
  std::uint16_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return swapped ? __builtin_bswap16(value) : value;
}

}  // namespace rpcaudit::capture
