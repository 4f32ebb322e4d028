#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "capture/live/pcap_live.h"

namespace rpcaudit::capture {
namespace {

std::string addresses_of(const pcap_if_t& interface) {
  std::string text;
  for (const pcap_addr* address = interface.addresses; address != nullptr;
       address = address->next) {
    if (address->addr == nullptr) continue;
    const sa_family_t family = address->addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    std::array<char, NI_MAXHOST> host{};
    if (::getnameinfo(address->addr, size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) ==
        0) {
      text += (text.empty() ? "" : " ") + std::string(host.data());
    }
  }
  return text;
}

std::string line_of(const pcap_if_t& interface) {
  constexpr std::size_t kNameWidth = 16;  // the kernel's names have at most 15 bytes
  std::string line = interface.name;
  line.resize(std::max(line.size() + 1, kNameWidth), ' ');
  const bool runs = (interface.flags & PCAP_IF_UP) != 0 && (interface.flags & PCAP_IF_RUNNING) != 0;
  line += runs ? "up    " : "down  ";
  const std::string addresses = addresses_of(interface);
  if (!addresses.empty()) return line + addresses + "\n";
  return line + (interface.description != nullptr ? interface.description : "") + "\n";
}

// Devices of libpcap that are no interfaces of a network: their frames hold no IP.
bool is_network(const pcap_if_t& interface) {
  const std::string_view name = interface.name;
  return if_nametoindex(interface.name) != 0 || name == kAllInterfaces;
}

}  // namespace

std::string list_interfaces(std::string& error) {
  std::array<char, PCAP_ERRBUF_SIZE> text{};
  pcap_if_t* found = nullptr;
  if (pcap_findalldevs(&found, text.data()) != 0) {
    error = text.data();
    return {};
  }
  const std::unique_ptr<pcap_if_t, void (*)(pcap_if_t*)> interfaces(found, pcap_freealldevs);
  std::string lines;
  for (const pcap_if_t* interface = found; interface != nullptr; interface = interface->next) {
    if (is_network(*interface)) lines += line_of(*interface);
  }
  if (lines.empty()) error = "no interface can be captured";
  return lines;
}

}  // namespace rpcaudit::capture
