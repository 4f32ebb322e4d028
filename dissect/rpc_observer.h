#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "capture/frame.h"
#include "dissect/doubt.h"
#include "dissect/endpoint.h"
#include "dissect/transport.h"
#include "dissect/uuid.h"

namespace rpcaudit::dissect {

// Everything the engine may know of the wire. All views and references in a callback die with it.
// `optional` and empty views mean "not on the wire", never "default".

// The frame in which something began.
struct FrameReference {
  std::uint64_t number = 0;    // 1-based within its input
  std::uint64_t sequence = 0;  // 1-based over all inputs, the order of delivery
  std::uint32_t input = 0;
  std::uint16_t vlan = 0;  // number of its outermost VLAN (IEEE 802.1Q); 0 without a tag
  Timestamp timestamp;
};

// A place in the output: by frame, then by the order of records within the frame. Records of PDUs
// have the index of their PDU among those that begin in the frame; other records come behind them.
struct Position {
  std::uint64_t sequence = 0;
  std::uint64_t ordinal = 0;

  auto operator<=>(const Position&) const = default;
};

// Ordinals from here on sort after every PDU of their frame. Records that have them may still
// arrive after the watermark has passed the frame.
inline constexpr std::uint64_t kBehindPdus = std::uint64_t{1} << 63;

// The ordinal of a record behind the PDUs of its frame. Several connections may tell one each, when
// a frame is the last of the capture. Their order follows from `rank`, and `rank` from what they
// tell, because connections of several workers come in no order of their own. rank < 2^63 - 1.
[[nodiscard]] constexpr std::uint64_t behind_pdus(std::uint64_t rank) noexcept {
  return kBehindPdus | rank;
}
// The ordinal of the record that is told last in its frame.
inline constexpr std::uint64_t kLastInFrame = ~std::uint64_t{0};

// Every frame: the watermark at the end of the input.
inline constexpr std::uint64_t kAllFrames = ~std::uint64_t{0};

// Whether nothing told from here on can precede `position`, when all frames before `watermark` are
// told but for the records behind the PDUs of the last of them.
[[nodiscard]] constexpr bool is_settled(const Position& position,
                                        std::uint64_t watermark) noexcept {
  const bool is_behind = position.ordinal >= kBehindPdus;
  return watermark == kAllFrames || position.sequence + (is_behind ? 1 : 0) < watermark;
}

// An abstract or transfer syntax (C706 12.6.3.1, p_syntax_id_t).
struct SyntaxId {
  Uuid uuid;
  std::uint16_t version_major = 0;
  std::uint16_t version_minor = 0;

  auto operator<=>(const SyntaxId&) const = default;
};

// A dense handle: `slot` < Limits::context_slots() indexes plain vectors, `generation` tells reuse.
struct ContextKey {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  auto operator<=>(const ContextKey&) const = default;
};

// A dense handle of a call from its request to its outcome; `slot` < Limits::call_slots().
struct CallKey {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  auto operator<=>(const CallKey&) const = default;
};

// The numbers of a PDU's own security trailer (C706 13.2.6.1, MS-RPCE 2.2.2.11).
struct AuthNumbers {
  std::uint8_t type = 0;   // RPC_C_AUTHN_*
  std::uint8_t level = 0;  // RPC_C_AUTHN_LEVEL_*
  std::uint32_t context_id = 0;
};

// What a security context shows in clear. Views are empty when the wire did not show it.
struct SecurityIdentity {
  std::string_view user;  // UTF-8
  std::string_view domain;
  std::string_view workstation;
  std::string_view service;    // name of the service that the caller means, `cifs/dc1.example`
  std::string_view realm;      // Kerberos realm of the service
  std::uint8_t mechanism = 0;  // RPC_C_AUTHN_* chosen inside SPNEGO: 10, 16; 0 when not seen
  bool null_session = false;   // an anonymous NTLM authentication
};

// The SMB session that a pipe was opened in ([MS-SMB2] 2.2.5, 2.2.6; [MS-CIFS] 2.2.4.53): calls
// without security of their own are made with its rights.
struct SmbIdentity {
  // What the authentication of the session showed in clear; Kerberos shows no names. It is a null
  // session where the server said so, or where the client authenticated anonymously.
  SecurityIdentity identity;
  bool guest = false;      // the server let the caller in as a guest, whatever name was given
  bool is_signed = false;  // its messages carry signatures
};

enum class ContextResult : std::uint8_t {
  unanswered,  // no answer seen (yet): calls on it are provisional
  accepted,
  rejected,    // by result, or the whole bind was refused
  negotiated,  // bind-time feature negotiation (MS-RPCE 2.2.2.14): never usable
};

inline constexpr std::size_t kContextResultCount = 4;

enum class ContextOrigin : std::uint8_t {
  proposed,  // a bind or alter_context item was seen
  implied,   // only calls were seen: the bind was missed or the id was never proposed
  stated,    // ncadg: every PDU's header names the interface, nothing is proposed or answered
};

// What a call to an endpoint mapper asks for (C706 appendix O, ept_lookup and ept_map).
struct EndpointQuestion {
  std::optional<SyntaxId> interface;              // empty: it names none, or is not shown
  bool names_no_interface = false;                // it asks for all of them
  bool unreadable = false;                        // encrypted, cut, or no valid question
  TowerProtocol protocol = TowerProtocol::other;  // that ept_map asks for
};

// How an endpoint was announced: to or by a mapper, or by the server itself.
enum class EndpointSource : std::uint8_t {
  mapped,
  listed,
  inserted,
  removed,
  served,  // at the endpoint at which the server was asked (C706 appendix Q, inq_if_ids)
};

// An interface and where it is served, as an endpoint mapper says or is told, or a server says.
struct EndpointEntry {
  FrameReference frame;                                       // of the message's last fragment
  ProtocolSequence carrier = ProtocolSequence::ncacn_ip_tcp;  // over which it was said
  Endpoint client;                                            // of the mapper or server
  Endpoint mapper;                                            // or the server that was asked
  EndpointSource source = EndpointSource::mapped;
  SyntaxId interface;
  Uuid object;
  TowerProtocol protocol = TowerProtocol::other;
  std::optional<std::uint16_t> port;
  std::optional<IpAddress> address;  // as stated; often 0.0.0.0
  std::string_view name;             // of a pipe or local port; bytes as on the wire
  std::string_view annotation;
};

// How a server refused a proposal.
enum class Refusal : std::uint8_t {
  none,
  item,   // its item of the bind_ack or alter_context_response (C706 12.6.3.1, p_result_t)
  bind,   // the whole bind, by a bind_nak (C706 12.6.4.5)
  fault,  // the whole alter_context, by a fault
};

// What became of a proposed presentation context.
struct ContextAnswerOnWire {
  std::optional<SyntaxId> transfer_syntax;  // the accepted one; until then the first one offered
  ContextResult result = ContextResult::unanswered;
  std::uint16_t reason = 0;          // of a rejection; the feature bits when negotiated
  Refusal refusal = Refusal::none;   // after a fault the result stays unanswered
  std::uint32_t refusal_status = 0;  // of a fault
};

// What the wire says of a presentation context, in values that outlive the callback.
struct ContextFactsOnWire : ContextAnswerOnWire {
  ContextOrigin origin = ContextOrigin::proposed;
  FrameReference frame;       // in which the bind or alter_context began
  std::uint32_t ordinal = 0;  // with frame.sequence: its Position
  ProtocolSequence protocol = ProtocolSequence::ncacn_ip_tcp;
  Endpoint client;  // the RPC client, whoever sent first
  Endpoint server;
  std::uint32_t call_id = 0;  // of the bind or alter_context
  std::uint16_t context_id = 0;
  std::optional<SyntaxId> abstract_syntax;  // empty when the bind was not seen
  std::optional<AuthNumbers> auth;          // of the PDU that proposed it
  // When the association began (C706 12.6.2): at its bind. Empty when the bind was not seen, and
  // for ncadg.
  std::optional<Timestamp> association;
};

// A presentation context: an interface that a client proposed on a connection (C706 12.6.4.3).
struct RpcContext : ContextFactsOnWire {
  ContextKey key;
  // The caller, as far as seen by now; without security of its own, that of the SMB session.
  SecurityIdentity identity;
  // ncacn_np only. A known pipe reads \PIPE\name, the name as the client wrote it; it is empty when
  // the opening of the pipe was not seen.
  std::string_view pipe;
  // The endpoint as the server calls it: the secondary address of its bind_ack, empty when not seen
  // (C706 12.6.4.4; for ncacn_np \PIPE\name, for ncacn_ip_tcp the port's digits).
  std::string_view secondary_address;
  std::optional<SmbIdentity> smb;  // ncacn_np; empty when the setup of the session was not seen
};

// What the wire says of one call, in values that outlive the callback.
struct CallFactsOnWire {
  FrameReference frame;
  std::uint32_t ordinal = 0;
  std::uint32_t call_id = 0;
  std::uint16_t context_id = 0;
  std::uint16_t opnum = 0;
  std::optional<Uuid> object;  // as on the wire, nil included
  // A call is judged by `auth` where its PDU has a trailer, else by `connection_auth`; with neither
  // it has no security of its own. With auth_unseen, both are empty, and so is the identity.
  std::optional<AuthNumbers> auth;  // of this PDU's own trailer
  // The connection's only security context, when it is of level CONNECT and this PDU has no trailer
  // of its own: at that level peers leave it out of requests.
  std::optional<AuthNumbers> connection_auth;
  bool auth_unseen = false;      // the PDU has a trailer that the capture does not show
  std::optional<Uuid> activity;  // ncadg
  std::uint32_t sequence = 0;    // ncadg
  bool one_way = false;          // PFC_MAYBE: no answer will come
  // With any doubt, interface, operation and identity are those of one reading among several.
  Doubts doubts;
  // The client and server of the connection that carried the call, where that is not the context's:
  // an SMB session may use several connections at once ([MS-SMB2] 1.3, multichannel).
  std::optional<std::array<Endpoint, 2>> carrier;
  // What a call of ept_lookup or ept_map asks for.
  std::optional<EndpointQuestion> question;
  // The COM class that a DCOM activation asks for, where its stub shows it ([MS-DCOM] 2.2.22).
  std::optional<Uuid> activated_class;
};

// One call, told at its first fragment.
struct RpcCall : CallFactsOnWire {
  CallKey key;
  // The caller, by the security context that the call names; on ncacn_np else the SMB session's.
  SecurityIdentity identity;
  Bytes body;  // clear prefix of the stub; empty when encrypted
};

enum class Outcome : std::uint8_t {
  response,
  fault,
  rejected,  // ncadg reject or nocall
  cancelled,
  orphaned,
  one_way,
  unanswered,  // the flow ended, the window passed, or the table was full
};

inline constexpr std::size_t kOutcomeCount = 7;

// How a call ended. Every call told by on_call gets exactly one.
struct RpcOutcome {
  CallKey call;
  Outcome outcome = Outcome::unanswered;
  std::uint32_t status = 0;  // of a fault or reject; a nocall has none
  FrameReference frame;      // of the answer; sequence 0 without one
};

// What became of a client's SYN (RFC 9293 3.5).
enum class OpeningAnswer : std::uint8_t {
  unknown,  // not yet, or never: the capture ended too early or a table was full
  accepted,
  refused,  // by RST
  none,     // none came within Limits::outcome_window, or before the capture ended
};

inline constexpr std::size_t kOpeningAnswerCount = 4;

// A TCP connection that a client opened or tried to open, whatever it carries.
struct TcpOpening {
  std::uint32_t slot = 0;  // < Limits::tcp_openings, its own until the answer is told
  FrameReference frame;    // of the first SYN
  Endpoint client;
  Endpoint server;
  OpeningAnswer answer = OpeningAnswer::unknown;
  std::uint32_t repeated = 0;  // SYNs after the first
};

// A FIN or RST, which ends a TCP connection; `source` and `destination` are those of its packet.
struct TcpClosing {
  FrameReference frame;
  Endpoint source;
  Endpoint destination;
};

// What could not be seen.
enum class BlindnessKind : std::uint8_t {
  gap,              // bytes of an RPC connection that the capture does not hold
  snap_length_cut,  // bytes of an RPC connection beyond the captured part of their frame
  missed_bind,      // a context used without having been proposed in sight
  undecodable,      // bytes of an RPC connection that are no PDU, or a PDU that contradicts itself
  table_eviction,   // an RPC connection or context forgotten because a table was full
  unfinished_fragments,  // an IP datagram whose fragments never completed
  smb_encrypted,         // encrypted messages of an SMB session; told once, when the session ends
  smb_compressed,        // compressed messages of an SMB session; told once, when the session ends
  http_not_dissected,
  encapsulated,  // frames inside an encapsulation that encrypts or is not followed; told at the end
  conflict,      // an RPC connection of which the wire leaves two readings; told at its first doubt
};

inline constexpr std::size_t kBlindnessKindCount = 11;

// The size of a gap in a stream where nothing tells its size.
inline constexpr std::uint64_t kGapOfUnknownSize = ~std::uint64_t{0};

struct Blindness {
  BlindnessKind kind{};
  FrameReference frame;  // where it is told; where it began, unless `since` says otherwise
  std::uint64_t ordinal = 0;
  std::optional<Endpoint> client;  // of the connection, when it belongs to one
  std::optional<Endpoint> server;
  bool udp = false;         // client and server are UDP endpoints
  std::uint64_t bytes = 0;  // not seen; 0 when not countable
  std::uint64_t messages = 0;
  // For an SMB session: its first message of this kind, and its id on the wire.
  std::optional<FrameReference> since;
  std::optional<std::uint64_t> smb_session;
};

// Blindness that is told last in `frame`.
[[nodiscard]] inline Blindness make_blindness(BlindnessKind kind,
                                              const FrameReference& frame) noexcept {
  Blindness blindness;
  blindness.kind = kind;
  blindness.frame = frame;
  blindness.ordinal = kLastInFrame;
  return blindness;
}

// Blindness of one connection, told behind the PDUs of `frame`. `endpoints` are its client and its
// server.
[[nodiscard]] Blindness make_blindness(BlindnessKind kind, const FrameReference& frame,
                                       const std::array<Endpoint, 2>& endpoints) noexcept;

// What the dissector tells. Called on the dissecting thread, in the order of the wire:
// on_context before the first on_call of that context, on_call before its on_outcome,
// on_context_closed after the last of either. Callbacks must not throw.
class RpcObserver {
 public:
  RpcObserver() = default;
  RpcObserver(const RpcObserver&) = delete;
  RpcObserver& operator=(const RpcObserver&) = delete;
  virtual ~RpcObserver() = default;

  // A context appears: proposed (result unanswered) or implied.
  virtual void on_context(const RpcContext& context) = 0;
  // The result of a context is known, or will not become known (result unanswered). Told once per
  // proposed context, always before on_context_closed.
  virtual void on_context_result(const RpcContext& context) = 0;
  virtual void on_context_closed(ContextKey key) = 0;

  // A call on the context will probably be told within the next frames: a hint to bring into the
  // cache what it will need. `slot` is ContextKey::slot.
  virtual void on_approach(std::uint32_t slot) noexcept { (void)slot; }
  virtual void on_call(const RpcContext& context, const RpcCall& call) = 0;
  virtual void on_outcome(const RpcOutcome& outcome) = 0;
  // A call that was told, and has no outcome yet, has come into doubt since.
  virtual void on_doubt(CallKey call, Doubts doubts) { (void)call, (void)doubts; }

  virtual void on_blindness(const Blindness& blindness) = 0;

  // One entry of a mapper's answer, of what it is asked to insert or remove, or of a server's list
  // of its own interfaces; in the frame that ends the message. Other callbacks do not depend on it.
  virtual void on_endpoint(const EndpointEntry& entry) { (void)entry; }

  // A client's first SYN. Other callbacks do not depend on it.
  virtual void on_opening(const TcpOpening& opening) { (void)opening; }
  // What became of an opening. Told once for each, in any order.
  virtual void on_opening_answer(const TcpOpening& opening) { (void)opening; }
  // A FIN or RST of any TCP connection, from either side, where openings are told. Other
  // callbacks do not depend on it.
  virtual void on_closing(const TcpClosing& closing) { (void)closing; }

  // Everything that began in a frame before `sequence` has been told: no later callback carries
  // an earlier Position. Told after each batch of frames; finish() ends with the largest value.
  virtual void on_watermark(std::uint64_t sequence) = 0;
};

}  // namespace rpcaudit::dissect
