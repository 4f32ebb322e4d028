#pragma once

#include <gtest/gtest.h>

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "capture/pcap_file.h"
#include "tests/support/capture_bytes.h"

namespace rpcaudit::test {

inline std::string to_text(const Frame& frame) {
  std::string text = std::to_string(frame.input);
  text.append("/").append(std::to_string(frame.number)).append("@");
  text.append(std::to_string(frame.timestamp.nanoseconds)).append(" ");
  text.append(std::to_string(frame.link_number)).append(" ");
  for (const std::byte byte : frame.bytes) text += static_cast<char>(byte);
  if (frame.original_length != frame.bytes.size()) {
    text += " of " + std::to_string(frame.original_length);
  }
  return text + "\n";
}

inline std::string to_text(const capture::InputProblem& problem) {
  return (problem.skipped ? "skipped " : "problem ") + std::to_string(problem.input) + " at " +
         std::to_string(problem.offset) + ": " + problem.message + "\n";
}

// Frames as text, `input/number@nanoseconds link bytes` each, then the problems.
inline std::string read_all(capture::FrameSource& source, std::size_t batch = 3) {
  std::string text;
  std::vector<Frame> frames(batch);
  std::uint64_t sequence = 0;
  for (capture::ReadResult result = source.read(frames);
       result.status == capture::ReadStatus::frames; result = source.read(frames)) {
    for (const Frame& frame : std::span(frames).first(result.count)) {
      EXPECT_EQ(frame.sequence, ++sequence);
      text += to_text(frame);
    }
  }
  for (const capture::InputProblem& problem : source.problems()) text += to_text(problem);
  return text;
}

inline ByteVector cut(ByteVector bytes, std::size_t size) {
  bytes.resize(size);
  return bytes;
}

inline ByteVector with_u32(ByteVector bytes, std::size_t at, std::uint32_t value,
                           std::endian order = std::endian::little) {
  const ByteVector encoded = ByteWriter(order).u32(value).take();
  std::copy(encoded.begin(), encoded.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
  return bytes;
}

// Gives each test a folder of its own.
class CaptureFilesTest : public testing::Test {
 protected:
  CaptureFilesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rpcaudit-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~CaptureFilesTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_ / name).string();
  }
  std::string write(const std::string& name, const ByteVector& bytes) {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path(name);
  }
  std::string read(const std::vector<std::string>& paths, const std::string& filter = "",
                   std::size_t batch = 2) {
    capture::OpenedCaptures opened = capture::open_captures(paths, filter);
    return opened.source == nullptr ? "error: " + opened.error : read_all(*opened.source, batch);
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace rpcaudit::test
