#include "engine/audit/text/community_id.h"

#include <openssl/evp.h>

#include <algorithm>
#include <span>

namespace rpcaudit::audit {
namespace {

constexpr std::size_t kSha1Size = 20;

unsigned char* put_u16(std::uint16_t value, unsigned char* out) noexcept {
  *out++ = static_cast<unsigned char>(value >> 8);
  *out++ = static_cast<unsigned char>(value & 0xff);
  return out;
}

unsigned char* put_address(const IpAddress& address, unsigned char* out) noexcept {
  return std::copy(address.bytes.begin() + (address.is_v4() ? 12 : 0), address.bytes.end(), out);
}

void write_base64(std::span<const unsigned char> bytes, char* out) noexcept {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) { return k < bytes.size() ? unsigned{bytes[k]} : 0u; };
    const unsigned group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    *out++ = kDigits[group >> 18 & 63];
    *out++ = kDigits[group >> 12 & 63];
    *out++ = i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    *out++ = i + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
}

}  // namespace

// The algorithm and its state, looked up once: both cost more than the hash itself.
struct CommunityId::Hash {
  EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  EVP_MD_CTX* state = EVP_MD_CTX_new();

  Hash() = default;
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;
  ~Hash() {
    EVP_MD_CTX_free(state);
    EVP_MD_free(algorithm);
  }

  bool digest(std::span<const unsigned char> bytes, unsigned char* out) {
    unsigned size = 0;
    return algorithm != nullptr && EVP_DigestInit_ex2(state, algorithm, nullptr) == 1 &&
           EVP_DigestUpdate(state, bytes.data(), bytes.size()) == 1 &&
           EVP_DigestFinal_ex(state, out, &size) == 1 && size == kSha1Size;
  }
};

CommunityId::CommunityId() : hash_(std::make_unique<Hash>()) {}
CommunityId::~CommunityId() = default;

std::string_view CommunityId::of(const Endpoint& a, const Endpoint& b, IpProtocol protocol) {
  const Endpoint& lower = std::min(a, b);
  const Endpoint& upper = std::max(a, b);
  if (!known_ || lower != lower_ || upper != upper_ || protocol != protocol_) {
    std::array<unsigned char, 2 + 16 + 16 + 2 + 2 + 2> flow;
    unsigned char* end = put_u16(0, flow.data());  // the seed
    end = put_address(lower.address, end);
    end = put_address(upper.address, end);
    *end++ = static_cast<unsigned char>(protocol);
    *end++ = 0;
    end = put_u16(lower.port, end);
    end = put_u16(upper.port, end);

    std::array<unsigned char, kSha1Size> digest;
    const auto size = static_cast<std::size_t>(end - flow.data());
    if (!hash_->digest(std::span(flow).first(size), digest.data())) return {};
    text_[0] = '1';
    text_[1] = ':';
    write_base64(digest, text_.data() + 2);
    lower_ = lower;
    upper_ = upper;
    protocol_ = protocol;
    known_ = true;
  }
  return {text_.data(), text_.size()};
}

}  // namespace rpcaudit::audit
