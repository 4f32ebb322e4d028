#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bench/frame_writer.h"

namespace rpcaudit::bench {

// What one side says before the other answers: a head, then that many bytes of random filler.
struct Message {
  Side from = Side::client;
  std::vector<std::uint8_t> head;
  std::size_t filler = 0;
};

// What is said on one connection.
class Script {
 public:
  Script() = default;
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;
  virtual ~Script() = default;

  // Fills `message`; false at the end of the conversation.
  [[nodiscard]] virtual bool next(Message& message) = 0;
};

// Plays a script over TCP: handshake, segments of at most 1460 bytes with an acknowledgement after
// every second full one, and an orderly end.
class TcpConversation {
 public:
  TcpConversation(const Flow& flow, std::unique_ptr<Script> script)
      : flow_(flow), script_(std::move(script)) {}

  // Writes the next frame; false, with nothing written, once the conversation is over.
  bool step(FrameWriter& writer);

 private:
  enum class Phase : std::uint8_t { syn, syn_ack, ack, talking, fin, fin_ack, last_ack, over };

  bool talk(FrameWriter& writer);
  void write_segment(FrameWriter& writer);

  Flow flow_;
  std::unique_ptr<Script> script_;
  Message message_;
  std::size_t sent_ = 0;  // bytes of message_
  unsigned full_segments_unacknowledged_ = 0;
  Phase phase_ = Phase::syn;
};

}  // namespace rpcaudit::bench
