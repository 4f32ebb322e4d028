#include "capture/decompressor.h"

#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>

namespace rpcaudit {
namespace {

class Gzip final : public Decompressor {
 public:
  Gzip() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }  // 15: window, 16: gzip framing
  ~Gzip() override { inflateEnd(&stream_); }

  Step run(Bytes input, std::span<std::byte> output) override {
    Step step;
    if (!ready_) return {0, 0, true, false};
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    const std::size_t offered = std::min(input.size(), kMost);
    const std::size_t room = std::min(output.size(), kMost);
    // zlib's interface is older than const.
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(input.data()));
    stream_.avail_in = static_cast<uInt>(offered);
    stream_.next_out = reinterpret_cast<Bytef*>(output.data());
    stream_.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream_, Z_NO_FLUSH);
    step.taken = offered - stream_.avail_in;
    step.produced = room - stream_.avail_out;
    if (status == Z_STREAM_END) {
      inflateReset(&stream_);  // a gzip file may be several members
      at_boundary_ = true;
    } else {
      if (step.taken != 0 || step.produced != 0) at_boundary_ = false;
      step.failed = status != Z_OK && status != Z_BUF_ERROR;
    }
    step.at_boundary = at_boundary_;
    return step;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
  bool at_boundary_ = true;
};

class Zstandard final : public Decompressor {
 public:
  Step run(Bytes input, std::span<std::byte> output) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const std::size_t left = ZSTD_decompressStream(stream_.get(), &out, &in);
    if (in.pos != 0 || out.pos != 0) at_boundary_ = left == 0;
    return {in.pos, out.pos, ZSTD_isError(left) != 0, at_boundary_};
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_{ZSTD_createDStream()};
  bool at_boundary_ = true;
};

class Lz4 final : public Decompressor {
 public:
  Lz4() { ready_ = LZ4F_isError(LZ4F_createDecompressionContext(&context_, LZ4F_VERSION)) == 0; }
  ~Lz4() override { LZ4F_freeDecompressionContext(context_); }

  Step run(Bytes input, std::span<std::byte> output) override {
    if (!ready_) return {0, 0, true, false};
    std::size_t taken = input.size();
    std::size_t produced = output.size();
    const std::size_t hint =
        LZ4F_decompress(context_, output.data(), &produced, input.data(), &taken, nullptr);
    if (LZ4F_isError(hint) != 0) return {0, 0, true, false};
    if (taken != 0 || produced != 0) at_boundary_ = hint == 0;
    return {taken, produced, false, at_boundary_};
  }

 private:
  LZ4F_dctx* context_ = nullptr;
  bool ready_ = false;
  bool at_boundary_ = true;
};

class Xz final : public Decompressor {
 public:
  Xz() {
    constexpr std::uint64_t kMemoryMax = 256u << 20;
    ready_ = lzma_stream_decoder(&stream_, kMemoryMax, LZMA_CONCATENATED) == LZMA_OK;
  }
  ~Xz() override { lzma_end(&stream_); }

  Step run(Bytes input, std::span<std::byte> output) override {
    if (!ready_) return {0, 0, true, false};
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(input.data());
    stream_.avail_in = input.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(output.data());
    stream_.avail_out = output.size();
    const lzma_ret status = lzma_code(&stream_, input.empty() ? LZMA_FINISH : LZMA_RUN);
    const Step step{input.size() - stream_.avail_in, output.size() - stream_.avail_out,
                    status != LZMA_OK && status != LZMA_STREAM_END && status != LZMA_BUF_ERROR,
                    status == LZMA_STREAM_END};
    return step;
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ready_ = false;
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

std::unique_ptr<Decompressor> decompressor_for(Bytes front) {
  if (begins_with(front, kGzipMagic)) return std::make_unique<Gzip>();
  if (begins_with(front, kZstandardMagic)) return std::make_unique<Zstandard>();
  if (begins_with(front, kLz4Magic)) return std::make_unique<Lz4>();
  if (begins_with(front, kXzMagic)) return std::make_unique<Xz>();
  return nullptr;
}

}  // namespace rpcaudit
