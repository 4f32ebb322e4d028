#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace rpcaudit::capture {

// How the kernel shares the frames of an interface between the rings of several workers: a program
// for its filter machine (classic BPF) gives each frame a number, and the number modulo the rings
// of the group says which of them gets the frame (PACKET_FANOUT_CBPF of packet(7)).
//
// The number depends on the unordered pair of hosts alone, because what belongs together in RPC is
// wider than a connection; with the exceptions that dissect/shard.h makes, too: 0 for
// connectionless RPC, for fragments of other protocols than TCP and for what is no IP. The filter
// machine multiplies 32-bit numbers only and has no loops, so this is another hash than
// shard_of()'s, and it is of the outermost IP packet, behind two VLAN tags at most besides the one
// that the kernel takes off.
[[nodiscard]] std::vector<sock_filter> fanout_program();

// Puts a packet socket into the group of this number; where there is none yet, starts one and sets
// its number. False when that fails; `errno` says why.
[[nodiscard]] bool join_fanout(int descriptor, std::optional<std::uint16_t>& group) noexcept;
// Gives a group, through any socket of it, the program. Until then all frames go to its first one.
[[nodiscard]] bool load_fanout_program(int descriptor);

}  // namespace rpcaudit::capture
