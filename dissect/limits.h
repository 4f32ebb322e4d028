#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "capture/timestamp.h"
#include "dissect/endpoint.h"

namespace rpcaudit::dissect {

// Which tunnels are trusted: packets out of them count as being on the wire itself. For all other
// tunnels, kind and number belong to the identity of a flow: whoever can send into a tunnel shall
// not speak for hosts outside it.
struct TunnelTrust {
  static constexpr std::size_t kMirrorsMax = 16;

  bool all = false;
  // Addresses of switches and hypervisors that mirror traffic in tunnels.
  std::array<IpAddress, kMirrorsMax> mirrors{};
  std::size_t mirror_count = 0;
};

// Every bound of the dissector. All tables are reserved from these at construction and touched on
// demand; a full table evicts its least recently used entry and counts it. The defaults say how
// tables relate to each other: limits_within() (store/memory_share.h) makes them fit into the
// memory that a run may take.
struct Limits {
  std::size_t flows = 1u << 21;             // entries of the flow table (16 bytes each)
  std::size_t rpc_connections = 1u << 15;   // flows dissected at once
  std::size_t smb_sessions = 1u << 14;      // SMB sessions, over one connection or several
  std::size_t smb_logons = 1u << 10;        // setups of established sessions under way
  std::size_t smb_pipes = 1u << 15;         // pipes open at once, and handles that may be one
  std::size_t smb_requests = 1u << 15;      // SMB requests on pipes waiting for their response
  std::size_t smb_writes = 1u << 13;        // writes to pipes waiting for their answers
  std::size_t smb_write_pieces = 1u << 12;  // buffers for the bytes of such writes, 2 KiB each
  std::size_t smb_header_buffers = 1024;    // headers of SMB messages held in pieces, 16 KiB each
  std::size_t tcp_openings = 1u << 13;      // connections being opened; 0: none is told
  std::size_t contexts = 1u << 17;          // presentation contexts alive at once
  std::size_t contexts_per_connection = 1024;
  std::size_t pending_calls = 1u << 16;      // calls waiting for their outcome
  std::size_t pending_proposals = 1u << 14;  // binds and alter_contexts waiting for an answer
  Timestamp outcome_window{30 * kNanosecondsPerSecond};  // a call this old is `unanswered`
  Timestamp flow_idle{300 * kNanosecondsPerSecond};      // a flow this idle may be forgotten

  std::size_t reorder_segments_per_stream = 256;    // out-of-order segments held per direction
  std::size_t reorder_bytes_per_stream = 1u << 18;  // out-of-order bytes held per direction
  std::size_t reorder_bytes = 32u << 20;            // out-of-order bytes held in all
  std::size_t recent_bytes = 64u << 20;  // delivered bytes kept to compare later copies with
  std::size_t pdu_buffers = 2048;        // PDUs held in pieces at once, 64 KiB each
  std::size_t body_prefix_bytes = 4096;  // clear stub bytes told with a call at most

  // Connectionless RPC. There are more contexts than calls, so one without a call can be evicted.
  std::size_t datagram_activities = 1u << 15;
  std::size_t datagram_contexts = 1u << 14;
  std::size_t datagram_calls = 1u << 13;  // calls waiting for their outcome

  // Messages of endpoint mappers that come in several fragments.
  std::size_t mapper_stubs = 16;

  std::size_t ip_fragment_chains = 1024;
  std::size_t ip_fragment_bytes = 8u << 20;
  Timestamp ip_fragment_age{30 * kNanosecondsPerSecond};
  std::size_t tunnel_depth = 8;  // nested encapsulations
  TunnelTrust tunnels;

  // Bounds of ContextKey::slot and CallKey::slot.
  [[nodiscard]] constexpr std::size_t context_slots() const noexcept {
    return contexts + datagram_contexts;
  }
  [[nodiscard]] constexpr std::size_t call_slots() const noexcept {
    return pending_calls + datagram_calls;
  }
};

// What whoever listens to a dissector keeps for its slots, in bytes for each: ContextKey::slot,
// CallKey::slot and TcpOpening::slot.
struct SlotBytes {
  std::size_t context = 0;
  std::size_t call = 0;
  std::size_t opening = 0;
};

}  // namespace rpcaudit::dissect
