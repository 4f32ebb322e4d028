#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {
namespace {

// FNV-1a. The numbers are the same in every run: no seed.
class RankHash {
 public:
  void add(const Endpoint& endpoint) noexcept {
    for (const std::uint8_t byte : endpoint.address.bytes) add(byte);
    add(static_cast<std::uint8_t>(endpoint.port >> 8));
    add(static_cast<std::uint8_t>(endpoint.port & 0xff));
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  void add(std::uint8_t byte) noexcept { value_ = (value_ ^ byte) * 0x100'0000'01b3; }

  std::uint64_t value_ = 0xcbf2'9ce4'8422'2325;
};

}  // namespace

Blindness make_blindness(BlindnessKind kind, const FrameReference& frame,
                         const std::array<Endpoint, 2>& endpoints) noexcept {
  static_assert(kBlindnessKindCount <= 16);
  Blindness blindness = make_blindness(kind, frame);
  blindness.client = endpoints[0];
  blindness.server = endpoints[1];
  RankHash hash;
  hash.add(endpoints[0]);
  hash.add(endpoints[1]);
  // Behind sessions, whose rank is a frame number.
  constexpr std::uint64_t kBehindSessions = std::uint64_t{1} << 62;
  blindness.ordinal =
      behind_pdus(kBehindSessions | (hash.value() >> 6) << 4 | static_cast<std::uint64_t>(kind));
  return blindness;
}

}  // namespace rpcaudit::dissect
