#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "dissect/smb/smb_connections.h"
#include "tests/support/recording_observer.h"
#include "tests/support/smb_bytes.h"

namespace rpcaudit::test {

// What is said on SMB connections between two hosts, message by message, in frames of their own.
class SmbTalk {
 public:
  explicit SmbTalk(const dissect::Limits& limits = {}) : limits_(limits) { connect(); }

  // One more connection; what is said from here on is said there.
  std::size_t connect() {
    return connect_between(static_cast<std::uint16_t>(40000 + slots_.size()), 445);
  }
  std::size_t connect_between(std::uint16_t client_port, std::uint16_t server_port) {
    slots_.push_back(smb_.open({Endpoint{IpAddress::v4(0x0a4d0002), client_port},
                                Endpoint{IpAddress::v4(0x0a4d0001), server_port}},
                               std::nullopt));
    current_ = slots_.size() - 1;
    return current_;
  }
  void use(std::size_t connection) { current_ = connection; }
  void hang_up() {
    smb_.close(slots_[current_], frame());
    slots_[current_] = {};
  }

  // A message as it is, framed, in pieces of `size` bytes from piecewise() on.
  SmbTalk& client(const ByteVector& message) {
    return say(dissect::Direction::forward, framed(message));
  }
  SmbTalk& server(const ByteVector& message) {
    return say(dissect::Direction::reverse, framed(message));
  }
  SmbTalk& say(dissect::Direction direction, const ByteVector& bytes) {
    for (Bytes rest = bytes; !rest.empty();) {
      const Bytes part = rest.first(std::min(piece_, rest.size()));
      smb_.consume(slots_[current_], direction, part, frame());
      rest = rest.subspan(part.size());
    }
    return *this;
  }
  bool lose(dissect::Direction direction, std::uint64_t bytes) {
    return smb_.gap(slots_[current_], direction, bytes, dissect::BlindnessKind::gap, frame());
  }
  void piecewise(std::size_t size) { piece_ = size; }

  // --- SMB2, in its usual order; message ids count up ---

  SmbTalk& request(dissect::Smb2Command command, const ByteVector& body, Smb2Shape shape = {}) {
    shape.command = command;
    shape.message_id = ++message_id_;
    return client(make_smb2(shape, body));
  }
  SmbTalk& response(dissect::Smb2Command command, const ByteVector& body, Smb2Shape shape = {}) {
    shape.command = command;
    shape.response = true;
    if (shape.message_id == 0) shape.message_id = message_id_;
    return server(make_smb2(shape, body));
  }
  SmbTalk& log_on(const ByteVector& token, unsigned session_flags = 0) {
    request(dissect::Smb2Command::session_setup, smb2_setup_request(ByteVector(8)),
            {.session_id = 0});
    response(dissect::Smb2Command::session_setup, smb2_setup_response(0),
             {.status = dissect::kStatusMoreProcessingRequired});
    request(dissect::Smb2Command::session_setup, smb2_setup_request(token));
    return response(dissect::Smb2Command::session_setup, smb2_setup_response(session_flags));
  }
  SmbTalk& connect_tree(unsigned share_type = 2, std::uint32_t tree_id = 1,
                        std::string_view path = "\\\\dc1\\share") {
    request(dissect::Smb2Command::tree_connect, smb2_tree_request(path));
    return response(dissect::Smb2Command::tree_connect, smb2_tree_response(share_type),
                    {.tree_id = tree_id});
  }
  SmbTalk& open(std::string_view name, std::uint64_t file) {
    request(dissect::Smb2Command::create, smb2_create_request(name));
    return response(dissect::Smb2Command::create, smb2_create_response(file));
  }
  SmbTalk& write(std::uint64_t file, const ByteVector& data) {
    request(dissect::Smb2Command::write, smb2_write_request(file, data));
    return response(dissect::Smb2Command::write, smb2_write_response());
  }
  SmbTalk& read(std::uint64_t file, const ByteVector& data, std::uint32_t status = 0) {
    request(dissect::Smb2Command::read, smb2_read_request(file));
    return response(dissect::Smb2Command::read, smb2_read_response(data), {.status = status});
  }
  SmbTalk& transact(std::uint64_t file, const ByteVector& in, const ByteVector& out,
                    std::uint32_t status = 0) {
    request(dissect::Smb2Command::ioctl, smb2_ioctl_request(file, in));
    return response(dissect::Smb2Command::ioctl, smb2_ioctl_response(file, out),
                    {.status = status});
  }
  SmbTalk& close(std::uint64_t file) {
    request(dissect::Smb2Command::close, smb2_close_request(file));
    return response(dissect::Smb2Command::close, smb2_close_response());
  }
  SmbTalk& bind(std::uint64_t file, const dissect::SyntaxId& interface) {
    return transact(file, make_bind({{0, interface}}), make_bind_ack({{}}));
  }
  SmbTalk& call(std::uint64_t file, std::uint32_t call_id) {
    return transact(file, make_request({0, 1}, {.call_id = call_id}),
                    make_response(0, {.call_id = call_id}));
  }

  // Ends all connections and returns what was told.
  std::string text() {
    for (dissect::Slot<dissect::SmbConnection>& slot : slots_) {
      if (slot) smb_.close(slot, frame());
      slot = {};
    }
    EXPECT_EQ(observer_.complaints(), "");
    EXPECT_TRUE(observer_.all_closed());
    return observer_.text();
  }

  // Time passes without a frame.
  void wait(std::int64_t nanoseconds) {
    waited_ += nanoseconds;
    const Timestamp now = frame().timestamp;
    sessions_.expire(now);
    smb_.give_up_stale(now);
  }
  std::uint64_t frames() const { return frames_; }
  std::uint64_t earliest_open() const { return smb_.earliest_open(); }
  RecordingObserver& observer() { return observer_; }
  const dissect::DissectStatistics& statistics() const { return statistics_; }
  std::uint64_t last_message_id() const { return message_id_; }

 private:
  dissect::FrameReference frame() {
    dissect::FrameReference reference;
    reference.number = reference.sequence = ++frames_;
    reference.timestamp.nanoseconds = waited_ + static_cast<std::int64_t>(frames_) * 1'000'000;
    return reference;
  }

  dissect::Limits limits_;
  RecordingObserver observer_;
  dissect::DissectStatistics statistics_;
  dissect::RpcSessions sessions_{limits_, observer_, statistics_, 1};
  dissect::SmbConnections smb_{limits_, observer_, statistics_, sessions_, 1};
  std::vector<dissect::Slot<dissect::SmbConnection>> slots_;
  std::size_t current_ = 0;
  std::size_t piece_ = SIZE_MAX;
  std::uint64_t frames_ = 0;
  std::int64_t waited_ = 0;
  std::uint64_t message_id_ = 0;
};

}  // namespace rpcaudit::test
