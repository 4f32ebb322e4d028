#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "capture/frame.h"
#include "capture/odd_link.h"

namespace rpcaudit::capture {

// A libpcap filter expression, compiled for each link type that it meets. Where libpcap cannot do
// that, it is asked about the packet that the slow lane finds in the frame.
class PacketFilter {
 public:
  explicit PacketFilter(std::string expression);
  PacketFilter(const PacketFilter&) = delete;
  PacketFilter& operator=(const PacketFilter&) = delete;
  ~PacketFilter();

  // What is wrong with the expression; empty when it compiles for Ethernet.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

  // Moves the frames that match to the front, in order; returns how many. A frame that cannot be
  // judged does not pass, and take_refusal() says so, once for each link type.
  [[nodiscard]] std::size_t keep(std::span<Frame> frames);
  [[nodiscard]] std::string take_refusal() noexcept { return std::exchange(refusal_, {}); }

 private:
  struct Program;

  Program& program_for(std::uint32_t link_number);
  bool matches(const Frame& frame, Program& program);

  std::string expression_;
  std::string error_;
  std::string refusal_;
  std::map<std::uint32_t, std::unique_ptr<Program>> programs_;  // by LINKTYPE_ value
  OddLink odd_link_;
};

}  // namespace rpcaudit::capture
