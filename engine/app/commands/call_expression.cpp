#include "engine/app/commands/call_expression.h"

#include <array>
#include <charconv>
#include <utility>

#include "engine/audit/catalogue/catalogue.h"

namespace rpcaudit::app {
namespace {

using Problem = std::optional<std::string>;

std::string quoted(std::string_view text) {
  std::string out = "`";
  return out.append(text).append("`");
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

Problem read_interface(std::string_view value, DescribedCall& described) {
  std::optional<Uuid> uuid = parse_uuid(value);
  if (!uuid) {
    const std::optional<audit::CatalogueEntry> entry = audit::find_interface(value);
    if (!entry) return quoted(value) + " is neither a UUID nor the name of a known interface";
    uuid = audit::interface_uuid(*entry);
  }
  if (!described.context.abstract_syntax) described.context.abstract_syntax.emplace();
  described.context.abstract_syntax->uuid = *uuid;
  return std::nullopt;
}

Problem read_version(std::string_view value, DescribedCall& described) {
  const std::size_t dot = value.find('.');
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  const bool fine = parse_number(value.substr(0, dot), major) &&
                    (dot == std::string_view::npos || parse_number(value.substr(dot + 1), minor));
  if (!fine) return quoted(value) + " is no version such as 4.0";
  if (!described.context.abstract_syntax) return "a version needs an interface before it";
  described.context.abstract_syntax->version_major = major;
  described.context.abstract_syntax->version_minor = minor;
  described.version_given = true;
  return std::nullopt;
}

Problem read_opnum(std::string_view value, DescribedCall& described) {
  if (parse_number(value, described.call.opnum)) return std::nullopt;
  if (described.context.abstract_syntax) {
    const auto entry = audit::find_interface(described.context.abstract_syntax->uuid);
    const auto opnum = entry ? audit::find_operation(*entry, value) : std::nullopt;
    if (opnum) {
      described.call.opnum = *opnum;
      return std::nullopt;
    }
  }
  return quoted(value) + " is neither a number nor an operation of an interface before it";
}

Problem read_protocol(std::string_view value, DescribedCall& described) {
  for (std::size_t i = 0; i < dissect::kProtocolSequenceCount; ++i) {
    const auto sequence = static_cast<dissect::ProtocolSequence>(i);
    if (to_string(sequence) != value) continue;
    described.context.protocol = sequence;
    return std::nullopt;
  }
  return quoted(value) + " is no protocol sequence (ncacn_ip_tcp, ncacn_np, ncadg_ip_udp, ...)";
}

Problem read_address(std::string_view value, IpAddress& address, bool& given) {
  const std::optional<IpAddress> parsed = parse_ip(value);
  if (!parsed) return quoted(value) + " is no IP address";
  address = *parsed;
  given = true;
  return std::nullopt;
}

Problem read_client(std::string_view value, DescribedCall& described) {
  return read_address(value, described.context.client.address, described.client_given);
}

Problem read_server(std::string_view value, DescribedCall& described) {
  return read_address(value, described.context.server.address, described.server_given);
}

Problem read_port(std::string_view value, DescribedCall& described) {
  if (parse_number(value, described.context.server.port)) return std::nullopt;
  return quoted(value) + " is no port";
}

// As the wire shows it: `svcctl` means the pipe \PIPE\svcctl.
Problem read_pipe(std::string_view value, DescribedCall& described) {
  described.pipe = value.find('\\') == std::string_view::npos ? "\\PIPE\\" : "";
  described.pipe += value;
  described.context.pipe = described.pipe;
  described.context.protocol = dissect::ProtocolSequence::ncacn_np;
  return std::nullopt;
}

dissect::AuthNumbers& auth_of(DescribedCall& described) {
  return described.call.auth ? *described.call.auth : described.call.auth.emplace();
}

Problem read_auth_type(std::string_view value, DescribedCall& described) {
  if (parse_number(value, auth_of(described).type)) return std::nullopt;
  return quoted(value) + " is no auth type (9 Negotiate, 10 NTLM, 16 Kerberos, ...)";
}

Problem read_auth_level(std::string_view value, DescribedCall& described) {
  if (parse_number(value, auth_of(described).level)) return std::nullopt;
  return quoted(value) + " is no auth level (1 none to 6 privacy)";
}

Problem read_object(std::string_view value, DescribedCall& described) {
  described.call.object = parse_uuid(value);
  if (described.call.object) return std::nullopt;
  return quoted(value) + " is no UUID";
}

Problem read_user(std::string_view value, DescribedCall& described) {
  if (value == "anonymous") {
    described.call.identity.null_session = true;
    return std::nullopt;
  }
  const std::size_t slash = value.find('\\');
  if (slash != std::string_view::npos) described.domain = value.substr(0, slash);
  described.user = slash == std::string_view::npos ? value : value.substr(slash + 1);
  described.call.identity.user = described.user;
  described.call.identity.domain = described.domain;
  return std::nullopt;
}

// The interface that a call of an endpoint mapper asks for.
Problem read_lookup(std::string_view value, DescribedCall& described) {
  DescribedCall asked;
  if (Problem problem = read_interface(value, asked)) return problem;
  described.lookup = *asked.context.abstract_syntax;
  return std::nullopt;
}

// ept_lookup and ept_map (C706, appendix O).
void note_question(DescribedCall& described) {
  constexpr Uuid kMapper = uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa");
  const auto& syntax = described.context.abstract_syntax;
  const bool asks = described.call.opnum == 2 || described.call.opnum == 3;
  if (!syntax || syntax->uuid != kMapper || !asks) return;
  described.call.question.emplace().interface = described.lookup;
}

// Whoever opened the pipe is who calls, where the call has no security of its own.
void note_session(DescribedCall& described) {
  if (described.context.protocol != dissect::ProtocolSequence::ncacn_np) return;
  const bool is_known = !described.user.empty() || described.call.identity.null_session;
  if (!is_known) return;
  described.context.smb = dissect::SmbIdentity{.identity = described.call.identity};
}

struct Key {
  std::string_view name;
  Problem (*read)(std::string_view, DescribedCall&);
};

constexpr std::array kKeys{
    Key{"interface", read_interface}, Key{"version", read_version},
    Key{"opnum", read_opnum},         Key{"protocol", read_protocol},
    Key{"client", read_client},       Key{"server", read_server},
    Key{"port", read_port},           Key{"pipe", read_pipe},
    Key{"auth_type", read_auth_type}, Key{"auth_level", read_auth_level},
    Key{"object", read_object},       Key{"user", read_user},
    Key{"lookup", read_lookup},
};

Problem read_word(std::string_view word, DescribedCall& described) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return quoted(word) + " is no key=value";
  for (const Key& key : kKeys) {
    if (key.name == word.substr(0, equals)) return key.read(word.substr(equals + 1), described);
  }
  return quoted(word.substr(0, equals)) + " is no key of a call";
}

}  // namespace

std::optional<std::string> parse_call(std::string_view text, DescribedCall& described) {
  described.context.result = dissect::ContextResult::accepted;
  described.context.client.address = IpAddress::v4(0);
  described.context.server.address = IpAddress::v4(0);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \t,"), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (Problem problem = read_word(word, described)) return problem;
  }
  note_question(described);
  note_session(described);
  return std::nullopt;
}

}  // namespace rpcaudit::app
