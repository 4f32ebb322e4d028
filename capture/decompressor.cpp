#include "capture/decompressor.h"

#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

namespace rpcaudit::capture {
namespace {

constexpr const char* kNoMemory = "no memory to decompress with";
constexpr const char* kTooMuch = "needs more memory to be decompressed than --memory leaves";

class Gzip final : public Decompressor {
 public:
  Gzip() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }  // 15: window, 16: gzip framing
  ~Gzip() override { inflateEnd(&stream_); }

  Step run(Bytes input, std::span<std::byte> output) override {
    if (!ready_) return {0, 0, false, kNoMemory};
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    const std::size_t offered = std::min(input.size(), kMost);
    const std::size_t room = std::min(output.size(), kMost);
    // zlib's interface is older than const.
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(input.data()));
    stream_.avail_in = static_cast<uInt>(offered);
    stream_.next_out = reinterpret_cast<Bytef*>(output.data());
    stream_.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream_, Z_NO_FLUSH);
    Step step{offered - stream_.avail_in, room - stream_.avail_out, true, nullptr};
    if (status == Z_STREAM_END) {
      inflateReset(&stream_);  // a gzip file may be several members
      at_boundary_ = true;
    } else {
      if (step.taken != 0 || step.produced != 0) at_boundary_ = false;
      if (status != Z_OK && status != Z_BUF_ERROR) step.failure = "corrupt gzip data";
    }
    step.at_boundary = at_boundary_;
    return step;
  }
  std::size_t memory() const noexcept override {
    return std::size_t{48} << 10;  // a window of 32 KiB, and tables
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
  bool at_boundary_ = true;
};

// A call of the two libraries below that fails drops what it has produced, so it may be offered no
// more than one block. They ask for a block together with the header of the next one.
constexpr std::size_t without_next_header(std::size_t asked, std::size_t header) noexcept {
  return asked > header ? asked - header : asked;
}

class Zstandard final : public Decompressor {
 public:
  explicit Zstandard(std::size_t memory_max) {
    // Of the two buffers the window is by far the larger one.
    const int log = std::clamp(static_cast<int>(std::bit_width(memory_max)) - 1, 10, kWindowLogMax);
    is_limited_ = log < kWindowLogMax;
    if (stream_ != nullptr) ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, log);
  }

  Step run(Bytes input, std::span<std::byte> output) override {
    if (stream_ == nullptr) return {0, 0, false, kNoMemory};
    ZSTD_inBuffer in{input.data(), std::min(input.size(), wanted_), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const std::size_t left = ZSTD_decompressStream(stream_.get(), &out, &in);
    if (ZSTD_isError(left) != 0) return {in.pos, out.pos, false, describe(left)};
    if (in.pos != 0 || out.pos != 0) at_boundary_ = left == 0;
    wanted_ = left == 0 ? kFrameStart : without_next_header(left, kBlockHeader);
    return {in.pos, out.pos, at_boundary_, nullptr};
  }
  std::size_t memory() const noexcept override { return ZSTD_sizeof_DStream(stream_.get()); }

 private:
  static constexpr int kWindowLogMax = 27;
  static constexpr std::size_t kFrameStart = 5;  // tells the size of the frame's header
  static constexpr std::size_t kBlockHeader = 3;

  const char* describe(std::size_t error) const noexcept {
    if (ZSTD_getErrorCode(error) != ZSTD_error_frameParameter_windowTooLarge) {
      return "corrupt Zstandard data";
    }
    return is_limited_ ? kTooMuch : "Zstandard data needs a window of more than 128 MiB";
  }

  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_{ZSTD_createDStream()};
  std::size_t wanted_ = kFrameStart;
  bool at_boundary_ = true;
  bool is_limited_ = false;  // to a smaller window than others may have
};

class Lz4 final : public Decompressor {
 public:
  Lz4() { ready_ = LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)) == 0; }
  ~Lz4() override { LZ4F_freeDecompressionContext(context_); }

  Step run(Bytes input, std::span<std::byte> output) override {
    if (!ready_) return {0, 0, false, kNoMemory};
    std::size_t taken = std::min(input.size(), wanted_);
    std::size_t produced = output.size();
    const std::size_t left =
        LZ4F_decompress(context_, output.data(), &produced, input.data(), &taken, nullptr);
    if (LZ4F_isError(left) != 0) return {0, 0, false, "corrupt LZ4 data"};
    if (taken != 0 || produced != 0) at_boundary_ = left == 0;
    wanted_ = left == 0 ? kFrameStart : without_next_header(left, kBlockHeader);
    return {taken, produced, at_boundary_, nullptr};
  }
  std::size_t memory() const noexcept override {
    constexpr std::size_t kSmallest = std::size_t{64} << 10;
    LZ4F_frameInfo_t info{};
    std::size_t none = 0;
    const std::size_t result = LZ4F_getFrameInfo(context_, &info, nullptr, &none);
    // Blocks of 64 KiB, 256 KiB, 1 MiB or 4 MiB; one of them is held twice, with a window.
    const bool is_known = LZ4F_isError(result) == 0 && info.blockSizeID > LZ4F_max64KB;
    const auto larger = static_cast<unsigned>(info.blockSizeID - LZ4F_max64KB);
    const unsigned times = is_known ? 2 * larger : 0;
    return (2 * kSmallest << times) + 3 * kSmallest;
  }

 private:
  static constexpr std::size_t kFrameStart = 7;  // the shortest header of a frame
  static constexpr std::size_t kBlockHeader = 4;

  LZ4F_dctx* context_ = nullptr;
  std::size_t wanted_ = kFrameStart;
  bool ready_ = false;
  bool at_boundary_ = true;
};

class Xz final : public Decompressor {
 public:
  explicit Xz(std::size_t memory_max) : is_limited_(memory_max < kMemoryMax) {
    const std::uint64_t most = std::min<std::uint64_t>(memory_max, kMemoryMax);
    ready_ = lzma_stream_decoder(&stream_, most, LZMA_CONCATENATED) == LZMA_OK;
  }
  ~Xz() override { lzma_end(&stream_); }

  Step run(Bytes input, std::span<std::byte> output) override {
    if (!ready_) return {0, 0, false, kNoMemory};
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(input.data());
    stream_.avail_in = input.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(output.data());
    stream_.avail_out = output.size();
    const lzma_ret status = lzma_code(&stream_, input.empty() ? LZMA_FINISH : LZMA_RUN);
    return {input.size() - stream_.avail_in, output.size() - stream_.avail_out,
            status == LZMA_STREAM_END, describe(status)};
  }
  std::size_t memory() const noexcept override {
    return static_cast<std::size_t>(lzma_memusage(&stream_));
  }

 private:
  static constexpr std::uint64_t kMemoryMax = 256u << 20;  // `xz -9` needs 65 MiB

  const char* describe(lzma_ret status) const noexcept {
    switch (status) {
      case LZMA_OK:
      case LZMA_STREAM_END:
      case LZMA_BUF_ERROR: return nullptr;
      case LZMA_MEMLIMIT_ERROR:
        return is_limited_ ? kTooMuch : "xz data needs more than 256 MiB of memory";
      case LZMA_MEM_ERROR: return kNoMemory;
      default: return "corrupt xz data";
    }
  }

  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ready_ = false;
  bool is_limited_;  // to less than others may have
};

template <std::size_t Size>
bool begins_with(Bytes front, const std::array<unsigned char, Size>& magic) {
  return front.size() >= Size &&
         std::equal(magic.begin(), magic.end(), front.begin(),
                    [](unsigned char a, std::byte b) { return std::byte{a} == b; });
}

constexpr std::array<unsigned char, 2> kGzipMagic{0x1f, 0x8b};
constexpr std::array<unsigned char, 4> kZstandardMagic{0x28, 0xb5, 0x2f, 0xfd};
constexpr std::array<unsigned char, 4> kLz4Magic{0x04, 0x22, 0x4d, 0x18};
constexpr std::array<unsigned char, 6> kXzMagic{0xfd, '7', 'z', 'X', 'Z', 0x00};

}  // namespace

std::unique_ptr<Decompressor> decompressor_for(Bytes front, std::size_t memory_max) {
  if (begins_with(front, kGzipMagic)) return std::make_unique<Gzip>();
  if (begins_with(front, kZstandardMagic)) return std::make_unique<Zstandard>(memory_max);
  if (begins_with(front, kLz4Magic)) return std::make_unique<Lz4>();
  if (begins_with(front, kXzMagic)) return std::make_unique<Xz>(memory_max);
  return nullptr;
}

}  // namespace rpcaudit::capture
