#include "bench/bench_policies.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "bench/wire_buffer.h"

namespace rpcaudit::bench {
namespace {

constexpr std::array<std::string_view, 4> kUsedInterfaces{
    "e3514235-4b06-11d1-ab04-00c04fc2dcd2",
    "12345778-1234-abcd-ef00-0123456789ac",
    "367abb81-9844-35f1-ad32-98f038001003",
    "338cd001-2244-31f1-aaaa-900038001003",
};

std::string random_uuid(Random& random) {
  const std::uint64_t high = random.next();
  const std::uint64_t low = random.next();
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%012llx",
                static_cast<unsigned>(high >> 32), static_cast<unsigned>(high >> 16 & 0xffff),
                static_cast<unsigned>(high & 0xffff), static_cast<unsigned>(low >> 48),
                static_cast<unsigned long long>(low & 0xffff'ffff'ffff));
  return text.data();
}

std::string condition(std::string_view field, std::string_view match, std::string_view data) {
  std::string line = "add condition field=";
  line.append(field).append(" matchtype=").append(match).append(" data=").append(data);
  return line + "\n";
}

// Of the two networks for documentation and benchmarks that have room for so many (RFC 2544).
std::string network_address(unsigned host) {
  return "198.18." + std::to_string(host / 250) + "." + std::to_string(host % 250 + 1);
}

}  // namespace

std::string many_filters(unsigned count) {
  Random random(1);
  std::string script = "rpc filter\n";
  for (unsigned i = 0; i < count; ++i) {
    script += "add rule layer=um actiontype=block filterkey=" + random_uuid(random) + "\n";
    if (i % 10 < 7) {
      script += condition("if_uuid", "equal", random_uuid(random));
    } else if (i % 10 < 9) {
      script += condition("if_uuid", "equal", kUsedInterfaces[i % kUsedInterfaces.size()]);
      script += condition("opnum", "equal", std::to_string(1000 + i % 60'000));
    } else {
      script += condition("remote_addr_v4", "equal", network_address(i / 10 + 1));
    }
    script += "add filter\n";
  }
  return script;
}

std::string block_all() {
  return "rpc filter\nadd rule layer=um actiontype=block\n" +
         condition("opnum", "greater_or_equal", "0") + "add filter\n";
}

std::string block_interfaces(const std::vector<std::string>& interfaces) {
  std::string script = "rpc filter\n";
  for (const std::string& interface : interfaces) {
    script += "add rule layer=um actiontype=block\n" + condition("if_uuid", "equal", interface) +
              "add filter\n";
  }
  return script;
}

}  // namespace rpcaudit::bench
