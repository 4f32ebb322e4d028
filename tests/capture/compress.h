#pragma once

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/support/capture_bytes.h"

namespace rpcaudit::test {

inline ByteVector gzip(const ByteVector& plain) {
  ByteVector out(compressBound(static_cast<uLong>(plain.size())) + 64);
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  ByteVector in = plain;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline ByteVector zstandard(const ByteVector& plain) {
  ByteVector out(ZSTD_compressBound(plain.size()));
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
  return out;
}

inline ByteVector lz4(const ByteVector& plain) {
  ByteVector out(LZ4F_compressFrameBound(plain.size(), nullptr));
  out.resize(LZ4F_compressFrame(out.data(), out.size(), plain.data(), plain.size(), nullptr));
  return out;
}

inline ByteVector xz(const ByteVector& plain) {
  ByteVector out(lzma_stream_buffer_bound(plain.size()));
  std::size_t size = 0;
  EXPECT_EQ(lzma_easy_buffer_encode(
                1, LZMA_CHECK_CRC32, nullptr, reinterpret_cast<const std::uint8_t*>(plain.data()),
                plain.size(), reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size()),
            LZMA_OK);
  out.resize(size);
  return out;
}

struct Compression {
  const char* name;
  ByteVector (*compress)(const ByteVector&);
};

inline constexpr Compression kCompressions[] = {
    {"gzip", gzip}, {"zstandard", zstandard}, {"lz4", lz4}, {"xz", xz}};

inline void PrintTo(const Compression& compression, std::ostream* out) { *out << compression.name; }

}  // namespace rpcaudit::test
