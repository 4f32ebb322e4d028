// pcap files (draft-ietf-opsawg-pcap) and snoop files (RFC 1761): a header, then records that state
// their lengths.

#include <algorithm>
#include <bit>

#include "capture/capture_format.h"

namespace rpcaudit::capture {
namespace {

constexpr std::size_t kDamaged = 0;  // as the size of a record

// What both formats share. `Format` gives kFileHeaderSize, record_header(), and
//   void read_header(Bytes)              takes the file's header
//   std::size_t record_size(Bytes)       of a record by its header, kDamaged when it cannot be
//   void fill(Frame&, Bytes) noexcept    makes a frame of a record
template <class Format>
class RecordFormat : public CaptureFormat {
 public:
  std::size_t read(ByteWindow& window, std::span<Frame> frames) final {
    Format& format = static_cast<Format&>(*this);
    if (!header_read_) {
      if (!need(window, Format::kFileHeaderSize, "the file header")) return 0;
      format.read_header(window.bytes());
      window.consume(Format::kFileHeaderSize);
      header_read_ = true;
    }
    const std::size_t header_size = format.record_header();
    Bytes rest = window.bytes();
    std::size_t count = 0;
    while (count < frames.size()) {
      const bool header_at_hand = rest.size() >= header_size;
      const std::size_t size = header_at_hand ? format.record_size(rest) : header_size;
      if (size == kDamaged) {
        if (count == 0) set_problem("a record states an impossible length");
        break;
      }
      if (!header_at_hand || rest.size() < size) {
        if (count != 0) break;  // the frames found so far must not move
        if (!need(window, size, "a record")) return 0;
        rest = window.bytes();
        continue;
      }
      format.fill(frames[count++], rest.first(size));
      rest = rest.subspan(size);
    }
    window.consume(window.bytes().size() - rest.size());
    return count;
  }

 private:
  bool header_read_ = false;
};

class PcapFormat final : public RecordFormat<PcapFormat> {
 public:
  static constexpr std::size_t kFileHeaderSize = 24;

  void read_header(Bytes header) noexcept {
    const std::uint32_t magic = load_u32(header, 0, false);
    swapped_ = magic == 0xd4c3b2a1 || magic == 0x4d3cb2a1 || magic == 0x34cdb2a1;
    const std::uint32_t plain = swapped_ ? __builtin_bswap32(magic) : magic;
    nanoseconds_per_unit_ = plain == 0xa1b23c4d ? 1 : 1000;
    // Kuznetsov's variant adds the interface, protocol and kind of packet.
    record_header_ = plain == 0xa1b2cd34 ? 24 : 16;
    // Before version 2.3 the lengths were the other way round, and some files of 2.3 are like that.
    // What was captured is never the longer of the two.
    lengths_may_be_swapped_ =
        load_u16(header, 4, swapped_) == 2 && load_u16(header, 6, swapped_) <= 3;
    // Snap lengths are often nonsense, so they may only widen what is believed.
    captured_max_ =
        std::clamp(load_u32(header, 16, swapped_), kCapturedLengthUsual, kCapturedLengthMax);
    link_number_ = load_u32(header, 20, swapped_) & 0xffff;  // above: length of a frame check
    link_ = link_type_of(link_number_);
  }

  [[nodiscard]] std::size_t record_header() const noexcept { return record_header_; }

  [[nodiscard]] std::size_t record_size(Bytes record) const noexcept {
    std::uint32_t captured = load_u32(record, 8, swapped_);
    if (lengths_may_be_swapped_) captured = std::min(captured, load_u32(record, 12, swapped_));
    return captured > captured_max_ ? kDamaged : record_header_ + captured;
  }

  void fill(Frame& frame, Bytes record) const noexcept {
    const std::int64_t seconds = load_u32(record, 0, swapped_);
    const std::int64_t fraction = load_u32(record, 4, swapped_);
    frame.bytes = record.subspan(record_header_);
    frame.original_length = std::max(load_u32(record, 8, swapped_), load_u32(record, 12, swapped_));
    frame.link = link_;
    frame.link_number = link_number_;
    frame.timestamp.nanoseconds =
        seconds * kNanosecondsPerSecond + fraction * nanoseconds_per_unit_;
  }

 private:
  bool swapped_ = false;
  bool lengths_may_be_swapped_ = false;
  LinkType link_ = LinkType::ethernet;
  std::uint32_t link_number_ = 1;
  std::uint32_t captured_max_ = 0;
  std::int64_t nanoseconds_per_unit_ = 1000;
  std::size_t record_header_ = 16;
};

// Big-endian throughout; records are padded, and state their whole length.
class SnoopFormat final : public RecordFormat<SnoopFormat> {
 public:
  static constexpr std::size_t kFileHeaderSize = 16;

  void read_header(Bytes header) noexcept {
    constexpr std::uint32_t kSnoopEthernet = 4;
    if (load_u32(header, 12, kSwapped) == kSnoopEthernet) {
      link_number_ = 1;
      link_ = LinkType::ethernet;
    }
  }

  [[nodiscard]] static std::size_t record_header() noexcept { return kRecordHeaderSize; }

  [[nodiscard]] static std::size_t record_size(Bytes record) noexcept {
    const std::uint32_t captured = load_u32(record, 4, kSwapped);
    const std::uint32_t size = load_u32(record, 8, kSwapped);
    const bool possible = captured <= kCapturedLengthMax && size <= 2 * kCapturedLengthMax &&
                          size >= kRecordHeaderSize + captured;
    return possible ? size : kDamaged;
  }

  void fill(Frame& frame, Bytes record) const noexcept {
    frame.bytes = record.subspan(kRecordHeaderSize, load_u32(record, 4, kSwapped));
    frame.original_length =
        std::max(load_u32(record, 0, kSwapped), static_cast<std::uint32_t>(frame.bytes.size()));
    frame.link = link_;
    frame.link_number = link_number_;
    frame.timestamp.nanoseconds = load_u32(record, 16, kSwapped) * kNanosecondsPerSecond +
                                  std::int64_t{load_u32(record, 20, kSwapped)} * 1000;
  }

 private:
  static constexpr bool kSwapped = std::endian::native == std::endian::little;
  static constexpr std::size_t kRecordHeaderSize = 24;

  LinkType link_ = LinkType::other;
  std::uint32_t link_number_ = 0xffff;  // snoop numbers link types its own way
};

}  // namespace

std::unique_ptr<CaptureFormat> make_pcap_format() { return std::make_unique<PcapFormat>(); }
std::unique_ptr<CaptureFormat> make_snoop_format() { return std::make_unique<SnoopFormat>(); }

}  // namespace rpcaudit::capture
