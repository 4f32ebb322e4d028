#include "engine/app/run/blind_spots.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "engine/audit/report/summary_text.h"

namespace rpcaudit::app {
namespace {

std::uint64_t events(const audit::AuditTally& tally, dissect::BlindnessKind kind) {
  return tally.blindness[static_cast<std::size_t>(kind)].events;
}

// What a counter of the dissector means to a reader of the summary; empty where nothing was lost,
// or where a kind of blindness says so already.
struct CounterMeaning {
  std::string_view counter;
  std::string_view loss;
};

// Every counter; the ones with a loss stand in the order of the summary.
constexpr CounterMeaning kMeanings[] = {
    {"flows_one_sided", "RPC connections of which one direction was captured"},
    {"flows_joined_late", "RPC connections that began before the capture"},
    {"flows_evicted", "TCP connections forgotten because the table was full"},
    {"openings_forgotten", "attempts to connect that may or may not have been answered"},
    {"connections_evicted", "RPC connections forgotten because the table was full"},
    {"contexts_evicted", "RPC contexts forgotten because the table was full"},
    {"datagram_activities_evicted",
     "activities of datagram calls forgotten because the table was full"},
    {"smb_sessions_evicted", "SMB sessions forgotten because the table was full"},
    {"smb_requests_evicted", "SMB requests forgotten because the table was full"},
    {"pipes_evicted", "named pipes forgotten because the table was full"},
    {"smb_headers_evicted", "SMB messages not read because the table of their headers was full"},
    {"smb_responses_unmatched", "SMB responses with data of a pipe that is not known"},
    {"smb_undecodable", "SMB messages or stretches that could not be read"},
    {"smb1_nt_transact_unread", "SMB1 NT_TRANSACT requests that control a pipe (not read)"},
    {"smb1_read_mpx_unread", "SMB1 READ_MPX requests that may be of pipes (not read)"},
    {"smb1_write_mpx_unread", "SMB1 WRITE_MPX requests that may be of pipes (not read)"},
    {"smb1_ioctl_unread", "SMB1 IOCTL requests that may be of pipes (not read)"},
    {"smb1_read_bulk_unread", "SMB1 READ_BULK requests that may be of pipes (not read)"},
    {"smb1_write_bulk_unread", "SMB1 WRITE_BULK requests that may be of pipes (not read)"},
    {"outcomes_given_up", "calls whose answer was no longer waited for"},
    {"answers_unmatched", "answers to calls that were not seen"},
    {"pdus_evicted", "PDUs in pieces not decoded because too many were held"},
    {"identities_dropped", "user names not kept because the table was full"},
    {"fragments_contradicting", "fragments that contradict their first one"},
    {"mapper_stubs_unreadable", "messages of endpoint mappers that could not be read"},
    {"mapper_towers_unreadable", "endpoints of endpoint mappers that could not be read"},
    {"frames_cut", "frames cut by the snap length"},
    {"frames_malformed", "frames with malformed headers"},
    {"frames_too_deep", "frames with too many nested encapsulations"},
    {"frames_of_odd_links", "frames of link types that are not decoded"},
    {"bad_checksums", "segments with bad checksums (used unless others of their sender are good)"},
    {"bad_checksums_left_out", "segments that their receivers drop for a bad checksum (left out)"},
    // Told as blindness.
    {"ip_datagrams_unfinished", {}},
    {"flows_http", {}},
    {"gaps", {}},
    {"gap_bytes", {}},
    {"pdus_undecodable", {}},
    {"resynchronisations", {}},
    {"calls_without_bind", {}},
    // No loss.
    {"frames", {}},
    {"bytes", {}},
    {"frames_not_ip", {}},
    {"ip_fragments", {}},
    {"tcp_segments", {}},
    {"udp_datagrams", {}},
    {"other_transport", {}},
    {"flows", {}},
    {"flows_taken_up", {}},
    {"frames_encapsulated", "frames in encapsulations that are not followed"},
    {"ip_fragments_conflicting", "IP fragments that differ from an earlier copy of their bytes"},
    {"flows_rpc", {}},
    {"flows_smb", {}},
    {"segments_retransmitted", {}},
    {"segments_out_of_order", {}},
    {"segments_out_of_window", "segments out of the window of their receiver (left out)"},
    {"segments_not_taken", "segments that no receiver takes (left out)"},
    {"segments_conflicting", "segments that differ from an earlier copy of their bytes"},
    {"segments_unverified", "segments repeated too late to be compared with what came first"},
    {"connections_past_reset", "connections that went on after a reset (followed all the same)"},
    {"smb_messages", {}},
    {"smb_unexpected", {}},
    {"pipes_rpc", {}},
    {"pdus", {}},
    {"pdus_unexpected", {}},
    {"contexts", {}},
    {"calls", {}},
    {"calls_unanswered", {}},
    {"call_ids_reused", {}},
    {"datagram_pdus", {}},
    {"datagram_requests_repeated", {}},
    {"mapper_entries", {}},
};

}  // namespace

bool has_meaning(std::string_view counter) noexcept {
  return std::any_of(std::begin(kMeanings), std::end(kMeanings),
                     [counter](const CounterMeaning& row) { return row.counter == counter; });
}

std::vector<audit::CountedLine> blind_spots(const dissect::DissectStatistics& statistics,
                                            std::uint64_t frames_of_odd_links) {
  std::map<std::string_view, std::uint64_t> values{{"frames_of_odd_links", frames_of_odd_links}};
  for_each_counter(
      statistics, [&](std::string_view name, std::uint64_t value) { values.emplace(name, value); });
  std::vector<audit::CountedLine> lines;
  for (const CounterMeaning& row : kMeanings) {
    const auto found = values.find(row.counter);
    if (found == values.end()) continue;
    if (found->second != 0 && !row.loss.empty()) {
      lines.push_back({found->second, std::string(row.loss)});
    }
    values.erase(found);
  }
  // Better told by its bare name than not at all.
  for (const auto& [name, value] : values) {
    if (value != 0) lines.push_back({value, std::string(name)});
  }
  return lines;
}

std::string reason_for_nothing(const dissect::DissectStatistics& s, const audit::AuditTally& tally,
                               std::uint64_t frames_of_odd_links) {
  if (s.frames == 0 && frames_of_odd_links == 0) {
    return "the input holds no frames (or the packet filter lets none through)";
  }
  if (frames_of_odd_links != 0 && s.tcp_segments + s.udp_datagrams == 0) {
    return "all frames are of link types that are not decoded";
  }
  if (tally.other_system != 0) {
    return "their servers do not run Windows (`windows = true` in a deployment says otherwise)";
  }
  if (tally.calls != 0) return "no deployment names their servers";
  if (tally.contexts != 0) return "interfaces were bound, but no call was made";
  if (events(tally, dissect::BlindnessKind::smb_encrypted) != 0) {
    return "SMB connections are encrypted, so their named pipes cannot be read";
  }
  if (events(tally, dissect::BlindnessKind::smb_compressed) != 0) {
    return "SMB messages are compressed, so the named pipes in them cannot be read";
  }
  if (s.flows_smb != 0) {
    return audit::grouped(s.flows_smb) + " SMB connections were seen, but no RPC on a named pipe";
  }
  if (s.flows_http != 0) {
    return audit::grouped(s.flows_http) +
           " RPC over HTTP connections were seen, which rpcaudit does not decode";
  }
  if (s.flows_rpc != 0) {
    return s.flows_one_sided != 0 ? "only the servers' side of RPC connections was captured"
                                  : "RPC connections were seen, but no request on them";
  }
  if (s.frames_cut != 0 && s.frames_cut * 2 > s.frames) {
    return "most frames are cut by the snap length: capture whole frames (tcpdump -s 0)";
  }
  if (s.tcp_segments + s.udp_datagrams == 0) return "the input holds no TCP or UDP";
  if (s.tcp_segments == 0) {
    return "the input holds no TCP, and no RPC in its " + audit::grouped(s.udp_datagrams) +
           " UDP datagrams";
  }
  return "none of " + audit::grouped(s.flows) +
         " TCP connections carries DCE/RPC in clear (is it the right host, the right interface?)";
}

}  // namespace rpcaudit::app
