#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "dissect/endpoint.h"

namespace rpcaudit::audit {

enum class IpProtocol : std::uint8_t { tcp = 6, udp = 17 };

// Community ID flow hashes, version 1 with seed 0: the same text for both directions of a flow, by
// which records of different tools are joined.
class CommunityId {
 public:
  CommunityId();
  CommunityId(const CommunityId&) = delete;
  CommunityId& operator=(const CommunityId&) = delete;
  ~CommunityId();

  // Valid until the next call. Empty when the library refuses to hash.
  [[nodiscard]] std::string_view of(const Endpoint& a, const Endpoint& b, IpProtocol protocol);

 private:
  struct Hash;
  static constexpr std::size_t kSize = 2 + 28;  // `1:` and twenty bytes in base64

  std::unique_ptr<Hash> hash_;
  std::array<char, kSize> text_{};
  // The flow that text_ is of: contexts of one flow follow one another.
  Endpoint lower_;
  Endpoint upper_;
  IpProtocol protocol_ = IpProtocol::tcp;
  bool known_ = false;
};

}  // namespace rpcaudit::audit
