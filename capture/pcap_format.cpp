// pcap files (draft-ietf-opsawg-pcap) and snoop files (RFC 1761).

#include <bit>
#include <cstring>

#include "capture/capture_format.h"

namespace rpcaudit {
namespace {

constexpr std::size_t kFileHeaderSize = 24;
constexpr std::size_t kRecordHeaderSize = 16;
constexpr std::size_t kModifiedRecordHeaderSize = 24;  // Kuznetsov's variant adds 8 bytes

class PcapFormat final : public CaptureFormat {
 public:
  std::size_t read(ByteWindow& window, std::span<Frame> frames) override {
    if (!header_read_ && !read_header(window)) return 0;
    std::size_t count = 0;
    std::size_t at = 0;
    Bytes bytes = window.bytes();
    while (count < frames.size()) {
      const std::size_t size = record_size(bytes.subspan(at));
      if (size == kDamaged) break;
      if (size == kUnknown || bytes.size() - at < size) {
        if (count != 0) break;  // the frames found so far must not move
        if (!need(window, size == kUnknown ? record_header_ : size, "a record")) return 0;
        bytes = window.bytes();
        continue;
      }
      fill(frames[count++], bytes.subspan(at, size));
      at += size;
    }
    window.consume(at);
    if (count == 0) problem_ = "a record states an impossible length";
    return count;
  }

 private:
  static constexpr std::size_t kUnknown = 0;
  static constexpr std::size_t kDamaged = ~std::size_t{0};

  bool read_header(ByteWindow& window) {
    if (!need(window, kFileHeaderSize, "the file header")) return false;
    const Bytes header = window.bytes();
    const std::uint32_t magic = load_u32(header, 0, false);
    swapped_ = magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1 || magic == 0x34cdb2a1;
    const std::uint32_t plain = swapped_ ? __builtin_bswap32(magic) : magic;
    nanoseconds_per_unit_ = plain == 0xa1b23c4d ? 1 : 1000;
    record_header_ = plain == 0xa1b2cd34 ? kModifiedRecordHeaderSize : kRecordHeaderSize;
    link_number_ = load_u32(header, 20, swapped_) & 0xffff;  // above: length of a frame check
    link_ = link_type_of(link_number_);
    window.consume(kFileHeaderSize);
    header_read_ = true;
    return true;
  }

  // Size of the record at the front, header included; kUnknown before its header is there.
  std::size_t record_size(Bytes bytes) const noexcept {
    if (bytes.size() < record_header_) return kUnknown;
    const std::uint32_t captured = load_u32(bytes, 8, swapped_);
    return captured > kCapturedLengthMax ? kDamaged : record_header_ + captured;
  }

  void fill(Frame& frame, Bytes record) const noexcept {
    const std::int64_t seconds = load_u32(record, 0, swapped_);
    const std::int64_t fraction = load_u32(record, 4, swapped_);
    frame.bytes = record.subspan(record_header_);
    frame.original_length = load_u32(record, 12, swapped_);
    frame.link = link_;
    frame.link_number = link_number_;
    frame.timestamp.nanoseconds =
        seconds * kNanosecondsPerSecond + fraction * nanoseconds_per_unit_;
  }

  bool header_read_ = false;
  bool swapped_ = false;
  std::int64_t nanoseconds_per_unit_ = 1000;
  std::size_t record_header_ = kRecordHeaderSize;
  std::uint32_t link_number_ = 1;
  LinkType link_ = LinkType::ethernet;
};

// Big-endian throughout; records are padded, and state their whole length.
class SnoopFormat final : public CaptureFormat {
 public:
  std::size_t read(ByteWindow& window, std::span<Frame> frames) override {
    constexpr std::size_t kSnoopHeaderSize = 16;
    constexpr std::size_t kSnoopRecordSize = 24;
    if (!header_read_) {
      if (!need(window, kSnoopHeaderSize, "the file header")) return 0;
      const std::uint32_t datalink = load_u32(window.bytes(), 12, kSwapped);
      link_ = datalink == 4 ? LinkType::ethernet : LinkType::other;
      link_number_ = datalink == 4 ? 1 : 0xffff;
      window.consume(kSnoopHeaderSize);
      header_read_ = true;
    }
    if (!need(window, kSnoopRecordSize, "a record")) return 0;
    const std::uint32_t captured = load_u32(window.bytes(), 4, kSwapped);
    const std::uint32_t size = load_u32(window.bytes(), 8, kSwapped);
    if (captured > kCapturedLengthMax || size > kCapturedLengthMax ||
        size < kSnoopRecordSize + captured) {
      problem_ = "a record states an impossible length";
      return 0;
    }
    if (!need(window, size, "a record")) return 0;
    const Bytes record = window.bytes();
    Frame& frame = frames[0];
    frame.bytes = record.subspan(kSnoopRecordSize, captured);
    frame.original_length = load_u32(record, 0, kSwapped);
    frame.link = link_;
    frame.link_number = link_number_;
    frame.timestamp.nanoseconds = load_u32(record, 16, kSwapped) * kNanosecondsPerSecond +
                                  std::int64_t{load_u32(record, 20, kSwapped)} * 1000;
    window.consume(size);
    return 1;
  }

 private:
  static constexpr bool kSwapped = std::endian::native == std::endian::little;

  bool header_read_ = false;
  LinkType link_ = LinkType::other;
  std::uint32_t link_number_ = 1;
};

}  // namespace

std::unique_ptr<CaptureFormat> make_pcap_format() { return std::make_unique<PcapFormat>(); }
std::unique_ptr<CaptureFormat> make_snoop_format() { return std::make_unique<SnoopFormat>(); }

}  // namespace rpcaudit
