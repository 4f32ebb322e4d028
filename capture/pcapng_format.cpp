// pcapng files (draft-ietf-opsawg-pcapng): sections of blocks, each section with its own byte order
// and interfaces, each interface with its own link type and clock.

#include <algorithm>
#include <bit>
#include <vector>

#include "capture/capture_format.h"

namespace rpcaudit::capture {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kPacket = 2;  // obsolete
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;

constexpr std::size_t kBlockOverhead = 12;  // type, length, length again
constexpr std::uint32_t kBlockLengthMax = kCapturedLengthMax + 4096;

// What an interface says of its packets, above all how it counts time.
class Interface {
 public:
  LinkType link = LinkType::ethernet;
  std::uint32_t link_number = 1;
  std::uint32_t snap_length = 0;
  std::int64_t offset_seconds = 0;

  // Unsigned arithmetic: a hostile clock wraps instead of overflowing.
  [[nodiscard]] Timestamp time(std::uint64_t units) const noexcept {
    const std::uint64_t offset = static_cast<std::uint64_t>(offset_seconds) * kSecond;
    if (nanoseconds_per_unit_ != 0) return at(offset + units * nanoseconds_per_unit_);
    __extension__ using Wide = unsigned __int128;
    const std::uint64_t seconds = units / units_per_second_;
    const Wide rest = units % units_per_second_;
    return at(offset + seconds * kSecond +
              static_cast<std::uint64_t>(rest * kSecond / units_per_second_));
  }

  void set_units_per_second(std::uint64_t units) noexcept {
    units_per_second_ = units;
    nanoseconds_per_unit_ = kSecond % units == 0 ? kSecond / units : 0;
  }

 private:
  static constexpr std::uint64_t kSecond = kNanosecondsPerSecond;

  static Timestamp at(std::uint64_t nanoseconds) noexcept {
    return {static_cast<std::int64_t>(nanoseconds)};
  }

  std::uint64_t units_per_second_ = 1'000'000;
  std::uint64_t nanoseconds_per_unit_ = 1000;  // 0: not whole; division is slow
};

class PcapngFormat final : public CaptureFormat {
 public:
  std::size_t read(ByteWindow& window, std::span<Frame> frames) override {
    std::size_t count = 0;
    while (count < frames.size()) {
      // Frames found so far point into the window: it may not be asked for more.
      const bool may_move = count == 0;
      const std::uint32_t size = block_size(window, may_move);
      if (size == 0) break;
      const Bytes block = window.bytes().first(size);
      const std::uint32_t type = load_u32(block, 0, swapped_);
      const Bytes body = block.subspan(8, size - kBlockOverhead);
      if (type == kInterfaceDescription) {
        add_interface(body);
      } else if (take_packet(type, body, frames[count])) {
        ++count;
      }
      if (!problem().empty()) break;
      window.consume(size);
    }
    if (count != 0) set_problem({});  // it is met again, and told, by the next call
    return count;
  }

 private:
  // The size of the next block, wholly at hand; 0 when there is none.
  std::uint32_t block_size(ByteWindow& window, bool may_move) {
    const auto at_hand = [&](std::size_t wanted) {
      return may_move ? need(window, wanted, "a block") : window.bytes().size() >= wanted;
    };
    if (!at_hand(kBlockOverhead)) return 0;
    if (load_u32(window.bytes(), 0, false) == kSectionHeader && !begin_section(window.bytes())) {
      return 0;
    }
    const std::uint32_t size = load_u32(window.bytes(), 4, swapped_);
    if (size < kBlockOverhead || size % 4 != 0 || size > kBlockLengthMax) {
      set_problem("a block states an impossible length");
      return 0;
    }
    if (!at_hand(size)) return 0;
    if (load_u32(window.bytes(), size - 4, swapped_) != size) {
      set_problem("a block's two lengths differ");
      return 0;
    }
    return size;
  }

  // A section states its byte order in the first word of its header's body.
  bool begin_section(Bytes block) {
    const std::uint32_t magic = load_u32(block, 8, false);
    if (magic != kByteOrderMagic && magic != __builtin_bswap32(kByteOrderMagic)) {
      set_problem("a section header has no byte order");
      return false;
    }
    swapped_ = magic != kByteOrderMagic;
    interfaces_.clear();
    return true;
  }

  void add_interface(Bytes body) {
    constexpr std::size_t kInterfacesMax = 65536;
    if (body.size() < 8) {
      set_problem("an interface description is too short");
      return;
    }
    if (interfaces_.size() == kInterfacesMax) {
      set_problem("a section has too many interfaces");
      return;
    }
    Interface interface;
    interface.link_number = load_u16(body, 0, swapped_);
    interface.link = link_type_of(interface.link_number);
    interface.snap_length = load_u32(body, 4, swapped_);
    read_options(body.subspan(8), interface);
    interfaces_.push_back(interface);
  }

  void read_options(Bytes options, Interface& interface) const noexcept {
    constexpr std::uint16_t kTimeResolution = 9;
    constexpr std::uint16_t kTimeOffset = 14;
    while (options.size() >= 4) {
      const std::uint16_t code = load_u16(options, 0, swapped_);
      const std::uint16_t length = load_u16(options, 2, swapped_);
      const std::size_t padded = (std::size_t{length} + 3) / 4 * 4;
      if (code == 0 || options.size() - 4 < length) return;
      const Bytes value = options.subspan(4, length);
      if (code == kTimeResolution && length >= 1) {
        set_resolution(std::to_integer<unsigned>(value[0]), interface);
      } else if (code == kTimeOffset && length >= 8) {
        const std::uint64_t low = load_u32(value, swapped_is_big() ? 4 : 0, swapped_);
        const std::uint64_t high = load_u32(value, swapped_is_big() ? 0 : 4, swapped_);
        interface.offset_seconds = static_cast<std::int64_t>(high << 32 | low);
      }
      options = options.subspan(std::min(options.size(), 4 + padded));
    }
  }

  // The section is big-endian.
  [[nodiscard]] bool swapped_is_big() const noexcept {
    return swapped_ == (std::endian::native == std::endian::little);
  }

  // The high bit chooses powers of two over powers of ten.
  static void set_resolution(unsigned resolution, Interface& interface) noexcept {
    const unsigned exponent = resolution & 0x7f;
    if ((resolution & 0x80) != 0) {
      if (exponent < 64) interface.set_units_per_second(std::uint64_t{1} << exponent);
    } else if (exponent < 20) {
      std::uint64_t units = 1;
      for (unsigned i = 0; i < exponent; ++i) units *= 10;
      interface.set_units_per_second(units);
    }
  }

  // Fills `frame` when the block holds one.
  bool take_packet(std::uint32_t type, Bytes body, Frame& frame) {
    if (type == kEnhancedPacket) return take_enhanced(body, frame);
    if (type == kSimplePacket) return take_simple(body, frame);
    if (type == kPacket) return take_obsolete(body, frame);
    return false;
  }

  bool take_enhanced(Bytes body, Frame& frame) {
    if (body.size() < 20) return fail("a packet block is too short");
    return take_timed(load_u32(body, 0, swapped_), body, frame);
  }

  // Gives the interface half of its field and counts drops in the other.
  bool take_obsolete(Bytes body, Frame& frame) {
    if (body.size() < 20) return fail("a packet block is too short");
    return take_timed(load_u16(body, 0, swapped_), body, frame);
  }

  bool take_timed(std::uint32_t interface, Bytes body, Frame& frame) {
    const std::uint64_t units =
        std::uint64_t{load_u32(body, 4, swapped_)} << 32 | load_u32(body, 8, swapped_);
    if (!finish(interface, load_u32(body, 12, swapped_), load_u32(body, 16, swapped_),
                body.subspan(20), frame)) {
      return false;
    }
    time_ = frame.timestamp = interfaces_[interface].time(units);
    return true;
  }

  // Says neither when nor, if a snap length is set, how much was captured. It gets the time of the
  // packet before it: a clock that falls back to zero would upset whoever counts in it.
  bool take_simple(Bytes body, Frame& frame) {
    if (body.size() < 4) return fail("a packet block is too short");
    const std::uint32_t original = load_u32(body, 0, swapped_);
    std::uint32_t captured =
        std::min<std::uint32_t>(original, static_cast<std::uint32_t>(body.size() - 4));
    if (!interfaces_.empty() && interfaces_[0].snap_length != 0) {
      captured = std::min(captured, interfaces_[0].snap_length);
    }
    frame.timestamp = time_;
    return finish(0, captured, original, body.subspan(4), frame);
  }

  bool finish(std::uint32_t interface, std::uint32_t captured, std::uint32_t original, Bytes data,
              Frame& frame) {
    if (interface >= interfaces_.size()) return fail("a packet names an unknown interface");
    if (captured > data.size()) return fail("a packet is longer than its block");
    const Interface& on = interfaces_[interface];
    frame.bytes = data.first(captured);
    frame.original_length = std::max(original, captured);
    frame.link = on.link;
    frame.link_number = on.link_number;
    return true;
  }

  bool fail(const char* what) {
    set_problem(what);
    return false;
  }

  bool swapped_ = false;
  std::vector<Interface> interfaces_;
  Timestamp time_;  // of the last packet that has one
};

}  // namespace

std::unique_ptr<CaptureFormat> make_pcapng_format() { return std::make_unique<PcapngFormat>(); }

}  // namespace rpcaudit::capture
