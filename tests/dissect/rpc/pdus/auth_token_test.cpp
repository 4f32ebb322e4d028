#include "dissect/rpc/pdus/auth_token.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dissect/rpc/pdus/rpc_auth.h"
#include "tests/support/hex.h"
#include "tests/support/rpc_bytes.h"

namespace rpcaudit::dissect {
namespace {

using test::ByteVector;
using test::ByteWriter;

ByteVector utf16(std::u16string_view text) {
  ByteWriter writer;
  for (const char16_t unit : text) writer.u16(unit);
  return writer.take();
}

// An NTLMSSP AUTHENTICATE message (MS-NLMP 2.2.1.3).
ByteVector ntlm_authenticate(const ByteVector& domain, const ByteVector& user,
                             const ByteVector& workstation, std::size_t nt_response,
                             std::uint32_t flags = 0x1) {
  ByteWriter writer;
  writer.text("NTLMSSP").u8(0).u32(3);
  std::size_t offset = 64;
  const auto field = [&](std::size_t size) {
    writer.u16(static_cast<unsigned>(size)).u16(static_cast<unsigned>(size));
    writer.u32(static_cast<std::uint32_t>(offset));
    offset += size;
  };
  field(0);
  field(nt_response);
  field(domain.size());
  field(user.size());
  field(workstation.size());
  field(0);
  writer.u32(flags);
  return writer.zeros(nt_response).bytes(domain).bytes(user).bytes(workstation).take();
}

// The same with an NTLMv2 response that has these pairs of its list (MS-NLMP 2.2.2.1).
ByteVector ntlm_v2(const ByteVector& pairs) {
  constexpr std::size_t kBeforeList = 44;
  ByteVector message =
      ntlm_authenticate(utf16(u"LAB"), utf16(u"ann"), utf16(u"WS1"), kBeforeList + pairs.size());
  std::copy(pairs.begin(), pairs.end(), message.begin() + 64 + kBeforeList);
  return message;
}

ByteVector av_pair(unsigned id, const ByteVector& value) {
  ByteWriter writer;
  return writer.u16(id).u16(static_cast<unsigned>(value.size())).bytes(value).take();
}

ByteVector der(unsigned tag, const ByteVector& content) {
  ByteWriter writer;
  writer.u8(tag);
  if (content.size() < 0x80) {
    writer.u8(static_cast<unsigned>(content.size()));
  } else {
    writer.u8(0x82).u8(static_cast<unsigned>(content.size() >> 8));
    writer.u8(static_cast<unsigned>(content.size()) & 0xff);
  }
  return writer.bytes(content).take();
}

ByteVector text(std::string_view value) { return ByteWriter().text(value).take(); }

const ByteVector kOidNtlm = hex("2b06010401823702020a");
const ByteVector kOidKerberos = hex("2a864886f712010202");
const ByteVector kOidSpnego = hex("2b0601050502");

ByteVector spnego_init(const ByteVector& mechanism, const ByteVector& token) {
  const ByteVector mechanisms = der(0xa0, der(0x30, der(0x06, mechanism)));
  const ByteVector inner = der(0xa2, der(0x04, token));
  const ByteVector init = der(0xa0, der(0x30, test::join({mechanisms, inner})));
  return der(0x60, test::join({der(0x06, kOidSpnego), init}));
}

ByteVector spnego_response(const ByteVector& mechanism, const ByteVector& token) {
  ByteVector fields = der(0xa0, hex("0a0101"));
  if (!mechanism.empty()) fields = test::join({fields, der(0xa1, der(0x06, mechanism))});
  fields = test::join({fields, der(0xa2, der(0x04, token))});
  return der(0xa1, der(0x30, fields));
}

ByteVector kerberos_request(std::string_view realm) {
  const ByteVector names = test::join({der(0x1b, text("cifs")), der(0x1b, text("dc1.lab"))});
  const ByteVector service =
      der(0x30, test::join({der(0xa0, hex("020102")), der(0xa1, der(0x30, names))}));
  const ByteVector ticket =
      der(0x61, der(0x30, test::join({der(0xa0, hex("020105")), der(0xa1, der(0x1b, text(realm))),
                                      der(0xa2, service), der(0xa3, ByteVector(300))})));
  return der(0x6e, der(0x30, test::join({der(0xa0, hex("020105")), der(0xa1, hex("02010e")),
                                         der(0xa2, hex("03050020000000")), der(0xa3, ticket)})));
}

TEST(AuthToken, ShowsUserDomainAndWorkstationOfNtlm) {
  Identity identity;
  EXPECT_TRUE(read_auth_token(
      kAuthNtlm, ntlm_authenticate(utf16(u"LAB"), utf16(u"j\u00fcrgen"), utf16(u"WS1"), 24),
      identity));
  EXPECT_EQ(identity.user().view(), "j\xc3\xbcrgen");
  EXPECT_EQ(identity.domain().view(), "LAB");
  EXPECT_EQ(identity.workstation().view(), "WS1");
  EXPECT_EQ(identity.mechanism, kAuthNtlm);
  EXPECT_FALSE(identity.null_session);
}

TEST(AuthToken, ShowsTheServiceThatAnNtlmV2ResponseIsFor) {
  const ByteVector computer = av_pair(3, utf16(u"dc1.lab"));
  const ByteVector service = av_pair(9, utf16(u"cifs/dc1.lab"));
  Identity identity;
  EXPECT_TRUE(read_auth_token(kAuthNtlm, ntlm_v2(test::join({computer, service, av_pair(0, {})})),
                              identity));
  EXPECT_EQ(identity.service().view(), "cifs/dc1.lab");
  EXPECT_TRUE(read_auth_token(kAuthNtlm, ntlm_v2(test::join({av_pair(0, {}), service})), identity));
  EXPECT_EQ(identity.service().view(), "") << "behind the end of the list";
  ByteVector cut = service;
  cut[2] = std::byte{200};
  EXPECT_TRUE(read_auth_token(kAuthNtlm, ntlm_v2(cut), identity));
  EXPECT_EQ(identity.service().view(), "") << "longer than the response";
}

TEST(AuthToken, ReadsOemNamesWhenUnicodeWasNotNegotiated) {
  Identity identity;
  EXPECT_TRUE(read_auth_token(
      kAuthNtlm, ntlm_authenticate(text("LAB"), text("bob"), text("WS1"), 24, 0), identity));
  EXPECT_EQ(identity.user().view(), "bob");
}

TEST(AuthToken, KnowsANullSession) {
  Identity identity;
  EXPECT_TRUE(read_auth_token(kAuthNtlm, ntlm_authenticate({}, {}, {}, 0), identity));
  EXPECT_TRUE(identity.null_session);
  EXPECT_EQ(identity.user().view(), "");
}

TEST(AuthToken, FindsNtlmInsideSpnego) {
  const ByteVector ntlm = ntlm_authenticate(utf16(u"LAB"), utf16(u"bob"), {}, 24);
  Identity identity;
  EXPECT_TRUE(read_auth_token(kAuthSpnego, spnego_response({}, ntlm), identity));
  EXPECT_EQ(identity.user().view(), "bob");
  EXPECT_EQ(identity.mechanism, kAuthNtlm);
}

TEST(AuthToken, TakesTheMechanismThatTheServerChose) {
  Identity identity;
  EXPECT_TRUE(read_auth_token(kAuthSpnego, spnego_init(kOidKerberos, {}), identity));
  EXPECT_EQ(identity.mechanism, kAuthKerberos);
  EXPECT_TRUE(read_auth_token(kAuthSpnego, spnego_response(kOidNtlm, {}), identity));
  EXPECT_EQ(identity.mechanism, kAuthNtlm);
}

TEST(AuthToken, ShowsRealmAndServiceOfKerberos) {
  Identity identity;
  const ByteVector request = kerberos_request("LAB.EXAMPLE");
  const ByteVector wrapped = der(0x60, test::join({der(0x06, kOidKerberos), hex("0100"), request}));
  EXPECT_TRUE(read_auth_token(kAuthSpnego, spnego_init(kOidKerberos, wrapped), identity));
  EXPECT_EQ(identity.realm().view(), "LAB.EXAMPLE");
  EXPECT_EQ(identity.service().view(), "cifs/dc1.lab");
  EXPECT_EQ(identity.mechanism, kAuthKerberos);
  EXPECT_EQ(identity.user().view(), "");
}

TEST(AuthToken, ReadsABareKerberosRequest) {
  Identity identity;
  EXPECT_TRUE(read_auth_token(kAuthKerberos, kerberos_request("LAB.EXAMPLE"), identity));
  EXPECT_EQ(identity.service().view(), "cifs/dc1.lab");
}

TEST(AuthToken, ShowsDomainAndComputerOfASecureChannel) {
  Identity identity;
  const ByteVector token = ByteWriter().u32(0).u32(3).text("LAB").u8(0).text("WS1").u8(0).take();
  EXPECT_TRUE(read_auth_token(kAuthNetlogon, token, identity));
  EXPECT_EQ(identity.domain().view(), "LAB");
  EXPECT_EQ(identity.workstation().view(), "WS1");
  EXPECT_EQ(identity.user().view(), "WS1$");  // the computer's account
}

TEST(AuthToken, IgnoresFieldsThatPointOutsideTheMessage) {
  ByteVector token = ntlm_authenticate(utf16(u"LAB"), utf16(u"bob"), {}, 24);
  token.resize(66);
  Identity identity;
  EXPECT_TRUE(read_auth_token(kAuthNtlm, token, identity));
  EXPECT_EQ(identity.user().view(), "");
}

TEST(AuthToken, CutsLongNamesAtACharacter) {
  Identity identity;
  const ByteVector token = ntlm_authenticate({}, utf16(std::u16string(400, u'\u00e9')), {}, 24);
  EXPECT_TRUE(read_auth_token(kAuthNtlm, token, identity));
  EXPECT_EQ(identity.user().view().size(), 128u);
}

TEST(AuthToken, SaysWhenATokenIsNoneItKnows) {
  Identity identity;
  EXPECT_FALSE(read_auth_token(kAuthNtlm, hex("deadbeef"), identity));
  EXPECT_FALSE(read_auth_token(kAuthSpnego, hex("60"), identity));
}

// Tokens nested in tokens end somewhere.
TEST(AuthToken, DoesNotFollowEndlessNesting) {
  ByteVector token = ntlm_authenticate({}, utf16(u"bob"), {}, 24);
  for (int i = 0; i < 50; ++i) token = spnego_response({}, token);
  Identity identity;
  EXPECT_FALSE(read_auth_token(kAuthSpnego, token, identity));
}

}  // namespace
}  // namespace rpcaudit::dissect
