#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "dissect/smb/messages/smb1_transaction_message.h"
#include "tests/support/rpc_conversation.h"
#include "tests/support/smb_bytes.h"

namespace rpcaudit::test {

enum class SmbVersion { smb1, smb2 };

// One request on a pipe and its response: bytes written, bytes read, or both in a transaction.
struct PipeStep {
  enum class Kind { open, write, read, transact, close } kind = Kind::open;
  ByteVector in = {};
  ByteVector out = {};
  bool more = false;         // the rest of the answer is read later
  std::uint32_t status = 0;  // with which the server refuses it
};

struct PipeScript {
  std::string name;
  std::uint16_t file = 0;
  std::vector<PipeStep> steps;
};

inline ByteVector take_front(ByteVector& bytes, std::size_t size) {
  const auto middle = bytes.begin() + static_cast<std::ptrdiff_t>(std::min(size, bytes.size()));
  ByteVector front(bytes.begin(), middle);
  bytes.erase(bytes.begin(), middle);
  return front;
}

// An RPC conversation, cut into writes, reads and transactions wherever it pleases.
inline PipeScript make_pipe_script(Random& random, std::size_t number) {
  PipeScript script;
  script.name = "pipe" + std::to_string(number);
  script.file = static_cast<std::uint16_t>(0x100 + number);
  script.steps.push_back({PipeStep::Kind::open});
  std::vector<Message> messages = make_rpc_conversation(random);
  const auto piece = [&] { return 1 + up_to(random, up_to(random, 1) == 0 ? 3000 : 40); };
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ByteVector& bytes = messages[i].bytes;
    while (!bytes.empty()) {
      PipeStep step;
      step.kind = messages[i].client ? PipeStep::Kind::write : PipeStep::Kind::read;
      (messages[i].client ? step.in : step.out) = take_front(bytes, piece());
      const bool last = messages[i].client && bytes.empty();
      if (last && i + 1 < messages.size() && !messages[i + 1].client && up_to(random, 2) != 0) {
        step.kind = PipeStep::Kind::transact;
        step.out = take_front(messages[i + 1].bytes, piece());
        step.more = !messages[i + 1].bytes.empty();
      }
      script.steps.push_back(std::move(step));
    }
  }
  if (up_to(random, 1) == 0) script.steps.push_back({PipeStep::Kind::close});
  return script;
}

// Plays steps of pipes as SMB messages of either version.
class SmbPlayer {
 public:
  explicit SmbPlayer(SmbVersion version) : version_(version) {
    version_ == SmbVersion::smb1 ? start_smb1() : start_smb2();
  }

  void play(const PipeScript& script, const PipeStep& step) {
    ++message_id_;
    version_ == SmbVersion::smb1 ? play_smb1(script, step) : play_smb2(script, step);
  }
  // A file on the same connection is written: what is in it looks like RPC.
  void play_file(std::size_t size) {
    ByteVector data = make_bind({{0, kEpm}});
    data.resize(std::max(size, data.size()), std::byte{5});
    ++message_id_;
    if (version_ == SmbVersion::smb1) {
      const dissect::Smb1Command command = writing(data);
      say1(true, {.command = command, .tree_id = 2}, smb1_write(command, 9, data));
      say1(false, {.command = command, .tree_id = 2}, smb1_written(command, data));
    } else {
      say2(true, dissect::Smb2Command::write, smb2_write_request(9, data), 2);
      say2(false, dissect::Smb2Command::write, smb2_write_response(), 2);
    }
  }

  [[nodiscard]] std::vector<Message> take() { return std::move(messages_); }

 private:
  void add(bool client, const ByteVector& message) {
    messages_.push_back({client, framed(message)});
  }

  // --- SMB2 ---

  void say2(bool client, dissect::Smb2Command command, const ByteVector& body,
            std::uint32_t tree_id = 1, std::uint32_t status = 0) {
    add(client, make_smb2({.command = command,
                           .message_id = message_id_,
                           .response = !client,
                           .status = status,
                           .tree_id = tree_id},
                          body));
  }
  void start_smb2() {
    ++message_id_;
    say2(true, dissect::Smb2Command::session_setup, smb2_setup_request(make_ntlm("CORP", "alice")));
    say2(false, dissect::Smb2Command::session_setup, smb2_setup_response(0));
    for (const std::uint32_t tree : {1u, 2u}) {
      ++message_id_;
      say2(true, dissect::Smb2Command::tree_connect, ByteWriter().u16(9).zeros(7).take(), 0);
      say2(false, dissect::Smb2Command::tree_connect, smb2_tree_response(tree == 1 ? 2 : 1), tree);
    }
  }
  void play_smb2(const PipeScript& script, const PipeStep& step) {
    const std::uint32_t status =
        step.more ? dissect::kStatusBufferOverflow : dissect::kStatusSuccess;
    switch (step.kind) {
      case PipeStep::Kind::open:
        say2(true, dissect::Smb2Command::create, smb2_create_request(script.name));
        say2(false, dissect::Smb2Command::create, smb2_create_response(script.file));
        return;
      case PipeStep::Kind::write:
        say2(true, dissect::Smb2Command::write, smb2_write_request(script.file, step.in));
        say2(false, dissect::Smb2Command::write, smb2_write_response());
        return;
      case PipeStep::Kind::read:
        say2(true, dissect::Smb2Command::read, smb2_read_request(script.file));
        if (message_id_ % 3 == 0)
          say2(false, dissect::Smb2Command::read, smb2_error(), 1, dissect::kStatusPending);
        say2(false, dissect::Smb2Command::read, smb2_read_response(step.out));
        return;
      case PipeStep::Kind::transact:
        say2(true, dissect::Smb2Command::ioctl, smb2_ioctl_request(script.file, step.in));
        say2(false, dissect::Smb2Command::ioctl, smb2_ioctl_response(script.file, step.out), 1,
             status);
        return;
      case PipeStep::Kind::close:
        say2(true, dissect::Smb2Command::close, smb2_close_request(script.file));
        say2(false, dissect::Smb2Command::close, smb2_close_response());
    }
  }

  // --- SMB1 ---

  void say1(bool client, Smb1Shape shape, const ByteVector& words, const ByteVector& bytes = {}) {
    shape.response = !client;
    shape.multiplex_id = static_cast<std::uint16_t>(message_id_);
    add(client, make_smb1(shape, words, bytes));
  }
  void start_smb1() {
    for (const std::uint16_t tree : {std::uint16_t{1}, std::uint16_t{2}}) {
      ++message_id_;
      say1(true, {dissect::Smb1Command::tree_connect_andx}, andx().zeros(4).take(), ByteVector(9));
      say1(false, {.command = dissect::Smb1Command::tree_connect_andx, .tree_id = tree},
           andx().u16(1).take(), ByteWriter().text(tree == 1 ? "IPC" : "A:").u8(0).take());
    }
  }
  void say1(bool client, const Smb1Shape& shape, const Smb1Body& body) {
    say1(client, shape, body.words, body.bytes);
  }
  // The commands that write and read take turns; the older ones count no more than 16 bits.
  [[nodiscard]] dissect::Smb1Command writing(const ByteVector& data) const {
    constexpr dissect::Smb1Command kWrites[] = {dissect::Smb1Command::write_andx,
                                                dissect::Smb1Command::write_and_unlock,
                                                dissect::Smb1Command::write};
    return data.size() > 0xf000 ? kWrites[0] : kWrites[message_id_ % 3];
  }
  [[nodiscard]] dissect::Smb1Command reading(const ByteVector& data) const {
    constexpr dissect::Smb1Command kReads[] = {dissect::Smb1Command::read_andx,
                                               dissect::Smb1Command::lock_and_read,
                                               dissect::Smb1Command::read};
    return data.size() > 0xf000 ? kReads[0] : kReads[message_id_ % 3];
  }
  static ByteVector transact_words(std::uint16_t file, const ByteVector& data) {
    constexpr unsigned kOffset = kSmb1BlockAt + 1 + 32 + 2 + 8;
    ByteWriter words;
    words.u16(0).u16(static_cast<unsigned>(data.size())).zeros(18);
    words.u16(static_cast<unsigned>(data.size())).u16(kOffset).u8(2).u8(0);
    return words.u16(dissect::kTransTransact).u16(file).take();
  }
  static ByteVector transact_answer_words(const ByteVector& data) {
    constexpr unsigned kOffset = kSmb1BlockAt + 1 + 20 + 2;
    ByteWriter words;
    words.u16(0).u16(static_cast<unsigned>(data.size())).zeros(8);
    words.u16(static_cast<unsigned>(data.size())).u16(kOffset).u16(0).u16(0);
    return words.take();
  }
  void refuse1(dissect::Smb1Command command, std::uint32_t status) {
    say1(false, {.command = command, .status = status}, ByteVector{});
  }
  void transact1(const PipeScript& script, const PipeStep& step, std::uint32_t status) {
    say1(true, {dissect::Smb1Command::transaction}, transact_words(script.file, step.in),
         join({ByteVector(8), step.in}));
    if (step.status != 0) return refuse1(dissect::Smb1Command::transaction, step.status);
    say1(false, {.command = dissect::Smb1Command::transaction, .status = status},
         transact_answer_words(step.out), step.out);
  }
  void control1(const PipeScript& script, const PipeStep& step, std::uint32_t status) {
    say1(true, {dissect::Smb1Command::nt_transact},
         smb1_nt_transact(dissect::kNtTransactIoctl, smb1_ioctl_setup(script.file), {}, step.in));
    if (step.status != 0) return refuse1(dissect::Smb1Command::nt_transact, step.status);
    say1(false, {.command = dissect::Smb1Command::nt_transact, .status = status},
         smb1_nt_transact_part({}, step.out));
  }
  void play_smb1(const PipeScript& script, const PipeStep& step) {
    const std::uint32_t status =
        step.more ? dissect::kStatusBufferOverflow : dissect::kStatusSuccess;
    switch (step.kind) {
      case PipeStep::Kind::open:
        say1(true, {dissect::Smb1Command::nt_create_andx}, andx().zeros(44).take(),
             join({ByteVector(1), utf16("\\" + script.name), ByteVector(2)}));
        say1(false, {dissect::Smb1Command::nt_create_andx},
             andx().u8(0).u16(script.file).zeros(56).u16(2).zeros(3).take());
        return;
      case PipeStep::Kind::write:
        say1(true, {writing(step.in)}, smb1_write(writing(step.in), script.file, step.in));
        if (step.status != 0) return refuse1(writing(step.in), step.status);
        say1(false, {writing(step.in)}, smb1_written(writing(step.in), step.in));
        return;
      case PipeStep::Kind::read:
        say1(true, {reading(step.out)}, smb1_read(reading(step.out), script.file));
        say1(false, {reading(step.out)}, smb1_data_read(reading(step.out), step.out));
        return;
      case PipeStep::Kind::transact:
        return message_id_ % 2 == 0 ? transact1(script, step, status)
                                    : control1(script, step, status);
      case PipeStep::Kind::close:
        say1(true, {dissect::Smb1Command::close}, ByteWriter().u16(script.file).u32(0).take());
        say1(false, {dissect::Smb1Command::close}, ByteVector{});
    }
  }

  SmbVersion version_;
  std::vector<Message> messages_;
  std::uint64_t message_id_ = 0;
};

inline std::vector<Message> play_in_turn(const std::vector<PipeScript>& pipes, SmbVersion version) {
  SmbPlayer player(version);
  for (const PipeScript& pipe : pipes) {
    for (const PipeStep& step : pipe.steps) player.play(pipe, step);
  }
  return player.take();
}

// The steps of each pipe keep their order, with those of others and file traffic between them.
inline std::vector<Message> play_interleaved(const std::vector<PipeScript>& pipes,
                                             SmbVersion version, Random& random) {
  SmbPlayer player(version);
  std::vector<std::size_t> done(pipes.size());
  for (;;) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < pipes.size(); ++i) {
      if (done[i] < pipes[i].steps.size()) open.push_back(i);
    }
    if (open.empty()) return player.take();
    const std::size_t pipe = open[up_to(random, open.size() - 1)];
    player.play(pipes[pipe], pipes[pipe].steps[done[pipe]++]);
    if (up_to(random, 9) == 0) player.play_file(up_to(random, 5000));
  }
}

inline std::vector<Message> make_smb_conversation(SmbVersion version, Random& random) {
  std::vector<PipeScript> pipes;
  const std::size_t count = 1 + up_to(random, 2);
  for (std::size_t i = 0; i < count; ++i) pipes.push_back(make_pipe_script(random, i));
  return play_interleaved(pipes, version, random);
}
inline std::vector<Message> make_smb1_conversation(Random& random) {
  return make_smb_conversation(SmbVersion::smb1, random);
}
inline std::vector<Message> make_smb2_conversation(Random& random) {
  return make_smb_conversation(SmbVersion::smb2, random);
}

}  // namespace rpcaudit::test
