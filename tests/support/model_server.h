#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tests/support/rpc_bytes.h"
#include "tests/support/smb_bytes.h"

namespace rpcaudit::test {

// A call that a server has run, and for whom.
struct ExecutedCall {
  Uuid interface;
  std::uint16_t opnum = 0;
  std::string user;  // empty: nobody in particular
  std::string pipe;  // as \PIPE\name; empty: not over a pipe

  auto operator<=>(const ExecutedCall&) const = default;
};

template <class T>
T number_at(Bytes bytes, std::size_t at, std::endian order = std::endian::little) {
  T value{};
  if (at + sizeof(T) > bytes.size()) return value;
  std::array<std::byte, sizeof(T)> raw;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), sizeof(T), raw.begin());
  if (order != std::endian::native) std::reverse(raw.begin(), raw.end());
  std::memcpy(&value, raw.data(), sizeof(T));
  return value;
}

// As much of a part as there is.
inline Bytes part_of(Bytes bytes, std::size_t at, std::size_t size = SIZE_MAX) {
  const std::size_t begin = std::min(at, bytes.size());
  return bytes.subspan(begin, std::min(size, bytes.size() - begin));
}

inline std::string ascii_of_utf16(Bytes bytes) {
  std::string text;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) text += std::to_integer<char>(bytes[i]);
  return text;
}

// The user whom an NTLM AUTHENTICATE message names (MS-NLMP 2.2.1.3); empty in other tokens.
inline std::string ntlm_user(Bytes token) {
  if (token.size() < 64 || number_at<std::uint32_t>(token, 8) != 3) return {};
  const std::size_t size = number_at<std::uint16_t>(token, 36);
  const std::size_t offset = number_at<std::uint32_t>(token, 40);
  if (offset + size > token.size()) return {};
  return ascii_of_utf16(token.subspan(offset, size));
}

inline ByteVector make_ntlm_message(std::uint32_t type) {
  return ByteWriter().text("NTLMSSP").u8(0).u32(type).zeros(40).take();
}

// The user whose authentication every model server refuses, and the interface that it lacks.
inline constexpr std::string_view kRefusedUser = "mallory";
inline constexpr Uuid kRefusedInterface = uuid("deadbeef-0000-0000-0000-000000000000");

// The RPC runtime of a server at the end of one connection or pipe: takes the bytes of the stream,
// returns those of its answers and keeps the calls that it has run.
class ModelRpcServer {
 public:
  // Answers have stubs of at most that many bytes. A pipe has a name, and a session that it was
  // opened in.
  explicit ModelRpcServer(std::size_t answer_bytes, std::string session_user = {},
                          std::string pipe = {})
      : answer_bytes_(answer_bytes),
        session_user_(std::move(session_user)),
        pipe_(std::move(pipe)) {}

  ByteVector consume(Bytes bytes) {
    input_.insert(input_.end(), bytes.begin(), bytes.end());
    ByteVector answers;
    while (!is_broken_ && input_.size() >= 16) {
      order_ = (std::to_integer<unsigned>(input_[4]) & 0xf0) != 0 ? std::endian::little
                                                                  : std::endian::big;
      const std::size_t size = number_at<std::uint16_t>(input_, 8, order_);
      is_broken_ = input_[0] != std::byte{5} || size < 16;
      if (is_broken_ || input_.size() < size) break;
      const ByteVector pdu(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(size));
      input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(size));
      const ByteVector answer = answer_to(pdu);
      answers.insert(answers.end(), answer.begin(), answer.end());
    }
    return answers;
  }
  [[nodiscard]] const std::vector<ExecutedCall>& executed() const { return executed_; }
  [[nodiscard]] bool is_broken() const { return is_broken_; }

 private:
  ByteVector answer_to(Bytes pdu) {
    const PduShape shape{.call_id = number_at<std::uint32_t>(pdu, 12, order_), .order = order_};
    switch (static_cast<dissect::PduType>(pdu[2])) {
      case dissect::PduType::bind: return propose(pdu, shape, dissect::PduType::bind_ack);
      case dissect::PduType::alter_context:
        if (ntlm_user(token(pdu)) == kRefusedUser) return make_fault(5, shape);
        return propose(pdu, shape, dissect::PduType::alter_context_response);
      case dissect::PduType::auth3:
        // The first one completes the security context; no later one can change it.
        if (!rpc_user_) rpc_user_ = ntlm_user(token(pdu));
        return {};
      case dissect::PduType::request: return run(pdu, shape);
      default: return {};
    }
  }

  static Bytes token(Bytes pdu) {
    const auto order =
        (std::to_integer<unsigned>(pdu[4]) & 0xf0) != 0 ? std::endian::little : std::endian::big;
    const std::size_t size = number_at<std::uint16_t>(pdu, 10, order);
    return size == 0 || size + 24 > pdu.size() ? Bytes{} : pdu.last(size);
  }

  // C706 12.6.4.3 and 12.6.4.4.
  ByteVector propose(Bytes pdu, PduShape shape, dissect::PduType answer) {
    std::vector<Result> results;
    std::size_t at = 28;
    for (auto items = number_at<std::uint8_t>(pdu, 24); items != 0 && at < pdu.size(); --items) {
      const Uuid interface = uuid_at(pdu, at + 4);
      const bool is_refused = interface.bytes[0] == kRefusedInterface.bytes[0];
      if (!is_refused) contexts_[number_at<std::uint16_t>(pdu, at, order_)] = interface;
      results.push_back(is_refused ? Result{2, 1, {}} : Result{});
      at += 24 + 20 * std::size_t{number_at<std::uint8_t>(pdu, at + 2)};
    }
    if (const Bytes sent = token(pdu); !sent.empty()) {
      const Bytes trailer = pdu.last(sent.size() + 8);
      shape.auth = dissect::AuthNumbers{number_at<std::uint8_t>(trailer, 0),
                                        number_at<std::uint8_t>(trailer, 1),
                                        number_at<std::uint32_t>(trailer, 4, order_)};
      shape.token = make_ntlm_message(2);
    }
    return make_bind_ack(results, shape, answer);
  }

  ByteVector run(Bytes pdu, PduShape shape) {
    const auto flags = std::to_integer<unsigned>(pdu[3]);
    if ((flags & dissect::kPfcLastFragment) == 0) return {};
    const auto id = number_at<std::uint16_t>(pdu, 20, order_);
    const auto context = contexts_.find(id);
    if (context == contexts_.end()) return make_fault(0x1c00'001c, shape);
    const bool is_secured = number_at<std::uint16_t>(pdu, 10, order_) != 0;
    executed_.push_back({context->second, number_at<std::uint16_t>(pdu, 22, order_),
                         is_secured ? rpc_user_.value_or("") : session_user_, pipe_});
    return make_response(id, shape, executed_.size() * 1000 % answer_bytes_);
  }

  [[nodiscard]] Uuid uuid_at(Bytes pdu, std::size_t at) const {
    Uuid value;
    if (at + 16 > pdu.size()) return value;
    for (std::size_t i = 0; i < 16; ++i) {
      // The first three fields follow the data representation (C706 appendix A).
      constexpr std::array<std::size_t, 16> kSwapped{3, 2, 1,  0,  5,  4,  7,  6,
                                                     8, 9, 10, 11, 12, 13, 14, 15};
      const std::size_t from = order_ == std::endian::little ? kSwapped[i] : i;
      value.bytes[i] = std::to_integer<std::uint8_t>(pdu[at + from]);
    }
    return value;
  }

  std::size_t answer_bytes_;
  std::string session_user_;
  std::string pipe_;
  std::endian order_ = std::endian::little;
  ByteVector input_;
  std::map<std::uint16_t, Uuid> contexts_;
  std::optional<std::string> rpc_user_;
  std::vector<ExecutedCall> executed_;
  bool is_broken_ = false;
};

// An SMB2 server at the end of one connection ([MS-SMB2] 3.3), with its framing ([MS-SMB2] 2.1,
// RFC 1002 4.3). Sessions, trees and files are numbered from 1, so that a script knows them.
class ModelSmbServer {
 public:
  static constexpr std::uint64_t kSession = 0x1000'0000'0001;

  explicit ModelSmbServer(std::size_t answer_bytes) : answer_bytes_(answer_bytes) {}

  ByteVector consume(Bytes bytes) {
    input_.insert(input_.end(), bytes.begin(), bytes.end());
    ByteVector answers;
    while (!is_broken_ && input_.size() >= 4) {
      const auto type = std::to_integer<unsigned>(input_[0]);
      const std::size_t size = number_at<std::uint32_t>(input_, 0, std::endian::big) & 0xff'ffff;
      is_broken_ = type != 0 && type != kSessionRequest && type != kKeepAlive;
      if (is_broken_ || input_.size() < 4 + size) break;
      const ByteVector message(input_.begin() + 4,
                               input_.begin() + static_cast<std::ptrdiff_t>(4 + size));
      input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(4 + size));
      ByteVector answer;
      if (type == kSessionRequest) answer = ByteWriter().u8(0x82).zeros(3).take();
      if (type == 0 && size != 0) {
        is_broken_ = size < 64 || !is_smb2(message);
        if (is_broken_) break;
        answer = framed(answer_to(message));
      }
      answers.insert(answers.end(), answer.begin(), answer.end());
    }
    return answers;
  }

  [[nodiscard]] std::vector<ExecutedCall> executed() const {
    std::vector<ExecutedCall> all;
    for (const auto& [file, pipe] : pipes_) {
      all.insert(all.end(), pipe.executed().begin(), pipe.executed().end());
    }
    return all;
  }
  [[nodiscard]] bool is_broken() const { return is_broken_; }

 private:
  static constexpr unsigned kSessionRequest = 0x81;
  static constexpr unsigned kKeepAlive = 0x85;
  static constexpr std::uint16_t kNegotiate = 0;

  static bool is_smb2(Bytes message) {
    constexpr std::uint32_t kProtocolId = 0x424d'53fe;
    return number_at<std::uint32_t>(message, 0) == kProtocolId &&
           number_at<std::uint16_t>(message, 4) == 64;
  }

  // What a related operation takes from the one before it ([MS-SMB2] 3.3.5.2.7.2).
  struct Operands {
    std::uint64_t session = 0;
    std::uint32_t tree = 0;
    std::uint64_t file = 0;
  };

  ByteVector answer_to(Bytes chain) {
    std::vector<ByteVector> answers;
    Operands before;
    while (chain.size() >= 64) {
      const std::size_t next = number_at<std::uint32_t>(chain, 20);
      const Bytes message = next == 0 || next > chain.size() ? chain : chain.first(next);
      const bool is_related = (number_at<std::uint32_t>(message, 16) & kFlagRelated) != 0;
      Operands operands = before;
      if (!is_related) {
        operands = {number_at<std::uint64_t>(message, 40), number_at<std::uint32_t>(message, 36),
                    file_of(message)};
      }
      answers.push_back(answer_to(message, operands));
      before = operands;
      chain = chain.subspan(message.size());
    }
    return compound(std::move(answers));
  }

  static constexpr std::uint32_t kFlagRelated = 4;

  static std::uint64_t file_of(Bytes message) {
    switch (static_cast<dissect::Smb2Command>(number_at<std::uint16_t>(message, 12))) {
      case dissect::Smb2Command::close:
      case dissect::Smb2Command::ioctl: return number_at<std::uint64_t>(message, 72);
      case dissect::Smb2Command::read:
      case dissect::Smb2Command::write: return number_at<std::uint64_t>(message, 80);
      default: return 0;
    }
  }

  ByteVector answer_to(Bytes message, Operands& operands) {
    const auto command = number_at<std::uint16_t>(message, 12);
    Smb2Shape shape{.command = static_cast<dissect::Smb2Command>(command),
                    .message_id = number_at<std::uint64_t>(message, 24),
                    .response = true,
                    .tree_id = operands.tree,
                    .session_id = operands.session};
    if (command == kNegotiate) return make_smb2(shape, ByteWriter().u16(65).zeros(62).take());
    switch (shape.command) {
      case dissect::Smb2Command::session_setup: {
        shape.session_id = operands.session = kSession;
        const ByteVector body = set_up(message, shape.status);
        return make_smb2(shape, body);
      }
      case dissect::Smb2Command::tree_connect:
        shape.tree_id = operands.tree = ++trees_;
        is_pipe_tree_[trees_] = ascii_of_utf16(part_of(message, 72)).ends_with("IPC$");
        return make_smb2(shape, smb2_tree_response(is_pipe_tree_[trees_] ? 2 : 1));
      case dissect::Smb2Command::create: return make_smb2(shape, create(message, operands));
      case dissect::Smb2Command::ioctl: {
        const Bytes data = part_of(message, 120, number_at<std::uint32_t>(message, 92));
        const ByteVector answer = write(operands, data);
        return make_smb2(shape, smb2_ioctl_response(operands.file, answer));
      }
      case dissect::Smb2Command::write: {
        const Bytes data = part_of(message, 112, number_at<std::uint32_t>(message, 68));
        const ByteVector answer = write(operands, data);
        unread_[operands.file].insert(unread_[operands.file].end(), answer.begin(), answer.end());
        return make_smb2(shape, smb2_write_response());
      }
      case dissect::Smb2Command::read:
        return make_smb2(shape, smb2_read_response(std::exchange(unread_[operands.file], {})));
      default: return make_smb2(shape, smb2_close_response());
    }
  }

  ByteVector set_up(Bytes message, std::uint32_t& status) {
    const Bytes token = part_of(message, 88);
    const std::string user = ntlm_user(token);
    if (number_at<std::uint32_t>(token, 8) == 1) {
      status = dissect::kStatusMoreProcessingRequired;
    } else if (user == kRefusedUser) {
      constexpr std::uint32_t kStatusLogonFailure = 0xc000'006d;
      status = kStatusLogonFailure;
      return smb2_error();
    } else {
      user_ = user;
    }
    return smb2_setup_response(0);
  }

  ByteVector create(Bytes message, Operands& operands) {
    operands.file = ++files_;
    const std::size_t size = number_at<std::uint16_t>(message, 110);
    const std::string name = ascii_of_utf16(part_of(message, 120, size));
    if (is_pipe_tree_[operands.tree]) {
      pipes_.emplace(operands.file, ModelRpcServer(answer_bytes_, user_, "\\PIPE\\" + name));
    }
    return smb2_create_response(operands.file);
  }

  ByteVector write(const Operands& operands, Bytes data) {
    const auto pipe = pipes_.find(operands.file);
    return pipe == pipes_.end() ? ByteVector{} : pipe->second.consume(data);
  }

  std::size_t answer_bytes_;
  ByteVector input_;
  std::string user_;
  std::uint32_t trees_ = 0;
  std::uint64_t files_ = 0;
  std::map<std::uint32_t, bool> is_pipe_tree_;
  std::map<std::uint64_t, ModelRpcServer> pipes_;
  std::map<std::uint64_t, ByteVector> unread_;
  bool is_broken_ = false;
};

}  // namespace rpcaudit::test
