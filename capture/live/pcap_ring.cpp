#include "capture/live/pcap_ring.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "capture/capture_format.h"
#include "capture/live/fanout.h"

namespace rpcaudit::capture {
namespace {

// After this long the kernel hands over a block that is not full.
constexpr int kBlockMilliseconds = 50;

struct HandleCloser {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using Handle = std::unique_ptr<pcap_t, HandleCloser>;

std::string reason_of(int status, pcap_t* handle) {
  switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
      return "there is no such interface; `rpcaudit live --list-interfaces` shows which there are";
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
      return "no permission to capture: that takes the capability CAP_NET_RAW; run as root, or "
             "give it to the program with `setcap cap_net_raw=ep FILE`";
    case PCAP_ERROR_IFACE_NOT_UP: return "the interface is down: `ip link set NAME up` starts it";
    default: break;
  }
  const std::string text = pcap_geterr(handle);
  return text.empty() ? pcap_statustostr(status) : text;
}

// LINKTYPE_ values of files are libpcap's DLT_ values but where systems once disagreed.
std::uint32_t link_number_of(int dlt) noexcept {
  constexpr std::uint32_t kRawIp = 101;
  return dlt == DLT_RAW ? kRawIp : static_cast<std::uint32_t>(dlt);
}

void name_interface(ifreq& request, const std::string& name) noexcept {
  request = {};
  std::memcpy(static_cast<char*>(request.ifr_name), name.data(),
              std::min<std::size_t>(name.size(), IFNAMSIZ - 1));
}

}  // namespace

Bytes FrameBytes::add(Bytes bytes) noexcept {
  std::byte* const begin = bytes_.get() + used_;
  std::memcpy(begin, bytes.data(), bytes.size());
  used_ += bytes.size();
  return {begin, bytes.size()};
}

PcapRing::PcapRing(pcap* handle, const RingOptions& options, LiveInterface& interface)
    : handle_(handle),
      interface_(interface),
      descriptor_(pcap_fileno(handle)),
      promiscuous_(options.promiscuous),
      is_watching_(options.is_watching && interface.name != kAllInterfaces) {
  set_link_type();
  ifreq request;
  name_interface(request, interface.name);
  if (is_watching_ && ::ioctl(descriptor_, SIOCGIFINDEX, &request) == 0) {
    index_ = request.ifr_ifindex;
  }
}

PcapRing::~PcapRing() { pcap_close(handle_); }

std::unique_ptr<PcapRing> PcapRing::open(const RingOptions& options, LiveInterface& interface,
                                         std::string& error) {
  std::array<char, PCAP_ERRBUF_SIZE> text{};
  Handle handle(pcap_create(interface.name.c_str(), text.data()));
  if (!handle) {
    error = interface.name + ": " + text.data();
    return nullptr;
  }
  pcap_set_snaplen(handle.get(), static_cast<int>(options.snap_length));
  pcap_set_promisc(handle.get(), options.promiscuous ? 1 : 0);
  pcap_set_timeout(handle.get(), kBlockMilliseconds);
  pcap_set_buffer_size(handle.get(), static_cast<int>(options.buffer_bytes));
  pcap_set_tstamp_precision(handle.get(), PCAP_TSTAMP_PRECISION_NANO);
  const int status = pcap_activate(handle.get());  // positive: a warning
  if (status < 0) {
    error = interface.name + ": " + reason_of(status, handle.get());
    return nullptr;
  }
  if (interface.name == kAllInterfaces) pcap_set_datalink(handle.get(), DLT_LINUX_SLL2);
  if (pcap_setnonblock(handle.get(), 1, text.data()) != 0) {
    error = interface.name + ": " + text.data();
    return nullptr;
  }
  std::unique_ptr<PcapRing> ring(new PcapRing(handle.release(), options, interface));
  if (!ring->set_filter(options.filter, error)) return nullptr;
  return ring;
}

bool PcapRing::set_filter(const std::string& expression, std::string& error) {
  if (expression.empty()) return true;
  bpf_program program{};
  bool is_set = pcap_compile(handle_, &program, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0;
  if (is_set) {
    is_set = pcap_setfilter(handle_, &program) == 0;
    pcap_freecode(&program);
  }
  if (!is_set) error = interface_.name + ": --filter: " + pcap_geterr(handle_);
  return is_set;
}

void PcapRing::set_link_type() {
  link_number_ = link_number_of(pcap_datalink(handle_));
  link_ = link_type_of(link_number_);
}

bool PcapRing::join(std::optional<std::uint16_t>& group, std::string& error) {
  const bool is_first = !group;
  if (!join_fanout(descriptor_, group) || (is_first && !load_fanout_program(descriptor_))) {
    error = interface_.name +
            ": cannot share frames between workers: " + std::generic_category().message(errno);
    return false;
  }
  is_joined_ = true;
  return true;
}

struct PcapRing::Reading {
  pcap_t* handle;
  const PcapRing& ring;
  std::span<Frame> frames;
  FrameBytes& bytes;
  std::size_t count = 0;

  void take(const pcap_pkthdr& header, const u_char* data) noexcept {
    // With PCAP_TSTAMP_PRECISION_NANO the second member counts nanoseconds.
    const Timestamp time{std::int64_t{header.ts.tv_sec} * kNanosecondsPerSecond +
                         header.ts.tv_usec};
    if (time < ring.begin_) return;
    Frame& frame = frames[count++];
    frame.bytes = bytes.add({reinterpret_cast<const std::byte*>(data), header.caplen});
    frame.original_length = header.len;
    frame.link_number = ring.link_number_;
    frame.link = ring.link_;
    frame.timestamp = time;
    if (bytes.full()) pcap_breakloop(handle);
  }
};

std::size_t PcapRing::read(std::span<Frame> frames, FrameBytes& bytes) {
  if (frames.empty() || bytes.full()) return 0;
  Reading reading{handle_, *this, frames, bytes};
  const auto take = [](u_char* user, const pcap_pkthdr* header, const u_char* data) {
    reinterpret_cast<Reading*>(user)->take(*header, data);
  };
  // An error is one of the interface, and told by its state; it may come back.
  (void)pcap_dispatch(handle_, static_cast<int>(frames.size()), take,
                      reinterpret_cast<u_char*>(&reading));
  std::uint64_t number = interface_.numbered.fetch_add(reading.count, std::memory_order_relaxed);
  for (Frame& frame : frames.first(reading.count)) frame.number = ++number;
  return reading.count;
}

void PcapRing::clear_error() noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
}

void PcapRing::update() noexcept {
  count();
  if (is_watching_) watch();
}

void PcapRing::count() noexcept {
  pcap_stat now{};
  if (pcap_stats(handle_, &now) != 0) return;
  const auto add = [](std::atomic<std::uint64_t>& sum, std::uint32_t value, std::uint32_t& last) {
    sum.fetch_add(value - last, std::memory_order_relaxed);
    last = value;
  };
  add(interface_.matched, now.ps_recv, matched_);
  add(interface_.dropped, now.ps_drop, dropped_);
  // The adapter's own count is the same for all rings. It starts anew with another adapter.
  if (is_watching_ && now.ps_ifdrop >= missed_) add(interface_.missed, now.ps_ifdrop, missed_);
  missed_ = now.ps_ifdrop;
}

void PcapRing::watch() noexcept { interface_.state.store(find_state(), std::memory_order_relaxed); }

LinkState PcapRing::find_state() noexcept {
  ifreq request;
  name_interface(request, interface_.name);
  if (::ioctl(descriptor_, SIOCGIFINDEX, &request) != 0) return LinkState::gone;
  if (request.ifr_ifindex != index_ && !attach(request.ifr_ifindex)) return LinkState::detached;
  if (::ioctl(descriptor_, SIOCGIFFLAGS, &request) != 0) return LinkState::gone;
  constexpr int kWorks = IFF_UP | IFF_RUNNING;
  return (request.ifr_flags & kWorks) == kWorks ? LinkState::up : LinkState::down;
}

// Another interface of the same name: an adapter that was plugged in again. The socket was opened
// with the privileges that it takes, and may be bound anew without them, but not in a group.
bool PcapRing::attach(int index) noexcept {
  if (is_joined_) return false;
  clear_error();
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = index;
  if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return false;
  }
  index_ = index;
  if (!promiscuous_) return true;
  packet_mreq request{};
  request.mr_ifindex = index;
  request.mr_type = PACKET_MR_PROMISC;
  (void)::setsockopt(descriptor_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request);
  return true;
}

}  // namespace rpcaudit::capture
