#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dissect/smb/messages/smb1_message.h"
#include "dissect/smb/messages/smb2_message.h"
#include "tests/support/rpc_bytes.h"

namespace rpcaudit::test {

inline ByteVector utf16(std::string_view ascii) {
  ByteWriter writer;
  for (const char c : ascii) writer.u16(static_cast<unsigned char>(c));
  return writer.take();
}

// The framing before a message ([MS-SMB2] 2.1).
inline ByteVector framed(const ByteVector& message) {
  ByteWriter writer(std::endian::big);
  return writer.u32(static_cast<std::uint32_t>(message.size())).bytes(message).take();
}

// An NTLMSSP AUTHENTICATE message (MS-NLMP 2.2.1.3); anonymous without names.
inline ByteVector make_ntlm(std::string_view domain, std::string_view user) {
  const ByteVector names[] = {utf16(domain), utf16(user)};
  const std::size_t response = user.empty() ? 0 : 24;
  ByteWriter writer;
  writer.text("NTLMSSP").u8(0).u32(3);
  std::size_t offset = 64;
  const auto field = [&](std::size_t size) {
    writer.u16(static_cast<unsigned>(size)).u16(static_cast<unsigned>(size));
    writer.u32(static_cast<std::uint32_t>(offset));
    offset += size;
  };
  field(0);
  field(response);
  field(names[0].size());
  field(names[1].size());
  field(0);
  field(0);
  return writer.u32(1).zeros(response).bytes(names[0]).bytes(names[1]).take();
}

// --- SMB2 ---

// What differs from message to message besides its body.
struct Smb2Shape {
  dissect::Smb2Command command{};
  std::uint64_t message_id = 0;
  bool response = false;
  std::uint32_t status = 0;
  std::uint32_t tree_id = 1;
  std::uint64_t session_id = 0x1000'0000'0001;
  std::uint32_t flags = 0;
};

inline ByteVector make_smb2(const Smb2Shape& shape, const ByteVector& body) {
  ByteWriter writer;
  writer.u8(0xfe).text("SMB").u16(64).u16(1).u32(shape.status);
  writer.u16(static_cast<unsigned>(shape.command)).u16(1);
  writer.u32(shape.flags | (shape.response ? dissect::Smb2Header::kFlagResponse : 0)).u32(0);
  writer.number(shape.message_id).u32(0xfeff).u32(shape.tree_id).number(shape.session_id);
  return writer.zeros(16).bytes(body).take();
}

inline ByteVector smb2_setup_request(const ByteVector& token, unsigned flags = 0) {
  ByteWriter body;
  body.u16(25).u8(flags).u8(1).u32(0).u32(0);
  body.u16(88).u16(static_cast<unsigned>(token.size())).zeros(8);
  return body.bytes(token).take();
}
inline ByteVector smb2_setup_response(unsigned session_flags) {
  return ByteWriter().u16(9).u16(session_flags).u16(72).u16(0).take();
}
inline ByteVector smb2_tree_request(std::string_view path) {
  const ByteVector text = utf16(path);
  return ByteWriter()
      .u16(9)
      .u16(0)
      .u16(72)
      .u16(static_cast<unsigned>(text.size()))
      .bytes(text)
      .take();
}
inline ByteVector smb2_tree_response(unsigned share_type) {
  return ByteWriter().u16(16).u8(share_type).zeros(13).take();
}
inline ByteVector smb2_create_request(std::string_view name) {
  const ByteVector text = utf16(name);
  ByteWriter body;
  body.u16(57).zeros(42).u16(120).u16(static_cast<unsigned>(text.size())).zeros(8);
  return body.bytes(text).zeros(text.empty() ? 1 : 0).take();
}
inline ByteWriter& add_file(ByteWriter& writer, std::uint64_t file) {
  return writer.number(file).number(file + 1);
}
inline ByteVector smb2_create_response(std::uint64_t file) {
  ByteWriter body;
  body.u16(89).zeros(62);
  return add_file(body, file).zeros(8).take();
}
inline ByteVector smb2_close_request(std::uint64_t file) {
  ByteWriter body;
  body.u16(24).zeros(6);
  return add_file(body, file).take();
}
inline ByteVector smb2_close_response() { return ByteWriter().u16(60).zeros(58).take(); }
inline ByteVector smb2_write_request(std::uint64_t file, const ByteVector& data) {
  ByteWriter body;
  body.u16(49).u16(112).u32(static_cast<std::uint32_t>(data.size())).zeros(8);
  return add_file(body, file).zeros(16).bytes(data).take();
}
inline ByteVector smb2_write_response() { return ByteWriter().u16(17).zeros(14).take(); }
inline ByteVector smb2_read_request(std::uint64_t file) {
  ByteWriter body;
  body.u16(49).zeros(14);
  return add_file(body, file).zeros(17).take();
}
inline ByteVector smb2_read_response(const ByteVector& data) {
  ByteWriter body;
  body.u16(17).u8(80).u8(0).u32(static_cast<std::uint32_t>(data.size())).zeros(8);
  return body.bytes(data).take();
}
inline ByteVector smb2_ioctl_request(std::uint64_t file, const ByteVector& data,
                                     std::uint32_t code = dissect::kFsctlPipeTransceive) {
  ByteWriter body;
  body.u16(57).u16(0).u32(code);
  add_file(body, file).u32(120).u32(static_cast<std::uint32_t>(data.size())).zeros(24);
  return body.bytes(data).take();
}
inline ByteVector smb2_ioctl_response(std::uint64_t file, const ByteVector& data) {
  ByteWriter body;
  body.u16(49).u16(0).u32(dissect::kFsctlPipeTransceive);
  add_file(body, file).u32(112).u32(0).u32(112).u32(static_cast<std::uint32_t>(data.size()));
  return body.zeros(8).bytes(data).take();
}
inline ByteVector smb2_error() { return ByteWriter().u16(9).u16(0).u32(0).u8(0).take(); }

// Messages in one frame of the session service, padded to 8 bytes but for the last ([MS-SMB2]
// 3.2.4.1.4).
inline ByteVector compound(std::vector<ByteVector> messages) {
  ByteVector whole;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ByteVector& message = messages[i];
    if (i + 1 < messages.size()) {
      message.resize((message.size() + 7) / 8 * 8);
      const auto next = static_cast<std::uint32_t>(message.size());
      std::memcpy(message.data() + 20, &next, sizeof next);
    }
    whole.insert(whole.end(), message.begin(), message.end());
  }
  return whole;
}

// An encrypted message of that many bytes behind its transform header.
inline ByteVector make_encrypted(std::uint64_t session_id, std::size_t size) {
  ByteWriter writer;
  writer.u8(0xfd).text("SMB").zeros(32).u32(static_cast<std::uint32_t>(size)).u16(0).u16(1);
  return writer.number(session_id).zeros(size).take();
}

// --- SMB1 ---

struct Smb1Shape {
  dissect::Smb1Command command{};
  bool response = false;
  std::uint32_t status = 0;
  std::uint16_t tree_id = 1;
  std::uint16_t user_id = 100;
  std::uint16_t multiplex_id = 1;
  bool unicode = true;
};

inline ByteVector make_smb1_header(const Smb1Shape& shape) {
  ByteWriter writer;
  writer.u8(0xff).text("SMB").u8(static_cast<unsigned>(shape.command)).u32(shape.status);
  writer.u8(shape.response ? 0x88 : 0x08).u16(shape.unicode ? 0xc001 : 0x4001);
  writer.zeros(12).u16(shape.tree_id).u16(0xfeff).u16(shape.user_id).u16(shape.multiplex_id);
  return writer.take();
}

// One command: words, then bytes.
inline ByteVector smb1_block(const ByteVector& words, const ByteVector& bytes) {
  ByteWriter writer;
  writer.u8(static_cast<unsigned>(words.size() / 2)).bytes(words);
  return writer.u16(static_cast<unsigned>(bytes.size() & 0xffff)).bytes(bytes).take();
}

inline ByteVector make_smb1(const Smb1Shape& shape, const ByteVector& words,
                            const ByteVector& bytes = {}) {
  return join({make_smb1_header(shape), smb1_block(words, bytes)});
}

// The four bytes before the words of a command that may be followed by another.
inline ByteWriter andx(unsigned next = 0xff, unsigned offset = 0) {
  ByteWriter writer;
  writer.u8(next).u8(0).u16(offset);
  return writer;
}

inline constexpr std::size_t kSmb1BlockAt = dissect::kSmb1HeaderSize;

// The words and bytes of a command, the first in its message.
struct Smb1Body {
  ByteVector words;
  ByteVector bytes;
};

// WRITE, WRITE_AND_UNLOCK, WRITE_AND_CLOSE, WRITE_ANDX ([MS-CIFS] 2.2.4.12, 2.2.4.21, 2.2.4.40,
// 2.2.4.43).
inline Smb1Body smb1_write(dissect::Smb1Command command, unsigned file, const ByteVector& data) {
  const auto size = static_cast<unsigned>(data.size());
  switch (command) {
    case dissect::Smb1Command::write_and_close:
      return {ByteWriter().u16(file).u16(size).zeros(8).take(), join({ByteVector(1), data})};
    case dissect::Smb1Command::write_andx: {
      constexpr unsigned kOffset = kSmb1BlockAt + 1 + 28 + 2;
      ByteWriter words = andx();
      words.u16(file).zeros(12).u16(0).u16(size).u16(kOffset).u32(0);
      return {words.take(), data};
    }
    default:
      return {ByteWriter().u16(file).u16(size).zeros(6).take(),
              ByteWriter().u8(1).u16(size).bytes(data).take()};
  }
}

// What a server that took them answers.
inline Smb1Body smb1_written(dissect::Smb1Command command, const ByteVector& data) {
  if (command == dissect::Smb1Command::write_andx) return {andx().zeros(8).take(), {}};
  return {ByteWriter().u16(static_cast<unsigned>(data.size())).take(), {}};
}

// READ, LOCK_AND_READ, READ_ANDX ([MS-CIFS] 2.2.4.11, 2.2.4.20, 2.2.4.42), and what is read.
inline Smb1Body smb1_read(dissect::Smb1Command command, unsigned file) {
  if (command == dissect::Smb1Command::read_andx) return {andx().u16(file).zeros(14).take(), {}};
  return {ByteWriter().u16(file).zeros(8).take(), {}};
}
inline Smb1Body smb1_data_read(dissect::Smb1Command command, const ByteVector& data) {
  const auto size = static_cast<unsigned>(data.size());
  if (command == dissect::Smb1Command::read_andx) {
    constexpr unsigned kOffset = kSmb1BlockAt + 1 + 24 + 2;
    ByteWriter words = andx();
    words.zeros(6).u16(size).u16(kOffset).u16(0).zeros(8);
    return {words.take(), data};
  }
  return {ByteWriter().u16(size).zeros(8).take(), ByteWriter().u8(1).u16(size).bytes(data).take()};
}

// NT_TRANSACT ([MS-CIFS] 2.2.4.62) with `setup` behind its function, of all whose data it brings
// the first `part` bytes.
inline Smb1Body smb1_nt_transact(unsigned function, const ByteVector& setup,
                                 const ByteVector& parameters, const ByteVector& data,
                                 std::size_t part = SIZE_MAX) {
  part = std::min(part, data.size());
  const std::size_t at = kSmb1BlockAt + 1 + 38 + setup.size() + 2 + 1;  // a byte aligns
  ByteWriter words;
  words.u8(0).u16(0).u32(static_cast<std::uint32_t>(parameters.size()));
  words.u32(static_cast<std::uint32_t>(data.size())).u32(0).u32(0);
  words.u32(static_cast<std::uint32_t>(parameters.size())).u32(static_cast<std::uint32_t>(at));
  words.u32(static_cast<std::uint32_t>(part));
  words.u32(static_cast<std::uint32_t>(at + parameters.size()));
  words.u8(static_cast<unsigned>(setup.size() / 2)).u16(function).bytes(setup);
  return {words.take(),
          join({ByteVector(1), parameters,
                ByteVector(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(part))})};
}

// A later part of its request, or its response ([MS-CIFS] 2.2.4.63, 2.2.4.62.2): `part` bytes of
// the data, from `from` on.
inline Smb1Body smb1_nt_transact_part(const ByteVector& parameters, const ByteVector& data,
                                      std::size_t from = 0, std::size_t part = SIZE_MAX) {
  part = std::min(part, data.size() - from);
  const std::size_t at = kSmb1BlockAt + 1 + 36 + 2;
  ByteWriter words;
  words.zeros(3).u32(static_cast<std::uint32_t>(parameters.size()));
  words.u32(static_cast<std::uint32_t>(data.size()));
  words.u32(static_cast<std::uint32_t>(parameters.size())).u32(static_cast<std::uint32_t>(at));
  words.u32(0).u32(static_cast<std::uint32_t>(part));
  words.u32(static_cast<std::uint32_t>(at + parameters.size()));
  words.u32(static_cast<std::uint32_t>(from)).u8(0);
  const auto begin = data.begin() + static_cast<std::ptrdiff_t>(from);
  return {words.take(),
          join({parameters, ByteVector(begin, begin + static_cast<std::ptrdiff_t>(part))})};
}

// The setup words of an IOCTL ([MS-CIFS] 2.2.7.2.1), and the parameters of CREATE and of its
// response (2.2.7.1).
inline ByteVector smb1_ioctl_setup(unsigned file,
                                   std::uint32_t code = dissect::kFsctlPipeTransceive) {
  return ByteWriter().u32(code).u16(file).u8(1).u8(0).take();
}
inline ByteVector smb1_nt_create_parameters(std::string_view name) {
  const ByteVector text = utf16(name);
  ByteWriter writer;
  writer.zeros(44).u32(static_cast<std::uint32_t>(text.size())).zeros(5);
  return writer.u8(0).bytes(text).take();  // a byte aligns the name
}
inline ByteVector smb1_nt_created_parameters(unsigned file, unsigned resource) {
  return ByteWriter().u16(0).u16(file).zeros(60).u16(resource).zeros(3).take();
}

}  // namespace rpcaudit::test
