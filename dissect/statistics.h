#pragma once

#include <cstdint>
#include <string_view>

namespace rpcaudit::dissect {

// Every counter of the dissector, listed once. What a counter counts stands beside it where its
// name does not tell.
// clang-format off
#define RPCAUDIT_DISSECT_COUNTERS(COUNTER) \
  COUNTER(frames)                                                                                  \
  COUNTER(bytes)                          /* as captured */                                        \
  COUNTER(frames_cut)                     /* by the snap length */                                 \
  COUNTER(frames_not_ip)                                                                           \
  COUNTER(frames_malformed)               /* headers that contradict themselves or are cut */      \
  COUNTER(frames_too_deep)                /* more nested encapsulations than are followed */       \
  COUNTER(ip_fragments)                                                                            \
  COUNTER(frames_encapsulated)            /* by something that is not followed, or encrypts */     \
  COUNTER(ip_fragments_conflicting)       /* with bytes that differ from those of another copy */  \
  COUNTER(ip_datagrams_unfinished)                                                                 \
  COUNTER(tcp_segments)                                                                            \
  COUNTER(udp_datagrams)                                                                           \
  COUNTER(other_transport)                                                                         \
  COUNTER(bad_checksums)                  /* in segments that are dissected */                     \
  COUNTER(bad_checksums_left_out)         /* by segments of senders whose checksums are good */ \
  COUNTER(flows)                          /* TCP connections met */                                \
  COUNTER(flows_evicted)                  /* forgotten because the flow table was full */          \
  COUNTER(openings_forgotten)             /* of connections, before their answer came */           \
  COUNTER(flows_rpc)                                                                               \
  COUNTER(flows_smb)                                                                               \
  COUNTER(flows_http)                     /* RPC over HTTP proxies, not looked into */             \
  COUNTER(flows_joined_late)              /* RPC connections whose start was not captured */       \
  COUNTER(flows_taken_up)                 /* dismissed, then found to carry RPC or SMB after all */\
  COUNTER(flows_one_sided)                /* RPC connections of which one direction was seen */    \
  COUNTER(segments_retransmitted)                                                                  \
  COUNTER(segments_out_of_order)                                                                   \
  COUNTER(segments_out_of_window)                                                                  \
  COUNTER(segments_not_taken)             /* by any receiver: without ACK, with an old timestamp */\
  COUNTER(segments_conflicting)           /* bytes that differ from those of an earlier copy */    \
  COUNTER(segments_unverified)            /* copies of bytes that are not kept any longer */       \
  COUNTER(connections_past_reset)         /* that went on after a reset */                         \
  COUNTER(gaps)                           /* holes in RPC connections that never filled */         \
  COUNTER(gap_bytes)                                                                               \
  COUNTER(smb_messages)                                                                            \
  COUNTER(smb_undecodable)                /* and stretches of SMB streams that are no message */   \
  COUNTER(smb_unexpected)                 /* well-formed, but not from that side */                \
  COUNTER(smb_responses_unmatched)        /* data that was read, of no known pipe */               \
  COUNTER(smb1_nt_transact_unread)        /* controls of pipes that may carry data */              \
  COUNTER(smb1_read_mpx_unread)           /* requests on shares that may be of pipes */            \
  COUNTER(smb1_write_mpx_unread)                                                                   \
  COUNTER(smb1_ioctl_unread)                                                                       \
  COUNTER(smb1_read_bulk_unread)                                                                   \
  COUNTER(smb1_write_bulk_unread)                                                                  \
  COUNTER(smb_headers_evicted)            /* fronts of headers that came in pieces */              \
  COUNTER(smb_sessions_evicted)                                                                    \
  COUNTER(smb_requests_evicted)                                                                    \
  COUNTER(pipes_rpc)                      /* pipes that carried RPC */                             \
  COUNTER(pipes_evicted)                                                                           \
  COUNTER(pdus)                                                                                    \
  COUNTER(pdus_undecodable)                                                                        \
  COUNTER(pdus_unexpected)                /* well-formed, but not from that side */                \
  COUNTER(resynchronisations)                                                                      \
  COUNTER(contexts)                                                                                \
  COUNTER(calls)                                                                                   \
  COUNTER(calls_unanswered)                                                                        \
  COUNTER(calls_without_bind)             /* on a context that was never seen proposed */          \
  COUNTER(answers_unmatched)              /* to no call that is known */                           \
  COUNTER(fragments_contradicting)        /* other context or opnum than their first fragment */   \
  COUNTER(call_ids_reused)                /* while the earlier call was still open */              \
  COUNTER(connections_evicted)                                                                     \
  COUNTER(contexts_evicted)                                                                        \
  COUNTER(outcomes_given_up)              /* by window or table: reported as unanswered */         \
  COUNTER(pdus_evicted)                   /* fronts of PDUs that came in pieces */                \
  COUNTER(identities_dropped)                                                                      \
  COUNTER(datagram_pdus)                  /* of the connectionless protocol; also among `pdus` */  \
  COUNTER(datagram_requests_repeated)     /* retransmissions, and mirrored copies */               \
  COUNTER(datagram_activities_evicted)                                                             \
  COUNTER(mapper_entries)                 /* that endpoint mappers announced or were told */       \
  COUNTER(mapper_stubs_unreadable)        /* encrypted, incomplete or contradicting themselves */  \
  COUNTER(mapper_towers_unreadable)
// clang-format on

// What the dissector saw, and what it could not use. All counters only grow.
struct DissectStatistics {
#define RPCAUDIT_COUNTER(name) std::uint64_t name = 0;
  RPCAUDIT_DISSECT_COUNTERS(RPCAUDIT_COUNTER)
#undef RPCAUDIT_COUNTER
};

// Calls `visit(name, value)` for each counter, in the order above.
template <class Statistics, class Visit>
void for_each_counter(Statistics& s, Visit&& visit) {
#define RPCAUDIT_COUNTER(name) visit(std::string_view(#name), s.name);
  RPCAUDIT_DISSECT_COUNTERS(RPCAUDIT_COUNTER)
#undef RPCAUDIT_COUNTER
}

// The sum, for dissectors that shared a capture among them.
inline void add(const DissectStatistics& more, DissectStatistics& sum) {
#define RPCAUDIT_COUNTER(name) sum.name += more.name;
  RPCAUDIT_DISSECT_COUNTERS(RPCAUDIT_COUNTER)
#undef RPCAUDIT_COUNTER
}

}  // namespace rpcaudit::dissect
