#pragma once

#include "dissect/rpc/pdus/rpc_header.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

// Reads a syntax identifier: a UUID and a version whose low half is the major number
// (C706 12.6.3.1, p_syntax_id_t).
[[nodiscard]] SyntaxId read_syntax(ByteCursor& cursor) noexcept;

// True for the bind-time feature negotiation pseudo syntax, whose last eight bytes are the
// features themselves (MS-RPCE 2.2.2.14).
[[nodiscard]] bool is_feature_negotiation(const SyntaxId& syntax) noexcept;

// One item of a bind or alter_context: an interface on offer.
struct BindItem {
  std::uint16_t context_id = 0;
  std::uint8_t transfer_count = 0;
  SyntaxId abstract_syntax;
  SyntaxId transfer_syntax;          // the first offered; nil when none was
  bool feature_negotiation = false;  // any of the offered transfer syntaxes asks for it
};

// Walks the items of a bind or alter_context body, given from the end of the common header to the
// start of the security trailer (C706 12.6.4.3). Items before a contradiction are still delivered.
class BindReader {
 public:
  BindReader(const RpcHeader& header, Bytes body) noexcept;

  [[nodiscard]] std::uint32_t association_group() const noexcept { return association_group_; }
  [[nodiscard]] std::uint8_t item_count() const noexcept { return item_count_; }

  // The next item; false at the end or where the body contradicts itself: ask ok().
  [[nodiscard]] bool next(BindItem& item) noexcept;
  [[nodiscard]] bool ok() const noexcept { return cursor_.ok(); }

 private:
  ByteCursor cursor_;
  std::uint32_t association_group_ = 0;
  std::uint8_t item_count_ = 0;
  std::uint8_t read_ = 0;
};

// p_cont_def_result_t and negotiate_ack (C706 12.6.3.1, MS-RPCE 2.2.2.4).
inline constexpr std::uint16_t kResultAcceptance = 0;
inline constexpr std::uint16_t kResultNegotiateAck = 3;

struct BindResult {
  std::uint16_t result = 0;
  std::uint16_t reason = 0;  // the accepted features after a negotiate_ack
  SyntaxId transfer_syntax;
};

// Walks the results of a bind_ack or alter_context_response body; they stand in the order of the
// items proposed (C706 12.6.4.4).
class BindAckReader {
 public:
  BindAckReader(const RpcHeader& header, Bytes body) noexcept;

  [[nodiscard]] std::uint32_t association_group() const noexcept { return association_group_; }
  // The server's own endpoint: a port on TCP, a pipe name on named pipes; without its NUL.
  [[nodiscard]] Bytes secondary_address() const noexcept { return secondary_address_; }

  [[nodiscard]] bool next(BindResult& result) noexcept;
  [[nodiscard]] bool ok() const noexcept { return cursor_.ok(); }

 private:
  ByteCursor cursor_;
  Bytes secondary_address_;
  std::uint32_t association_group_ = 0;
  std::uint8_t result_count_ = 0;
  std::uint8_t read_ = 0;
};

// The reason of a bind_nak (C706 12.6.4.5, MS-RPCE 2.2.2.5).
[[nodiscard]] ParseStatus parse_bind_nak(const RpcHeader& header, Bytes body,
                                         std::uint16_t& reason) noexcept;

}  // namespace rpcaudit::dissect
