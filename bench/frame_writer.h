#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

#include "bench/wire_buffer.h"

namespace rpcaudit::bench {

enum class Side : std::uint8_t { client, server };

// A connection or a pair of UDP ports between two hosts, with the sequence numbers still to come.
struct Flow {
  std::uint32_t client_address = 0;
  std::uint32_t server_address = 0;
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;
  std::uint32_t client_sequence = 0;
  std::uint32_t server_sequence = 0;
};

// TCP flags (RFC 9293 3.1).
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kPush = 0x08;
inline constexpr std::uint8_t kAck = 0x10;

// Writes Ethernet frames, 10 microseconds apart, into a pcap file. Checksums and lengths are
// right; short frames are padded to 60 bytes, as an adapter would.
class FrameWriter {
 public:
  // Throws std::runtime_error when the file cannot be written, here or in close().
  explicit FrameWriter(const std::string& path);

  // One segment; advances the sender's sequence number by what it occupies.
  void tcp(Flow& flow, Side from, std::uint8_t flags, std::span<const std::uint8_t> payload);
  void udp(const Flow& flow, Side from, std::span<const std::uint8_t> payload);
  // The first fragment of an IP datagram: the ports, then the payload.
  void first_fragment(const Flow& flow, Side from, std::uint16_t identification,
                      std::span<const std::uint8_t> payload);
  void close();

  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  // Of at most 128 bytes.
  [[nodiscard]] std::uint64_t small_frames() const noexcept { return small_frames_; }
  [[nodiscard]] std::uint64_t file_bytes() const noexcept { return file_bytes_; }

 private:
  struct Closer {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  void begin_ip(const Flow& flow, Side from, std::uint8_t protocol, std::size_t size);
  void finish_transport(std::uint8_t protocol, std::size_t checksum_at);
  void write_frame();

  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  WireBuffer frame_;
  std::uint64_t frames_ = 0;
  std::uint64_t small_frames_ = 0;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace rpcaudit::bench
