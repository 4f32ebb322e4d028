#include "dissect/rpc/pdus/auth_token.h"

#include <algorithm>
#include <string_view>

#include "dissect/rpc/pdus/rpc_auth.h"

namespace rpcaudit::dissect {
namespace {

// --- DER, as far as GSS-API tokens use it (X.690) ---

struct DerElement {
  std::uint8_t tag = 0;
  Bytes content;
};

// Takes the next element off `rest`. Long tags and indefinite lengths are not used by the tokens
// read here and count as contradictions. An element longer than what is there is cut to it: tickets
// are often cut by a snap length, long after the names.
bool take_element(Bytes& rest, DerElement& element) noexcept {
  if (rest.size() < 2) return false;
  element.tag = std::to_integer<std::uint8_t>(rest[0]);
  std::size_t length = std::to_integer<std::size_t>(rest[1]);
  std::size_t header = 2;
  if (length >= 0x80) {
    const std::size_t count = length & 0x7f;
    if (count == 0 || count > 4 || rest.size() < 2 + count) return false;
    length = 0;
    for (std::size_t i = 0; i < count; ++i) {
      length = length << 8 | std::to_integer<std::size_t>(rest[2 + i]);
    }
    header += count;
  }
  length = std::min(length, rest.size() - header);
  element.content = rest.subspan(header, length);
  rest = rest.subspan(header + length);
  return true;
}

// The content of the first element of `rest` if its tag is `tag`.
bool enter(Bytes rest, std::uint8_t tag, Bytes& content) noexcept {
  DerElement element;
  if (!take_element(rest, element) || element.tag != tag) return false;
  content = element.content;
  return true;
}

constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kOid = 0x06;
constexpr std::uint8_t kOctetString = 0x04;
constexpr std::uint8_t kGeneralString = 0x1b;
constexpr std::uint8_t kGssToken = 0x60;

constexpr std::uint8_t context_tag(unsigned number) noexcept {
  return static_cast<std::uint8_t>(0xa0 | number);
}

bool equals(Bytes bytes, std::string_view wanted) noexcept {
  return bytes.size() == wanted.size() &&
         std::equal(bytes.begin(), bytes.end(), wanted.begin(),
                    [](std::byte a, char b) { return a == static_cast<std::byte>(b); });
}

bool starts_with(Bytes bytes, std::string_view wanted) noexcept {
  return bytes.size() >= wanted.size() && equals(bytes.first(wanted.size()), wanted);
}

using namespace std::string_view_literals;
constexpr std::string_view kOidNtlm = "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"sv;
constexpr std::string_view kOidKerberos = "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"sv;
constexpr std::string_view kOidKerberosMicrosoft = "\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"sv;
constexpr std::string_view kNtlmSignature = "NTLMSSP\0"sv;

std::uint8_t mechanism_of(Bytes oid) noexcept {
  if (equals(oid, kOidNtlm)) return kAuthNtlm;
  if (equals(oid, kOidKerberos) || equals(oid, kOidKerberosMicrosoft)) return kAuthKerberos;
  return 0;
}

// --- the mechanisms ---

// A field descriptor of an NTLM message: length, capacity, offset from the message's start.
Bytes take_ntlm_field(ByteCursor& cursor, Bytes message) noexcept {
  const std::uint16_t length = cursor.u16();
  cursor.skip(2);
  const std::uint32_t offset = cursor.u32();
  if (!cursor.ok() || offset > message.size() || length > message.size() - offset) return {};
  return message.subspan(offset, length);
}

// The name of the service that the caller means, in the list of an NTLMv2 response (MS-NLMP 2.2.2.7
// and 2.2.2.1); empty where the response has none.
Bytes target_name(Bytes nt_response) noexcept {
  constexpr std::size_t kListOffset = 44;  // proof, then the fields of NTLMv2_CLIENT_CHALLENGE
  constexpr std::uint16_t kEnd = 0;
  constexpr std::uint16_t kTargetName = 9;
  if (nt_response.size() < kListOffset) return {};
  ByteCursor cursor(nt_response.subspan(kListOffset), std::endian::little);
  while (cursor.ok()) {
    const std::uint16_t id = cursor.u16();
    const std::uint16_t size = cursor.u16();
    const Bytes rest = cursor.rest();
    if (!cursor.ok() || id == kEnd || size > rest.size()) break;
    if (id == kTargetName) return rest.first(size);
    cursor.skip(size);
  }
  return {};
}

bool read_ntlm(Bytes message, Identity& identity) noexcept {
  constexpr std::uint32_t kAuthenticate = 3;
  constexpr std::uint32_t kNegotiateUnicode = 0x1;
  ByteCursor cursor(message, std::endian::little);
  cursor.skip(kNtlmSignature.size());
  const std::uint32_t type = cursor.u32();
  if (!cursor.ok()) return false;
  identity.mechanism = kAuthNtlm;
  if (type != kAuthenticate) return true;
  take_ntlm_field(cursor, message);  // LM response
  const Bytes nt_response = take_ntlm_field(cursor, message);
  const Bytes domain = take_ntlm_field(cursor, message);
  const Bytes user = take_ntlm_field(cursor, message);
  const Bytes workstation = take_ntlm_field(cursor, message);
  take_ntlm_field(cursor, message);  // session key
  if (!cursor.ok()) return false;
  // The oldest form ends before the flags and is OEM text.
  const std::uint32_t flags = cursor.u32();
  identity.domain().clear();
  identity.user().clear();
  identity.workstation().clear();
  identity.service().clear();
  identity.service().append_utf16(target_name(nt_response));
  if (cursor.ok() && (flags & kNegotiateUnicode) != 0) {
    identity.domain().append_utf16(domain);
    identity.user().append_utf16(user);
    identity.workstation().append_utf16(workstation);
  } else {
    identity.domain().append_octets(domain);
    identity.user().append_octets(user);
    identity.workstation().append_octets(workstation);
  }
  identity.null_session = user.empty() && nt_response.empty();
  return true;
}

bool read_kerberos(Bytes token, Identity& identity) noexcept {
  constexpr std::uint8_t kApRequest = 0x6e;
  constexpr std::uint8_t kTicket = 0x61;
  identity.mechanism = kAuthKerberos;
  Bytes rest;
  if (!enter(token, kApRequest, rest) || !enter(rest, kSequence, rest)) return false;
  DerElement element;
  do {
    if (!take_element(rest, element)) return false;
  } while (element.tag != context_tag(3));
  Bytes ticket;
  if (!enter(element.content, kTicket, ticket) || !enter(ticket, kSequence, ticket)) return false;
  while (take_element(ticket, element)) {
    Bytes inside;
    if (element.tag == context_tag(1) && enter(element.content, kGeneralString, inside)) {
      identity.realm().clear();
      identity.realm().append_octets(inside);
    }
    if (element.tag != context_tag(2) || !enter(element.content, kSequence, inside)) continue;
    while (take_element(inside, element)) {
      Bytes names;
      if (element.tag != context_tag(1) || !enter(element.content, kSequence, names)) continue;
      identity.service().clear();
      DerElement name;
      for (bool first = true; take_element(names, name); first = false) {
        if (!first) identity.service().append(U'/');
        identity.service().append_octets(name.content);
      }
    }
    return true;
  }
  return false;
}

bool read_mechanism_token(Bytes token, Identity& identity, int depth) noexcept;

// NegTokenInit and NegTokenResp, whose fields that matter here have the same numbers but [0], [1].
bool read_spnego(Bytes token, bool initial, Identity& identity, int depth) noexcept {
  Bytes rest;
  if (!enter(token, initial ? context_tag(0) : context_tag(1), rest)) return false;
  if (!enter(rest, kSequence, rest)) return false;
  bool understood = true;
  for (DerElement field; take_element(rest, field);) {
    Bytes inside;
    if (initial && field.tag == context_tag(0) && enter(field.content, kSequence, inside) &&
        enter(inside, kOid, inside)) {
      // The first mechanism is the one its token is for; the server may choose another yet.
      identity.mechanism = mechanism_of(inside);
    }
    if (!initial && field.tag == context_tag(1) && enter(field.content, kOid, inside)) {
      identity.mechanism = mechanism_of(inside);
    }
    if (field.tag == context_tag(2) && enter(field.content, kOctetString, inside)) {
      understood = read_mechanism_token(inside, identity, depth + 1);
    }
  }
  return understood;
}

// A GSS-API initial token (RFC 2743 3.1): the mechanism's OID, then its own token.
bool read_gss(Bytes token, Identity& identity, int depth) noexcept {
  constexpr std::string_view kOidSpnego = "\x2b\x06\x01\x05\x05\x02"sv;
  Bytes rest;
  if (!enter(token, kGssToken, rest)) return false;
  DerElement oid;
  if (!take_element(rest, oid) || oid.tag != kOid) return false;
  if (equals(oid.content, kOidSpnego)) return read_spnego(rest, true, identity, depth);
  if (mechanism_of(oid.content) == kAuthKerberos) {
    identity.mechanism = kAuthKerberos;
    if (!starts_with(rest, "\x01\x00"sv)) return true;  // AP-REP or error: nothing to read
    return read_kerberos(rest.subspan(2), identity);
  }
  return read_mechanism_token(rest, identity, depth + 1);
}

bool read_mechanism_token(Bytes token, Identity& identity, int depth) noexcept {
  constexpr int kDepthMax = 4;
  if (depth > kDepthMax) return false;
  if (token.empty()) return true;  // a leg that carries nothing
  if (starts_with(token, kNtlmSignature)) return read_ntlm(token, identity);
  switch (std::to_integer<std::uint8_t>(token[0])) {
    case kGssToken: return read_gss(token, identity, depth);
    case context_tag(0): return read_spnego(token, true, identity, depth);
    case context_tag(1): return read_spnego(token, false, identity, depth);
    case 0x6e: return read_kerberos(token, identity);
    case 0x6f: identity.mechanism = kAuthKerberos; return true;  // AP-REP: no names in clear
    default: return false;
  }
}

Bytes take_terminated(Bytes& rest) noexcept {
  const auto end = std::find(rest.begin(), rest.end(), std::byte{0});
  const auto size = static_cast<std::size_t>(end - rest.begin());
  const Bytes text = rest.first(size);
  rest = rest.subspan(std::min(size + 1, rest.size()));
  return text;
}

bool read_netlogon(Bytes token, Identity& identity) noexcept {
  constexpr std::uint32_t kNegotiateRequest = 0;
  constexpr std::uint32_t kNetbiosDomain = 0x1;
  constexpr std::uint32_t kNetbiosComputer = 0x2;
  ByteCursor cursor(token, std::endian::little);
  const std::uint32_t type = cursor.u32();
  const std::uint32_t flags = cursor.u32();
  if (!cursor.ok()) return false;
  if (type != kNegotiateRequest) return true;
  Bytes rest = cursor.rest();
  if ((flags & kNetbiosDomain) != 0) {
    identity.domain().clear();
    identity.domain().append_octets(take_terminated(rest));
  }
  if ((flags & kNetbiosComputer) != 0) {
    const Bytes computer = take_terminated(rest);
    identity.workstation().clear();
    identity.workstation().append_octets(computer);
    // A secure channel is one of the computer's account ([MS-NRPC] 3.1.1), named with a dollar
    // sign.
    identity.user().clear();
    identity.user().append_octets(computer);
    if (!computer.empty()) identity.user().append(U'$');
  }
  return true;
}

}  // namespace

bool read_auth_token(std::uint8_t auth_type, Bytes token, Identity& identity) noexcept {
  if (auth_type == kAuthNetlogon) return read_netlogon(token, identity);
  return read_mechanism_token(token, identity, 0);
}

}  // namespace rpcaudit::dissect
