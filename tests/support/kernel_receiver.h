#pragma once

#include <cstdint>
#include <string>

#include "tests/support/rpc_bytes.h"

namespace rpcaudit::test {

// A file descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int value = -1) noexcept : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  [[nodiscard]] int get() const noexcept { return value_; }
  void reset(int value) noexcept;

 private:
  int value_;
};

// A network of its own with this host and, behind a TUN device, whoever the test plays. The process
// that opens it stays in it: use a child process.
class KernelNetwork {
 public:
  // False where the system does not permit it; `why` says what failed.
  [[nodiscard]] bool open(std::uint32_t own_address, std::string& why);
  // Another one in its place: fragments of datagrams that were never complete are gone.
  [[nodiscard]] bool renew(std::uint32_t own_address, std::string& why);

  // A packet arrives, from its IP header on.
  void arrive(Bytes packet) const;
  // What the host sends is not read by anybody.
  void discard_sent() const;

 private:
  Descriptor device_;
};

// One end of an open TCP connection.
struct KernelEnd {
  std::uint32_t address = 0;  // IPv4, host order
  std::uint16_t port = 0;
  std::uint32_t next = 0;  // the sequence number of the next byte that it sends
};

// The operating system as the receiver of a connection whose other end the test plays: what it
// takes, drops and answers is nobody's model. The connection is open from the start (TCP_REPAIR).
class KernelReceiver {
 public:
  KernelReceiver() = default;
  KernelReceiver(const KernelReceiver&) = delete;
  KernelReceiver& operator=(const KernelReceiver&) = delete;
  ~KernelReceiver();

  // False where the system does not permit it; `why` says what failed.
  [[nodiscard]] bool open(const KernelEnd& own, const KernelEnd& peer, bool has_timestamps,
                          std::string& why);

  // The bytes that have come since the last call, as an application reads them.
  [[nodiscard]] ByteVector read();
  void write(Bytes bytes) const;

 private:
  Descriptor socket_;
};

}  // namespace rpcaudit::test
