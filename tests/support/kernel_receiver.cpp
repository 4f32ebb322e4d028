#include "tests/support/kernel_receiver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace rpcaudit::test {
namespace {

constexpr int kRepairOffQuietly = -1;  // TCP_REPAIR_OFF_NO_WP: no window probe is sent
constexpr int kReceiveQueue = 1;       // TCP_RECV_QUEUE
constexpr int kSendQueue = 2;          // TCP_SEND_QUEUE
constexpr std::uint32_t kSegmentSizeOption = 2;
constexpr std::uint32_t kTimestampOption = 8;

bool failed(const char* what, std::string& why) {
  why = std::string(what) + ": " + std::strerror(errno);
  return false;
}

bool write_file(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return static_cast<bool>(file);
}

sockaddr_in socket_address(std::uint32_t address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(address);
  return result;
}

bool set_tcp_option(int socket, int name, int value) {
  return setsockopt(socket, IPPROTO_TCP, name, &value, sizeof value) == 0;
}

// Gives the device an address and brings it up.
bool configure(const char* name, std::uint32_t address, std::string& why) {
  const Descriptor control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  const sockaddr_in own = socket_address(address, 0);
  std::memcpy(&request.ifr_addr, &own, sizeof own);
  if (ioctl(control.get(), SIOCSIFADDR, &request) != 0) return failed("SIOCSIFADDR", why);
  const sockaddr_in mask = socket_address(0xff00'0000, 0);
  std::memcpy(&request.ifr_netmask, &mask, sizeof mask);
  if (ioctl(control.get(), SIOCSIFNETMASK, &request) != 0) return failed("SIOCSIFNETMASK", why);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) return failed("SIOCSIFFLAGS", why);
  return true;
}

}  // namespace

Descriptor::~Descriptor() { reset(-1); }

void Descriptor::reset(int value) noexcept {
  if (value_ >= 0) close(value_);
  value_ = value;
}

bool KernelNetwork::open(std::uint32_t own_address, std::string& why) {
  const std::string user = std::to_string(getuid());
  const std::string group = std::to_string(getgid());
  if (unshare(CLONE_NEWUSER) != 0) return failed("unshare", why);
  if (!write_file("/proc/self/setgroups", "deny") ||
      !write_file("/proc/self/uid_map", "0 " + user + " 1") ||
      !write_file("/proc/self/gid_map", "0 " + group + " 1")) {
    return failed("uid_map", why);
  }
  return renew(own_address, why);
}

bool KernelNetwork::renew(std::uint32_t own_address, std::string& why) {
  if (unshare(CLONE_NEWNET) != 0) return failed("unshare", why);
  device_.reset(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (device_.get() < 0) return failed("/dev/net/tun", why);
  ifreq request{};
  std::strncpy(request.ifr_name, "peer", IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(device_.get(), TUNSETIFF, &request) != 0) return failed("TUNSETIFF", why);
  return configure("peer", own_address, why);
}

void KernelNetwork::arrive(Bytes packet) const {
  (void)!::write(device_.get(), packet.data(), packet.size());
}

void KernelNetwork::discard_sent() const {
  std::array<std::byte, 4096> packet;
  while (::read(device_.get(), packet.data(), packet.size()) > 0) continue;
}

bool KernelReceiver::open(const KernelEnd& own, const KernelEnd& peer, bool has_timestamps,
                          std::string& why) {
  socket_.reset(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int socket = socket_.get();
  const int yes = 1;
  if (setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      !set_tcp_option(socket, TCP_NODELAY, 1) || !set_tcp_option(socket, TCP_REPAIR, 1) ||
      !set_tcp_option(socket, TCP_REPAIR_QUEUE, kSendQueue) ||
      !set_tcp_option(socket, TCP_QUEUE_SEQ, static_cast<int>(own.next)) ||
      !set_tcp_option(socket, TCP_REPAIR_QUEUE, kReceiveQueue) ||
      !set_tcp_option(socket, TCP_QUEUE_SEQ, static_cast<int>(peer.next))) {
    return failed("TCP_REPAIR", why);
  }
  const sockaddr_in here = socket_address(own.address, own.port);
  const sockaddr_in there = socket_address(peer.address, peer.port);
  if (bind(socket, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
    return failed("bind", why);
  }
  if (connect(socket, reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) {
    return failed("connect", why);
  }
  const std::array<tcp_repair_opt, 2> options{{{kSegmentSizeOption, 1460}, {kTimestampOption, 0}}};
  const auto size = static_cast<socklen_t>(sizeof(tcp_repair_opt) * (has_timestamps ? 2 : 1));
  if (setsockopt(socket, IPPROTO_TCP, TCP_REPAIR_OPTIONS, options.data(), size) != 0) {
    return failed("TCP_REPAIR_OPTIONS", why);
  }
  constexpr std::uint32_t kWindow = 65535;
  const tcp_repair_window window{peer.next, kWindow, kWindow, kWindow, peer.next};
  if (setsockopt(socket, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof window) != 0) {
    return failed("TCP_REPAIR_WINDOW", why);
  }
  return set_tcp_option(socket, TCP_REPAIR, kRepairOffQuietly) || failed("TCP_REPAIR", why);
}

// A socket under repair goes without a word, and leaves its ports to the next one.
KernelReceiver::~KernelReceiver() { (void)set_tcp_option(socket_.get(), TCP_REPAIR, 1); }

ByteVector KernelReceiver::read() {
  ByteVector all;
  std::array<std::byte, 4096> some;
  for (;;) {
    const ssize_t count = recv(socket_.get(), some.data(), some.size(), 0);
    if (count <= 0) return all;
    all.insert(all.end(), some.begin(), some.begin() + count);
  }
}

void KernelReceiver::write(Bytes bytes) const {
  (void)!send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

}  // namespace rpcaudit::test
