#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/model_server.h"
#include "tests/support/rpc_conversation.h"

namespace rpcaudit::test {

enum class Carrier { tcp, smb2 };

// What a client does that is unusual, and that servers accept nevertheless.
struct ScriptOptions {
  bool second_auth3 = false;           // of another user, for the security context in use
  bool refused_alter_context = false;  // of another user, refused by a fault
  bool junk_contexts = false;          // many proposals that the server refuses
  bool reserved_drep_bytes = false;    // the bytes of the drep that are reserved are not zero
  bool keep_alive_first = false;       // of the NetBIOS session service
  bool empty_message_first = false;    // of no bytes, in the same framing
  bool session_request = false;        // on port 139, with a NetBIOS scope
  bool response_flag_first = false;    // on the client's first SMB2 request
  bool related_wrong_ids = false;      // ids in related operations that the server must ignore
  bool refused_reauthentication = false;
};

// What a client says, message by message: each is said when the one before it has been answered.
struct Script {
  std::uint16_t port = 49664;
  std::vector<ByteVector> messages;
};

// The PDUs of an RPC client on one connection or pipe.
class RpcScript {
 public:
  RpcScript(Random& random, const ScriptOptions& options, bool may_authenticate)
      : random_(random), options_(options) {
    const bool needs_auth = options.second_auth3 || options.refused_alter_context;
    if (needs_auth || (may_authenticate && up_to(random, 2) == 0)) {
      auth_ = dissect::AuthNumbers{10, static_cast<std::uint8_t>(up_to(random, 1) == 0 ? 2 : 5), 7};
    }
    if (up_to(random, 4) == 0 && !auth_) order_ = std::endian::big;
  }

  std::vector<ByteVector> make() {
    bind();
    if (options_.junk_contexts) propose_junk();
    const std::size_t rounds = 1 + up_to(random_, 3);
    for (std::size_t round = 0; round < rounds; ++round) {
      if (round != 0 && up_to(random_, 2) == 0) alter();
      if (round == 1 || rounds == 1) provoke();
      call();
    }
    if (options_.reserved_drep_bytes) set_reserved_bytes();
    return std::move(messages_);
  }

 private:
  PduShape shape() { return {.call_id = ++call_id_, .order = order_, .auth = auth_}; }

  void bind() {
    PduShape first = shape();
    first.token = make_ntlm_message(1);
    messages_.push_back(
        make_bind({{0, kSamr}, {1, kDrsuapi}, {2, {kRefusedInterface, 1, 0}}}, first));
    if (auth_) authenticate("alice");
  }
  // An auth3 has no answer: the next PDU follows it at once (MS-RPCE 3.3.1.5.2.2).
  void authenticate(std::string_view user) {
    PduShape last = {.call_id = call_id_, .order = order_, .auth = auth_};
    last.token = make_ntlm("CORP", user);
    unanswered_ = make_pdu(dissect::PduType::auth3, last, ByteVector(4));
  }
  void alter() {
    PduShape plain = {.call_id = ++call_id_, .order = order_};
    say(make_bind({{contexts_++, kEpm}}, plain, dissect::PduType::alter_context));
  }
  void propose_junk() {
    for (std::size_t i = 0; i < 8; ++i) {
      std::vector<Item> items;
      for (unsigned id = 0; id < 40; ++id) {
        dissect::SyntaxId syntax{kRefusedInterface, 1, 0};
        syntax.uuid.bytes[15] = static_cast<std::uint8_t>(id);
        items.push_back({static_cast<std::uint16_t>(100 + 40 * i + id), syntax});
      }
      const PduShape plain = {.call_id = ++call_id_, .order = order_};
      say(make_bind(items, plain, dissect::PduType::alter_context));
    }
  }
  // Somebody else's authentication, which changes nobody's calls.
  void provoke() {
    if (options_.second_auth3) authenticate("eve");
    if (!options_.refused_alter_context) return;
    PduShape refused = shape();
    refused.token = make_ntlm("CORP", kRefusedUser);
    say(make_bind({{1, kDrsuapi}}, refused, dissect::PduType::alter_context));
  }
  void call() {
    ByteVector requests;
    const std::size_t pipelined = 1 + up_to(random_, 2);
    for (std::size_t i = 0; i < pipelined; ++i) {
      PduShape one = shape();
      const auto id = static_cast<std::uint16_t>(up_to(random_, contexts_ - 1));
      const Request request{id == 2 ? std::uint16_t{1} : id,
                            static_cast<std::uint16_t>(up_to(random_, 20)),
                            up_to(random_, 4) == 0 ? std::optional(kEpm.uuid) : std::nullopt,
                            8 + 2 * up_to(random_, up_to(random_, 3) == 0 ? 600 : 40)};
      if (up_to(random_, 3) == 0) {
        one.flags = dissect::kPfcFirstFragment;
        requests = join({requests, make_request(request, one)});
        one.flags = dissect::kPfcLastFragment;
      }
      requests = join({requests, make_request(request, one)});
    }
    say(requests);
  }
  void say(const ByteVector& pdus) {
    messages_.push_back(join({std::exchange(unanswered_, {}), pdus}));
  }
  void set_reserved_bytes() {
    for (ByteVector& message : messages_) {
      for (std::size_t at = 0; at + 16 <= message.size();) {
        message[at + 6] = std::byte{1};
        message[at + 7] = std::byte{0x40};
        at += number_at<std::uint16_t>(message, at + 8, order_);
      }
    }
  }

  Random& random_;
  ScriptOptions options_;
  std::optional<dissect::AuthNumbers> auth_;
  std::endian order_ = std::endian::little;
  std::uint32_t call_id_ = 0;
  std::uint16_t contexts_ = 3;  // numbered from 0; the third one is refused
  ByteVector unanswered_;
  std::vector<ByteVector> messages_;
};

// The messages of an SMB2 client that uses one pipe. The server's numbers are known beforehand:
// trees and files count from 1 (ModelSmbServer).
class SmbScript {
 public:
  SmbScript(Random& random, const ScriptOptions& options) : random_(random), options_(options) {}

  std::vector<ByteVector> make() {
    begin();
    set_up("alice");
    connect("\\\\srv\\files");
    connect("\\\\srv\\IPC$");
    std::vector<ByteVector> pdus = RpcScript(random_, options_, false).make();
    const bool opens_with_bind = options_.related_wrong_ids && up_to(random_, 1) == 0;
    if (opens_with_bind) {
      say(chain({{dissect::Smb2Command::create, smb2_create_request("drsuapi")},
                 {dissect::Smb2Command::ioctl, smb2_ioctl_request(kWrongFile, pdus[0])}}));
    } else {
      say(request(dissect::Smb2Command::create, smb2_create_request("drsuapi")));
      transact(pdus[0]);
    }
    if (options_.refused_reauthentication) set_up(kRefusedUser);
    for (std::size_t i = 1; i < pdus.size(); ++i) {
      options_.related_wrong_ids ? transact_related(pdus[i]) : transact(pdus[i]);
    }
    return std::move(messages_);
  }

 private:
  static constexpr std::uint64_t kFile = 1;
  static constexpr std::uint64_t kWrongFile = 0x7777;
  static constexpr std::uint32_t kPipeTree = 2;
  static constexpr std::uint32_t kFlagRelated = 4;
  static constexpr auto kNegotiate = static_cast<dissect::Smb2Command>(0);

  ByteVector request(dissect::Smb2Command command, const ByteVector& body, Smb2Shape shape = {}) {
    shape.command = command;
    shape.message_id = message_id_++;
    if (shape.tree_id == 1) shape.tree_id = kPipeTree;
    return make_smb2(shape, body);
  }
  void say(const ByteVector& message) {
    messages_.push_back(join({std::exchange(unanswered_, {}), framed(message)}));
  }

  void begin() {
    if (options_.session_request) {
      const ByteVector names = join({netbios_name("lan"), netbios_name("")});
      const auto size = static_cast<unsigned>(names.size());
      messages_.push_back(ByteWriter(std::endian::big).u16(0x8100).u16(size).bytes(names).take());
    }
    if (options_.keep_alive_first) unanswered_ = ByteWriter().u8(0x85).zeros(3).take();
    if (options_.empty_message_first) unanswered_.insert(unanswered_.end(), 4, std::byte{0});
    say(request(kNegotiate, ByteWriter().u16(36).u16(1).zeros(32).u16(0x0302).take(),
                {.response = options_.response_flag_first, .tree_id = 0, .session_id = 0}));
  }
  // RFC 1002 4.1, for a name of blanks.
  static ByteVector netbios_name(std::string_view scope) {
    ByteWriter writer;
    writer.u8(32);
    for (int i = 0; i < 16; ++i) writer.text("CA");
    if (!scope.empty()) writer.u8(static_cast<unsigned>(scope.size())).text(scope);
    return writer.u8(0).take();
  }
  void set_up(std::string_view user) {
    const Smb2Shape shape{.tree_id = 0, .session_id = is_set_up_ ? ModelSmbServer::kSession : 0};
    const auto ask = dissect::Smb2Command::session_setup;
    say(request(ask, smb2_setup_request(make_ntlm_message(1)), shape));
    say(request(ask, smb2_setup_request(make_ntlm("CORP", user)), {.tree_id = 0}));
    is_set_up_ = true;
  }
  void connect(std::string_view path) {
    const ByteVector name = utf16(path);
    ByteWriter body;
    body.u16(9).u16(0).u16(72).u16(static_cast<unsigned>(name.size())).bytes(name);
    say(request(dissect::Smb2Command::tree_connect, body.take(), {.tree_id = 0}));
  }
  // A request on the pipe and its answer, in one operation or in two.
  void transact(const ByteVector& pdus) {
    if (up_to(random_, 2) != 0) {
      say(request(dissect::Smb2Command::ioctl, smb2_ioctl_request(kFile, pdus)));
      return;
    }
    say(request(dissect::Smb2Command::write, smb2_write_request(kFile, pdus)));
    say(request(dissect::Smb2Command::read, smb2_read_request(kFile)));
  }
  // A write that names the file, and the rest of the bytes behind it in a related operation, which
  // names nothing that counts.
  void transact_related(ByteVector pdus) {
    const auto middle = pdus.begin() + static_cast<std::ptrdiff_t>(pdus.size() / 2);
    const ByteVector front(pdus.begin(), middle);
    pdus.erase(pdus.begin(), middle);
    say(chain({{dissect::Smb2Command::write, smb2_write_request(kFile, front)},
               {dissect::Smb2Command::ioctl, smb2_ioctl_request(kWrongFile, pdus)}}));
  }
  ByteVector chain(const std::vector<std::pair<dissect::Smb2Command, ByteVector>>& operations) {
    std::vector<ByteVector> messages;
    for (const auto& [command, body] : operations) {
      Smb2Shape shape;
      if (!messages.empty()) {
        shape.flags = kFlagRelated;
        shape.tree_id = up_to(random_, 1) == 0 ? 0x55 : 0xffff'ffff;
        if (up_to(random_, 1) == 0) shape.session_id = 0x66;
      }
      messages.push_back(request(command, body, shape));
    }
    return compound(std::move(messages));
  }

  Random& random_;
  ScriptOptions options_;
  std::uint64_t message_id_ = 0;
  bool is_set_up_ = false;
  ByteVector unanswered_;
  std::vector<ByteVector> messages_;
};

inline Script make_script(Carrier carrier, Random& random, const ScriptOptions& options) {
  if (carrier == Carrier::tcp) return {49664, RpcScript(random, options, true).make()};
  return {static_cast<std::uint16_t>(options.session_request ? 139 : 445),
          SmbScript(random, options).make()};
}

}  // namespace rpcaudit::test
