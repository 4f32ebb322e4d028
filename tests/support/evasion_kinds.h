#pragma once

#include <array>
#include <string_view>

#include "tests/support/evasion_generator.h"

namespace rpcaudit::test {

// --- What decoys carry ---

// The bytes of something else: of another protocol, or of a bind that nobody made.
inline ByteVector other_bytes(Random& random) {
  switch (up_to(random, 4)) {
    case 0: return ByteWriter().text("SSH-2.0-x\r\n").take();
    case 1: return ByteWriter().text("GET / HTTP/1.1\r\nHost: x\r\n\r\n").take();
    case 2: return framed(make_smb2({}, ByteVector(36)));
    case 3: return ByteVector(1 + up_to(random, 200), std::byte{0});
    default: return make_bind({{0, kEpm}, {1, kEpm}});
  }
}

// The first PDU in the bytes of a message; their size when there is none.
inline std::size_t find_pdu(const ByteVector& bytes) {
  for (std::size_t at = 0; at + 24 <= bytes.size(); ++at) {
    if (bytes[at] != std::byte{5} || bytes[at + 1] != std::byte{0}) continue;
    const auto type = std::to_integer<unsigned>(bytes[at + 2]);
    if (type == 0 || type == 11 || type == 14) return at;
  }
  return bytes.size();
}

// Where the UTF-16 text stands in the bytes; their size when it does not.
inline std::size_t find_text(const ByteVector& bytes, std::string_view text) {
  const ByteVector wanted = utf16(text);
  return static_cast<std::size_t>(
      std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end()) - bytes.begin());
}

// As many bytes that say something else: another opnum or interface, another name of the user or
// pipe, another type of share. The same bytes when there is nothing of interest in them.
inline ByteVector contradiction(Random& random, ByteVector bytes) {
  const std::size_t at = find_pdu(bytes);
  const bool is_little = at + 4 < bytes.size() && bytes[at + 4] != std::byte{0};
  const bool is_tree_response = bytes.size() == 4 + 64 + 16 && bytes[4 + 12] == std::byte{3};
  if (at < bytes.size() && bytes[at + 2] == std::byte{0}) {
    bytes[at + (is_little ? 22 : 23)] ^= static_cast<std::byte>(1 + up_to(random, 14));
  } else if (at + 48 <= bytes.size()) {
    bytes[at + 47] ^= std::byte{0x11};  // the end of the first interface's UUID
  } else if (is_tree_response) {
    bytes[4 + 64 + 2] ^= std::byte{3};  // pipe and disk
  } else {
    for (const std::string_view name : {"alice", "drsuapi"}) {
      const std::size_t found = find_text(bytes, name);
      if (found < bytes.size()) bytes[found] ^= std::byte{3};
    }
  }
  return bytes;
}

inline ByteVector decoy_bytes(Random& random, const ByteVector& legitimate) {
  return up_to(random, 2) == 0 ? other_bytes(random) : contradiction(random, legitimate);
}

// --- Decoys ---

// A data segment like the one to come, or none before a segment without data.
inline std::optional<WireSegment> forged(EvasionGenerator& generator, const WireSegment& next) {
  if (next.payload.empty() || !generator.chance(2)) return std::nullopt;
  WireSegment decoy = next;
  decoy.payload = decoy_bytes(generator.random(), next.payload);
  return decoy;
}
// A decoy of the next segment whose bytes would fit in its place.
inline std::optional<WireSegment> conflicting(EvasionGenerator& generator,
                                              const WireSegment& next) {
  if (next.payload.empty() || !generator.chance(3)) return std::nullopt;
  WireSegment decoy = next;
  decoy.payload = contradiction(generator.random(), next.payload);
  if (decoy.payload == next.payload) return std::nullopt;
  return decoy;
}
// A segment that ends or restarts the connection, from either side.
inline std::optional<WireSegment> control(EvasionGenerator& generator, const WireSegment& next,
                                          unsigned flags) {
  if ((next.flags & kSyn) != 0 || !generator.chance(3)) return std::nullopt;
  const unsigned side = generator.any_side();
  WireSegment decoy = generator.blank(side);
  decoy.sequence = generator.expected_of(side);
  decoy.flags = flags;
  if ((flags & kAck) == 0) decoy.acknowledgment = 0;
  return decoy;
}

// How far from what is expected a sequence number is that lies outside of any window of 64 KiB.
inline std::uint32_t far_away(Random& random) {
  const auto distance = static_cast<std::uint32_t>(70'000 + up_to(random, 0x3000'0000));
  return up_to(random, 1) == 0 ? distance : 0 - distance;
}
inline std::uint32_t within_window(Random& random) {
  return static_cast<std::uint32_t>(1 + up_to(random, 60'000));
}

inline void send_if(EvasionGenerator& generator, const std::optional<WireSegment>& decoy) {
  if (decoy) generator.decoy(*decoy);
}
template <class Change>
void send_changed(EvasionGenerator& generator, std::optional<WireSegment> decoy, Change&& change) {
  if (!decoy) return;
  change(*decoy);
  generator.decoy(*decoy);
}

// --- Kinds, over TCP ---

inline void use_small_segments(EvasionSetup& setup, Random& random) {
  setup.segment_bytes = up_to(random, 9) == 0 ? 1 + up_to(random, 3) : 8 + up_to(random, 200);
  setup.answer_bytes = 200;
}
inline void shuffle_segments(EvasionSetup& setup, Random& random) {
  setup.segment_bytes = 16 + up_to(random, 400);
  setup.shuffles_segments = true;
}
inline void repeat(EvasionGenerator& generator, const WireSegment& next) {
  if (!generator.chance(2)) return;
  WireSegment copy = generator.last_data(EvasionGenerator::side_of(next)).value_or(next);
  if (copy.payload.size() > 1 && generator.chance(2)) {
    const std::size_t cut = 1 + up_to(generator.random(), copy.payload.size() - 2);
    copy.payload.erase(copy.payload.begin(),
                       copy.payload.begin() + static_cast<std::ptrdiff_t>(cut));
    copy.sequence += static_cast<std::uint32_t>(cut);
  }
  if (!copy.payload.empty()) generator.send(copy);
}
// RFC 9293 3.8.4: sent while nothing is in flight. The byte that it may hold is not compared then.
inline void keep_alive(EvasionGenerator& generator, const WireSegment& next) {
  if ((next.flags & kSyn) != 0 || !generator.chance(2)) return;
  const unsigned side = generator.any_side();
  WireSegment probe = generator.blank(side);
  probe.sequence = generator.expected_of(side) - 1;
  if (generator.is_acknowledged(side) && generator.chance(2)) {
    probe.payload = {static_cast<std::byte>(generator.chance(2) ? 0 : 5)};
  }
  generator.send(probe);
}
inline void bad_checksum_data(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, forged(generator, next),
               [](WireSegment& decoy) { decoy.is_checksum_wrong = true; });
}
inline void bad_checksum_control(EvasionGenerator& generator, const WireSegment& next) {
  constexpr std::array<unsigned, 4> kFlags{kRst, kRst | kAck, kFin | kAck, kSyn};
  send_changed(generator, control(generator, next, kFlags[up_to(generator.random(), 3)]),
               [](WireSegment& decoy) { decoy.is_checksum_wrong = true; });
}
inline void bad_checksum_handshake(EvasionGenerator& generator, const WireSegment& next) {
  if ((next.flags & kSyn) == 0) return;
  WireSegment decoy = next;
  decoy.sequence += far_away(generator.random());
  decoy.is_checksum_wrong = true;
  generator.decoy(decoy);
}
inline void bad_ip_checksum(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, forged(generator, next),
               [](WireSegment& decoy) { decoy.is_ip_checksum_wrong = true; });
}
// The network card of one host fills its checksums in behind the sensor.
inline void offload_checksums(EvasionSetup& setup, Random& random) {
  setup.offloads_checksums[up_to(random, 1)] = true;
}
inline void lie_some_hops_away(EvasionSetup& setup, Random& random) {
  setup.server.hops = static_cast<unsigned>(up_to(random, 3));
}
inline void low_ttl_data(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, conflicting(generator, next), [](WireSegment& decoy) { decoy.ttl = 1; });
}
inline void lie_behind_a_router(EvasionSetup& setup, Random& random) {
  setup.server.hops = static_cast<unsigned>(1 + up_to(random, 3));
}
inline void low_ttl_control(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, control(generator, next, generator.chance(2) ? kRst : kFin | kAck),
               [](WireSegment& decoy) { decoy.ttl = 1; });
}
inline void no_ack_flag(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, forged(generator, next), [&](WireSegment& decoy) {
    decoy.flags = generator.chance(2) ? unsigned{kPsh} : 0;
    decoy.acknowledgment = 0;
  });
}
inline void out_of_window_data(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, forged(generator, next),
               [&](WireSegment& decoy) { decoy.sequence += far_away(generator.random()); });
}
inline void bad_acknowledgment(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, forged(generator, next), [&](WireSegment& decoy) {
    decoy.acknowledgment += within_window(generator.random());
  });
}
inline void wrong_sequence_reset(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, control(generator, next, kRst),
               [&](WireSegment& decoy) { decoy.sequence += far_away(generator.random()); });
}
inline void in_window_reset(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, control(generator, next, kRst),
               [&](WireSegment& decoy) { decoy.sequence += within_window(generator.random()); });
}
inline void wrong_sequence_fin(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, control(generator, next, kFin | kAck),
               [&](WireSegment& decoy) { decoy.sequence += far_away(generator.random()); });
}
inline void syn_on_open_connection(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, control(generator, next, generator.chance(2) ? kSyn : kSyn | kAck),
               [&](WireSegment& decoy) {
                 decoy.sequence += generator.chance(2) ? far_away(generator.random())
                                                       : within_window(generator.random());
               });
}
// The reset stands where the receiver expects it, but data go on.
inline void ignore_resets(EvasionSetup& setup, Random&) { setup.server.ignores_resets = true; }
inline void ignored_reset(EvasionGenerator& generator, const WireSegment& next) {
  send_if(generator, control(generator, next, generator.chance(2) ? kRst : kRst | kAck));
}
inline void use_timestamps(EvasionSetup& setup, Random&) { setup.has_timestamps = true; }
inline void old_timestamp(EvasionGenerator& generator, const WireSegment& next) {
  if (!next.timestamps) return;
  send_changed(generator, conflicting(generator, next), [&](WireSegment& decoy) {
    decoy.timestamps->value -= 50'000 + static_cast<std::uint32_t>(up_to(generator.random(), 9999));
  });
}
// Of two copies that differ the receiver has the first one already.
inline void conflicting_copy(EvasionGenerator& generator, const WireSegment& next) {
  send_if(generator, conflicting(generator, next));
}
inline void late_conflicting_copy(EvasionGenerator& generator, const WireSegment& next) {
  const std::optional<WireSegment>& last = generator.last_data(EvasionGenerator::side_of(next));
  if (last) send_if(generator, conflicting(generator, *last));
}
// Both copies are held out of order.
inline void choose_copies(EvasionSetup& setup, Random& random) {
  shuffle_segments(setup, random);
  setup.server.keeps_newest_copy = up_to(random, 1) == 0;
}
inline void choose_urgent(EvasionSetup& setup, Random& random) {
  setup.server.is_urgent_inline = up_to(random, 1) == 0;
}
inline bool add_urgent_byte(EvasionGenerator& generator, const WireSegment& segment) {
  const bool is_whole = find_pdu(segment.payload) != segment.payload.size() &&
                        generator.blank(EvasionGenerator::side_of(segment)).sequence ==
                            segment.sequence + segment.length();
  if (EvasionGenerator::side_of(segment) != EvasionGenerator::kClient || !is_whole ||
      !generator.chance(2)) {
    return false;
  }
  WireSegment urgent = segment;
  const std::size_t at = find_pdu(segment.payload) + up_to(generator.random(), 23);
  urgent.payload.insert(urgent.payload.begin() + static_cast<std::ptrdiff_t>(at), std::byte{9});
  urgent.flags |= kUrg;
  urgent.urgent = static_cast<std::uint16_t>(at + 1);
  generator.lengthen(segment);
  generator.send(urgent);
  return true;
}
inline bool fragment(EvasionGenerator& generator, const WireSegment& segment) {
  if (segment.payload.size() < 16 || !generator.chance(2)) return false;
  generator.send_fragments(segment, 8 * (1 + up_to(generator.random(), 40)));
  return true;
}
inline void choose_overlaps(EvasionSetup& setup, Random& random) {
  using Overlap = ReceiverPolicy::Overlap;
  constexpr std::array<Overlap, 3> kAll{Overlap::discard, Overlap::oldest, Overlap::newest};
  setup.server.fragments = kAll[up_to(random, 2)];
}
// The opnum and a word of the stub change so that the checksum of the segment remains right.
inline bool contradicting_fragments(EvasionGenerator& generator, const WireSegment& segment) {
  const std::size_t pdu = find_pdu(segment.payload);
  const std::size_t size = segment.payload.size();
  const std::size_t header = segment.timestamps ? 32 : 20;
  const bool is_request = pdu + 40 < size && segment.payload[pdu + 2] == std::byte{0};
  if (!is_request || pdu % 2 != 0 || !generator.chance(2)) return false;
  WireSegment other = segment;
  std::swap(other.payload[pdu + 22], other.payload[pdu + 28]);
  std::swap(other.payload[pdu + 23], other.payload[pdu + 29]);
  const std::size_t fragment_bytes = (header + pdu + 32 + 7) / 8 * 8;
  generator.send_fragments(segment, fragment_bytes, make_tcp_bytes(other));
  return true;
}
inline void join_late(EvasionSetup& setup, Random& random) {
  setup.segment_bytes = 24 + up_to(random, 400);
  setup.frames_not_captured = 1 + up_to(random, 60);
}
// Everything is captured but the handshake.
inline void join_behind_handshake(EvasionSetup& setup, Random&) { setup.frames_not_captured = 3; }
inline void join_long_transfer(EvasionSetup& setup, Random& random) {
  setup.segment_bytes = 60 + up_to(random, 60);
  setup.answer_bytes = 60'000;
  setup.frames_not_captured = 20 + up_to(random, 300);
}
inline void other_vlan(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, conflicting(generator, next),
               [](WireSegment& decoy) { decoy.vlan = std::uint16_t{99}; });
}
inline void other_station(EvasionGenerator& generator, const WireSegment& next) {
  send_changed(generator, conflicting(generator, next),
               [](WireSegment& decoy) { decoy.destination.mac += 0x77; });
}
inline void in_vxlan(EvasionGenerator& generator, const WireSegment& next) {
  const std::optional<WireSegment> decoy =
      generator.chance(2) ? control(generator, next, kRst) : forged(generator, next);
  if (decoy) generator.decoy_in_vxlan(*decoy);
}
// Before the client has said anything, somebody speaks to it as a client of its own would.
inline void server_speaks_first(EvasionGenerator& generator, const WireSegment& next) {
  const bool is_first = !next.payload.empty() && !generator.last_data(EvasionGenerator::kClient) &&
                        EvasionGenerator::side_of(next) == EvasionGenerator::kClient;
  if (!is_first) return;
  WireSegment decoy = generator.blank(EvasionGenerator::kServer);
  decoy.flags = kPsh | kAck;
  decoy.payload = other_bytes(generator.random());
  decoy.sequence += far_away(generator.random());
  generator.decoy(decoy);
}

// --- Kinds, over SMB and RPC ---

template <bool ScriptOptions::*kOption, Carrier kCarrier>
void choose(EvasionSetup& setup, Random&) {
  setup.carrier = kCarrier;
  setup.script.*kOption = true;
}
template <bool ScriptOptions::*kOption>
void choose(EvasionSetup& setup, Random&) {
  setup.script.*kOption = true;
}

inline void PrintTo(const EvasionKind& kind, std::ostream* out) { *out << kind.name; }

inline constexpr EvasionKind kEvasionKinds[] = {
    {.name = "nothing"},
    {.name = "small_segments", .prepare = use_small_segments},
    {.name = "segments_in_any_order", .prepare = shuffle_segments},
    {.name = "retransmissions", .disturb = repeat},
    {.name = "keep_alives", .disturb = keep_alive},
    {.name = "bad_checksum_data", .disturb = bad_checksum_data},
    {.name = "bad_checksum_control", .disturb = bad_checksum_control},
    {.name = "bad_checksum_handshake", .disturb = bad_checksum_handshake},
    {.name = "offloaded_checksums", .prepare = offload_checksums},
    {.name = "bad_ip_checksum", .disturb = bad_ip_checksum},
    {.name = "low_ttl_data", .prepare = lie_some_hops_away, .disturb = low_ttl_data},
    {.name = "low_ttl_control", .prepare = lie_behind_a_router, .disturb = low_ttl_control},
    {.name = "no_ack_flag", .disturb = no_ack_flag},
    {.name = "out_of_window_data", .disturb = out_of_window_data},
    {.name = "bad_acknowledgment", .disturb = bad_acknowledgment},
    {.name = "wrong_sequence_reset", .disturb = wrong_sequence_reset},
    {.name = "in_window_reset", .disturb = in_window_reset},
    {.name = "wrong_sequence_fin", .disturb = wrong_sequence_fin},
    {.name = "syn_on_open_connection", .disturb = syn_on_open_connection},
    {.name = "ignored_reset", .prepare = ignore_resets, .disturb = ignored_reset},
    {.name = "old_timestamp", .prepare = use_timestamps, .disturb = old_timestamp},
    {.name = "conflicting_copy", .disturb = conflicting_copy},
    {.name = "conflicting_copies_held", .prepare = choose_copies, .disturb = conflicting_copy},
    {.name = "late_conflicting_copy", .disturb = late_conflicting_copy},
    {.name = "urgent_byte", .prepare = choose_urgent, .transmit = add_urgent_byte},
    {.name = "fragments", .transmit = fragment},
    {.name = "contradicting_fragments",
     .prepare = choose_overlaps,
     .transmit = contradicting_fragments},
    {.name = "joined_late", .prepare = join_late},
    {.name = "joined_behind_handshake", .prepare = join_behind_handshake, .disturb = keep_alive},
    {.name = "joined_long_transfer", .prepare = join_long_transfer},
    {.name = "other_vlan", .disturb = other_vlan},
    {.name = "other_station", .disturb = other_station},
    {.name = "in_vxlan", .disturb = in_vxlan},
    {.name = "server_speaks_first", .disturb = server_speaks_first},
    {.name = "second_auth3", .prepare = choose<&ScriptOptions::second_auth3, Carrier::tcp>},
    {.name = "refused_alter_context",
     .prepare = choose<&ScriptOptions::refused_alter_context, Carrier::tcp>},
    {.name = "junk_contexts", .prepare = choose<&ScriptOptions::junk_contexts>},
    {.name = "reserved_drep_bytes", .prepare = choose<&ScriptOptions::reserved_drep_bytes>},
    {.name = "nbss_keep_alive_first",
     .prepare = choose<&ScriptOptions::keep_alive_first, Carrier::smb2>},
    {.name = "nbss_empty_message_first",
     .prepare = choose<&ScriptOptions::empty_message_first, Carrier::smb2>},
    {.name = "nbss_session_request",
     .prepare = choose<&ScriptOptions::session_request, Carrier::smb2>},
    {.name = "smb2_response_flag_first",
     .prepare = choose<&ScriptOptions::response_flag_first, Carrier::smb2>},
    {.name = "smb2_related_wrong_ids",
     .prepare = choose<&ScriptOptions::related_wrong_ids, Carrier::smb2>},
    {.name = "smb2_refused_reauthentication",
     .prepare = choose<&ScriptOptions::refused_reauthentication, Carrier::smb2>},
};

}  // namespace rpcaudit::test
