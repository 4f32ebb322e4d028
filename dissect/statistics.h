#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace rpcaudit::dissect {

// What the dissector saw, and what it could not use. All counters only grow.
struct DissectStatistics {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;       // as captured
  std::uint64_t frames_cut = 0;  // by the snap length
  std::uint64_t frames_not_ip = 0;
  std::uint64_t frames_malformed = 0;  // headers that contradict themselves or are cut
  std::uint64_t frames_too_deep = 0;   // more nested encapsulations than are followed
  std::uint64_t ip_fragments = 0;
  std::uint64_t ip_datagrams_unfinished = 0;
  std::uint64_t tcp_segments = 0;
  std::uint64_t udp_datagrams = 0;
  std::uint64_t other_transport = 0;
  std::uint64_t bad_checksums = 0;  // in segments of RPC connections; never a reason to drop

  std::uint64_t flows = 0;               // TCP connections met
  std::uint64_t flows_evicted = 0;       // forgotten because the flow table was full
  std::uint64_t openings_forgotten = 0;  // of connections, before their answer came
  std::uint64_t flows_rpc = 0;
  std::uint64_t flows_smb = 0;
  std::uint64_t flows_http = 0;         // RPC over HTTP proxies, not looked into
  std::uint64_t flows_joined_late = 0;  // RPC connections whose start was not captured
  std::uint64_t flows_one_sided = 0;    // RPC connections of which one direction was seen

  std::uint64_t segments_retransmitted = 0;
  std::uint64_t segments_out_of_order = 0;
  std::uint64_t segments_out_of_window = 0;
  std::uint64_t gaps = 0;  // holes in RPC connections that never filled
  std::uint64_t gap_bytes = 0;

  std::uint64_t smb_messages = 0;
  std::uint64_t smb_undecodable = 0;  // and stretches of SMB connections that are no message
  std::uint64_t smb_unexpected = 0;   // well-formed, but not from that side
  std::uint64_t smb_responses_unmatched = 0;  // data that was read, of no known pipe
  std::uint64_t smb_sessions_evicted = 0;
  std::uint64_t smb_requests_evicted = 0;
  std::uint64_t pipes_rpc = 0;  // pipes that carried RPC
  std::uint64_t pipes_evicted = 0;

  std::uint64_t pdus = 0;
  std::uint64_t pdus_undecodable = 0;
  std::uint64_t pdus_unexpected = 0;  // well-formed, but not from that side
  std::uint64_t resynchronisations = 0;
  std::uint64_t contexts = 0;
  std::uint64_t calls = 0;
  std::uint64_t calls_unanswered = 0;
  std::uint64_t calls_without_bind = 0;       // on a context that was never seen proposed
  std::uint64_t answers_unmatched = 0;        // to no call that is known
  std::uint64_t fragments_contradicting = 0;  // other context or opnum than their first fragment
  std::uint64_t call_ids_reused = 0;          // while the earlier call was still open
  std::uint64_t connections_evicted = 0;
  std::uint64_t contexts_evicted = 0;
  std::uint64_t outcomes_given_up = 0;  // by window or table: reported as unanswered
  std::uint64_t buffers_exhausted = 0;  // PDUs not decoded because no buffer was free
  std::uint64_t identities_dropped = 0;
  std::uint64_t datagram_pdus = 0;  // of the connectionless protocol; also among `pdus`
  std::uint64_t datagram_requests_repeated = 0;  // retransmissions, and mirrored copies
  std::uint64_t datagram_activities_evicted = 0;
  std::uint64_t mapper_entries = 0;           // that endpoint mappers announced or were told
  std::uint64_t mapper_stubs_unreadable = 0;  // encrypted, incomplete or contradicting themselves
  std::uint64_t mapper_towers_unreadable = 0;
};

// Calls `visit(name, value)` for each counter, in the order above.
template <class Statistics, class Visit>
void for_each_counter(Statistics& s, Visit&& visit) {
  visit("frames", s.frames);
  visit("bytes", s.bytes);
  visit("frames_cut", s.frames_cut);
  visit("frames_not_ip", s.frames_not_ip);
  visit("frames_malformed", s.frames_malformed);
  visit("frames_too_deep", s.frames_too_deep);
  visit("ip_fragments", s.ip_fragments);
  visit("ip_datagrams_unfinished", s.ip_datagrams_unfinished);
  visit("tcp_segments", s.tcp_segments);
  visit("udp_datagrams", s.udp_datagrams);
  visit("other_transport", s.other_transport);
  visit("bad_checksums", s.bad_checksums);
  visit("flows", s.flows);
  visit("flows_evicted", s.flows_evicted);
  visit("openings_forgotten", s.openings_forgotten);
  visit("flows_rpc", s.flows_rpc);
  visit("flows_smb", s.flows_smb);
  visit("flows_http", s.flows_http);
  visit("flows_joined_late", s.flows_joined_late);
  visit("flows_one_sided", s.flows_one_sided);
  visit("segments_retransmitted", s.segments_retransmitted);
  visit("segments_out_of_order", s.segments_out_of_order);
  visit("segments_out_of_window", s.segments_out_of_window);
  visit("gaps", s.gaps);
  visit("gap_bytes", s.gap_bytes);
  visit("smb_messages", s.smb_messages);
  visit("smb_undecodable", s.smb_undecodable);
  visit("smb_unexpected", s.smb_unexpected);
  visit("smb_responses_unmatched", s.smb_responses_unmatched);
  visit("smb_sessions_evicted", s.smb_sessions_evicted);
  visit("smb_requests_evicted", s.smb_requests_evicted);
  visit("pipes_rpc", s.pipes_rpc);
  visit("pipes_evicted", s.pipes_evicted);
  visit("pdus", s.pdus);
  visit("pdus_undecodable", s.pdus_undecodable);
  visit("pdus_unexpected", s.pdus_unexpected);
  visit("resynchronisations", s.resynchronisations);
  visit("contexts", s.contexts);
  visit("calls", s.calls);
  visit("calls_unanswered", s.calls_unanswered);
  visit("calls_without_bind", s.calls_without_bind);
  visit("answers_unmatched", s.answers_unmatched);
  visit("fragments_contradicting", s.fragments_contradicting);
  visit("call_ids_reused", s.call_ids_reused);
  visit("connections_evicted", s.connections_evicted);
  visit("contexts_evicted", s.contexts_evicted);
  visit("outcomes_given_up", s.outcomes_given_up);
  visit("buffers_exhausted", s.buffers_exhausted);
  visit("identities_dropped", s.identities_dropped);
  visit("datagram_pdus", s.datagram_pdus);
  visit("datagram_requests_repeated", s.datagram_requests_repeated);
  visit("datagram_activities_evicted", s.datagram_activities_evicted);
  visit("mapper_entries", s.mapper_entries);
  visit("mapper_stubs_unreadable", s.mapper_stubs_unreadable);
  visit("mapper_towers_unreadable", s.mapper_towers_unreadable);
}

// The sum, for dissectors that shared a capture among them.
inline void add(const DissectStatistics& more, DissectStatistics& sum) {
  constexpr std::size_t kCounters = sizeof(DissectStatistics) / sizeof(std::uint64_t);
  std::array<std::uint64_t, kCounters> values{};
  std::size_t at = 0;
  for_each_counter(more,
                   [&](std::string_view, const std::uint64_t& value) { values[at++] = value; });
  at = 0;
  for_each_counter(sum, [&](std::string_view, std::uint64_t& value) { value += values[at++]; });
}

}  // namespace rpcaudit::dissect
