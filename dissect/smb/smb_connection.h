#pragma once

#include <array>
#include <cstdint>

#include "dissect/direction.h"
#include "dissect/smb/smb1_reader.h"
#include "dissect/smb/smb2_reader.h"
#include "dissect/smb/smb_pipes.h"
#include "dissect/smb/smb_sessions.h"
#include "dissect/smb/smb_stream.h"

namespace rpcaudit::dissect {

class SmbHost;

// Where the payload under way goes.
struct SmbPayload {
  SmbPipes::Reference pipe;
  Direction direction = kToServer;  // of the pipe
  bool ends_pipe = false;           // it is the last that this pipe carries
  SmbWrites::Reference write;       // the held write that the bytes belong to, if any
};

// One of the sessions that a connection carries.
struct SmbChannel {
  SmbSessions::Reference session;
  Slot<SmbChannel> next;  // of the same connection
};

// A TCP connection that carries SMB.
struct SmbConnection {
  PerDirection<SmbStream> streams;
  PerDirection<SmbPayload> payloads;
  PerDirection<PipeSource> sources;
  PerDirection<SmbKind> kinds;        // of the message under way
  std::array<Endpoint, 2> endpoints;  // by direction: who sends in it
  Smb1Reader smb1;
  Smb2Reader smb2;
  std::uint64_t key = 0;           // first part of the keys of what is this connection's own
  std::uint64_t hosts = 0;         // both addresses, the same for all connections between them
  SmbSessions::Reference carried;  // the session last found among the channels
  Slot<SmbChannel> channels;       // sessions it carries
  std::uint32_t channel_count = 0;
  std::uint32_t generation = 0;
  Direction client_direction = Direction::forward;
  bool roles_known = false;
  bool roles_certain = false;       // known by more than the flags of messages
  std::uint8_t contradictions = 0;  // messages in a row whose flags say otherwise
  Doubts doubts;                    // what its peers read may differ from what is told

  // The pipe whose bytes came last, if it is open.
  [[nodiscard]] Slot<SmbPipe> pipe_in_use() const noexcept {
    const Slot<SmbPipe> written = payloads[client_direction].pipe.slot;
    return written ? written : payloads[opposite(client_direction)].pipe.slot;
  }
  // The client and the server. Where nothing but encrypted messages was seen, the lower port is
  // taken for the server's.
  [[nodiscard]] PipeCarrier client_and_server() const noexcept;
  void set_client(Direction direction) noexcept;
  // Whether a message in `direction` is a response. Its role says so, as far as that is known, and
  // otherwise the flag in the message.
  [[nodiscard]] bool is_response(Direction direction, bool flag) const noexcept {
    return roles_known ? direction != client_direction : flag;
  }
};

// A unit on its way through its reader, and what the reader makes of it.
struct SmbUnitContext {
  SmbHost& host;
  Slot<SmbConnection> slot;
  SmbConnection& connection;
  Direction direction;
  const SmbUnit& presented;
  const FrameReference& frame;
  SmbStep step;
};

}  // namespace rpcaudit::dissect
