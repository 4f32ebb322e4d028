// Microsoft Network Monitor files, versions 1.x and 2.x, as Network Monitor, old Windows tools and
// pktmon's converters write them: a header of 128 bytes, records one behind the other, and tables
// that begin where the header says. Little-endian throughout.

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>

#include "capture/capture_format.h"

namespace rpcaudit::capture {
namespace {

constexpr std::size_t kFileHeaderSize = 128;
constexpr bool kSwapped = std::endian::native == std::endian::big;
constexpr std::size_t kDamagedRecord = 0;       // as the size of a record
constexpr std::uint32_t kLinkUnknown = 0xffff;  // Network Monitor numbers link types its own way

// Media types (NDIS_MEDIUM_*, counted from 1) as LINKTYPE_ values.
std::uint32_t link_number_of(std::uint16_t medium) noexcept {
  constexpr std::uint16_t kOfPcap = 0xe000;  // the low bits are a LINKTYPE_ value
  if ((medium & 0xf000) == kOfPcap) return medium & 0x0fff;
  switch (medium) {
    case 1: return 1;    // Ethernet
    case 7:              // a tunnel interface
    case 8: return 101;  // wireless WAN: both begin with IP
    default: return kLinkUnknown;
  }
}

// Records of Network Monitor's own: adapters, filters, DNS names.
bool is_metadata(std::uint16_t medium) noexcept { return medium >= 0xffe0; }

// The SYSTEMTIME at `at`; the epoch for a date that is none or no Timestamp can hold. Its time zone
// is not told; UTC is assumed.
Timestamp system_time(Bytes header, std::size_t at) noexcept {
  const auto field = [&](std::size_t index) { return load_u16(header, at + 2 * index, kSwapped); };
  using namespace std::chrono;
  const year_month_day date{year{field(0)}, month{field(1)}, day{field(3)}};
  constexpr year kFirst{1970};
  constexpr year kLast{2200};
  if (!date.ok() || date.year() < kFirst || date.year() > kLast) return {};
  const sys_time<milliseconds> time = sys_days{date} + hours{field(4)} + minutes{field(5)} +
                                      seconds{field(6)} + milliseconds{field(7)};
  return Timestamp{duration_cast<nanoseconds>(time.time_since_epoch()).count()};
}

class NetmonFormat final : public CaptureFormat {
 public:
  std::size_t read(ByteWindow& window, std::span<Frame> frames) override {
    if (record_header_ == 0 && !read_header(window)) return 0;
    std::size_t count = 0;
    while (count < frames.size() && window.offset() < end_) {
      const Bytes rest = window.bytes();
      const bool header_at_hand = rest.size() >= record_header_;
      const std::size_t size = header_at_hand ? record_size(window) : record_header_;
      if (size == kDamagedRecord) {
        if (count == 0) set_problem("a record states an impossible length");
        return count;
      }
      if (!header_at_hand || rest.size() < size) {
        if (count != 0) return count;  // the frames found so far must not move
        if (!need(window, size, "a record")) return 0;
        continue;
      }
      if (fill(frames[count], rest.first(size))) ++count;
      window.consume(size);
    }
    if (count == 0) pass_over_tables(window);
    return count;
  }

 private:
  static constexpr std::size_t kRecordHeader1 = 8;
  static constexpr std::size_t kRecordHeader2 = 16;

  bool read_header(ByteWindow& window) {
    if (!need(window, kFileHeaderSize, "the file header")) return false;
    const Bytes header = window.bytes();
    const bool is_version_1 = std::memcmp(header.data(), "RTSS", 4) == 0;
    const auto minor = std::to_integer<unsigned>(header[4]);
    record_header_ = is_version_1 ? kRecordHeader1 : kRecordHeader2;
    // From 2.1 on each record ends with its medium; 2.2 and 2.3 add a process and a time.
    trailer_ = is_version_1 || minor == 0 ? 0 : minor == 1 ? 2 : minor == 2 ? 6 : 15;
    medium_ = load_u16(header, 6, kSwapped);
    start_ = system_time(header, 8);
    end_ = load_u32(header, 24, kSwapped);
    window.consume(kFileHeaderSize);
    if (end_ >= kFileHeaderSize) return true;
    set_problem("states no table of frames: it was never finished");
    return false;
  }

  static void pass_over_tables(ByteWindow& window) {
    while (window.want(1)) window.consume(window.bytes().size());
  }

  [[nodiscard]] std::uint32_t captured_size(Bytes record) const noexcept {
    return record_header_ == kRecordHeader1 ? load_u16(record, 6, kSwapped)
                                            : load_u32(record, 12, kSwapped);
  }

  [[nodiscard]] std::size_t record_size(const ByteWindow& window) const noexcept {
    const std::uint32_t captured = captured_size(window.bytes());
    const std::size_t size = record_header_ + captured + trailer_;
    return captured > kCapturedLengthMax || window.offset() + size > end_ ? kDamagedRecord : size;
  }

  // False for a record that is no frame.
  bool fill(Frame& frame, Bytes record) const noexcept {
    const std::uint32_t captured = captured_size(record);
    const std::uint16_t medium =
        trailer_ == 0 ? medium_ : load_u16(record, record_header_ + captured, kSwapped);
    if (is_metadata(medium)) return false;
    const bool is_version_1 = record_header_ == kRecordHeader1;
    frame.bytes = record.subspan(record_header_, captured);
    frame.original_length = std::max(
        captured, is_version_1 ? load_u16(record, 4, kSwapped) : load_u32(record, 8, kSwapped));
    frame.link_number = link_number_of(medium);
    frame.link = link_type_of(frame.link_number);
    // Milliseconds since the start in version 1, microseconds in version 2; signed.
    const std::int64_t since = is_version_1
                                   ? load_u32(record, 0, kSwapped) * std::int64_t{1'000'000}
                                   : microseconds_since_start(record);
    std::int64_t time = 0;
    if (__builtin_add_overflow(start_.nanoseconds, since, &time)) time = start_.nanoseconds;
    frame.timestamp.nanoseconds = time;
    return true;
  }

  [[nodiscard]] static std::int64_t microseconds_since_start(Bytes record) noexcept {
    const std::uint64_t delta =
        std::uint64_t{load_u32(record, 4, kSwapped)} << 32 | load_u32(record, 0, kSwapped);
    std::int64_t nanoseconds = 0;
    if (__builtin_mul_overflow(static_cast<std::int64_t>(delta), 1000, &nanoseconds)) return 0;
    return nanoseconds;
  }

  std::size_t record_header_ = 0;  // 0: the file's header was not read yet
  std::size_t trailer_ = 0;
  std::uint16_t medium_ = 0;
  Timestamp start_;
  std::uint64_t end_ = 0;  // offset in the file at which the records end
};

}  // namespace

std::unique_ptr<CaptureFormat> make_netmon_format() { return std::make_unique<NetmonFormat>(); }

}  // namespace rpcaudit::capture
