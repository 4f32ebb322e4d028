#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "capture/frame.h"

namespace rpcaudit {

// A libpcap filter expression, compiled for each link type that it meets.
class PacketFilter {
 public:
  explicit PacketFilter(std::string expression);
  PacketFilter(const PacketFilter&) = delete;
  PacketFilter& operator=(const PacketFilter&) = delete;
  ~PacketFilter();

  // What is wrong with the expression; empty when it compiles for Ethernet.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

  // Moves the frames that match to the front, in order; returns how many. A link type on which the
  // expression means nothing lets no frame through.
  [[nodiscard]] std::size_t keep(std::span<Frame> frames);

 private:
  struct Program;

  const Program& program_for(std::uint32_t link_number);

  std::string expression_;
  std::string error_;
  std::map<std::uint32_t, std::unique_ptr<Program>> programs_;
};

}  // namespace rpcaudit
