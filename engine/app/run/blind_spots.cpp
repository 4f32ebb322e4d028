#include "engine/app/run/blind_spots.h"

#include "engine/audit/report/summary_text.h"

namespace rpcaudit::app {
namespace {

std::uint64_t events(const audit::AuditTally& tally, dissect::BlindnessKind kind) {
  return tally.blindness[static_cast<std::size_t>(kind)].events;
}

}  // namespace

std::vector<audit::CountedLine> blind_spots(const dissect::DissectStatistics& s,
                                            std::uint64_t frames_of_odd_links) {
  const audit::CountedLine all[] = {
      {s.flows_one_sided, "RPC connections of which one direction was captured"},
      {s.flows_joined_late, "RPC connections that began before the capture"},
      {s.flows_evicted, "TCP connections forgotten because the table was full"},
      {s.openings_forgotten,
       "attempts to connect of which nobody can say whether they were answered"},
      {s.connections_evicted, "RPC connections forgotten because the table was full"},
      {s.contexts_evicted, "RPC contexts forgotten because the table was full"},
      {s.outcomes_given_up, "calls whose answer was no longer waited for"},
      {s.answers_unmatched, "answers to calls that were not seen"},
      {s.buffers_exhausted, "PDUs not decoded because no buffer was free"},
      {s.identities_dropped, "user names not kept because the table was full"},
      {s.fragments_contradicting, "fragments that contradict their first one"},
      {s.frames_cut, "frames cut by the snap length"},
      {s.frames_malformed, "frames with malformed headers"},
      {s.frames_too_deep, "frames with too many nested encapsulations"},
      {frames_of_odd_links, "frames of link types that are not decoded"},
      {s.segments_out_of_window, "segments out of the window of their receiver (left out)"},
      {s.segments_not_taken, "segments that no receiver takes (left out)"},
      {s.segments_unverified, "segments repeated too late to be compared with what came first"},
      {s.connections_past_reset, "connections that went on after a reset (followed all the same)"},
      {s.bad_checksums, "segments with bad checksums (used all the same)"},
  };
  std::vector<audit::CountedLine> lines;
  for (const audit::CountedLine& line : all) {
    if (line.count != 0) lines.push_back(line);
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
  if (tally.calls != 0) return "no deployment has their servers";
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
           " RPC over HTTP connections were seen, which are not looked into";
  }
  if (s.flows_rpc != 0) {
    return s.flows_one_sided != 0 ? "only the servers' side of RPC connections was captured"
                                  : "RPC connections were seen, but no request on them";
  }
  if (s.frames_cut != 0 && s.frames_cut * 2 > s.frames) {
    return "most frames are cut by the snap length: capture whole frames (tcpdump -s 0)";
  }
  if (s.tcp_segments + s.udp_datagrams == 0) return "there is no TCP or UDP in it";
  if (s.tcp_segments == 0) {
    return "there is no TCP in it, and no RPC in its " + audit::grouped(s.udp_datagrams) +
           " UDP datagrams";
  }
  return "none of " + audit::grouped(s.flows) +
         " TCP connections carries DCE/RPC in clear (is it the right host, the right interface?)";
}

}  // namespace rpcaudit::app
