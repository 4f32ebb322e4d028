// Which bytes of a stream are told as read: copies of them are compared later, those of file data
// are not.

#include "dissect/smb/smb_stream.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/hex.h"
#include "tests/support/rpc_bytes.h"

namespace rpcaudit::dissect {
namespace {

using test::ByteVector;

constexpr std::size_t kHeader = 8;

// Messages of one unit: a header, whose last byte says how much payload follows; the rest of a
// message is data of a file.
class Reader final : public SmbStreamSink {
 public:
  std::size_t bytes_needed(const SmbUnit&) noexcept override { return kHeader; }
  SmbStep on_unit(const SmbUnit& unit, const FrameReference&) noexcept override {
    return {.payload_offset = kHeader,
            .payload_length = std::to_integer<std::uint32_t>(unit.header[7])};
  }
  void on_payload(Bytes, const FrameReference&) noexcept override {}
  void on_payload_gap(std::uint64_t, const FrameReference&) noexcept override {}
  void on_lost(const FrameReference&) noexcept override {}
  void on_header_evicted(const FrameReference&) noexcept override {}
  void on_empty_message() noexcept override {}
  void on_undecodable(const FrameReference&) noexcept override {}
};

ByteVector message(std::uint8_t payload, std::uint8_t data) {
  ByteVector bytes(4 + kHeader + payload + data);
  bytes[3] = static_cast<std::byte>(kHeader + payload + data);
  bytes[4 + kHeader - 1] = std::byte{payload};
  return bytes;
}

// `r` for each byte told as read, `.` for the others, when the stream arrives in pieces of a size.
std::string bytes_read(const ByteVector& stream, std::size_t piece) {
  SmbHeaderPool pool(4);
  Reader reader;
  SmbStream smb;
  std::string text(stream.size(), '.');
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    const Bytes part = Bytes(stream).subspan(at, std::min(piece, stream.size() - at));
    const Bytes read = smb.consume(part, {}, pool, reader);
    if (read.empty()) continue;
    text.replace(static_cast<std::size_t>(read.data() - stream.data()), read.size(),
                 std::string(read.size(), 'r'));
  }
  return text;
}

TEST(SmbStream, TellsFramingHeadersAndPayloadAsReadAndNoData) {
  const ByteVector stream = test::join({message(0, 100), message(20, 30), message(3, 0)});
  const std::string read = std::string(12, 'r') + std::string(100, '.') + std::string(32, 'r') +
                           std::string(30, '.') + std::string(15, 'r');
  EXPECT_EQ(bytes_read(stream, 1), read);
}

TEST(SmbStream, TellsWhatStandsBetweenBytesReadOfOneSegmentWithThem) {
  EXPECT_EQ(bytes_read(message(0, 50), 1000), std::string(12, 'r') + std::string(50, '.'));
  EXPECT_EQ(bytes_read(test::join({message(0, 50), message(5, 9)}), 1000),
            std::string(62 + 17, 'r') + std::string(9, '.'));
}

// However a stream is cut, no byte that is read goes untold.
TEST(SmbStream, TellsNoFewerBytesInLargerSegments) {
  const ByteVector stream = test::join({message(0, 100), message(20, 30), message(0, 7)});
  const std::string least = bytes_read(stream, 1);
  for (std::size_t piece = 2; piece < stream.size(); ++piece) {
    const std::string read = bytes_read(stream, piece);
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (least[i] != 'r') continue;
      ASSERT_EQ(read[i], 'r') << "byte " << i << " in pieces of " << piece;
    }
  }
}

}  // namespace
}  // namespace rpcaudit::dissect
