#include "dissect/carried_streams.h"

namespace rpcaudit::dissect {

CarriedStreams::CarriedStreams(const Limits& limits, RpcObserver& observer,
                               DissectStatistics& statistics, std::uint64_t seed)
    : statistics_(statistics),
      sessions_(limits, observer, statistics, seed),
      smb_(limits, observer, statistics, sessions_, seed) {}

Carried CarriedStreams::open(StreamKind kind, const std::array<Endpoint, 2>& endpoints,
                             std::optional<Direction> client) noexcept {
  Carried carried;
  switch (kind) {
    case StreamKind::rpc:
    case StreamKind::http_banner: {
      const auto protocol =
          kind == StreamKind::rpc ? ProtocolSequence::ncacn_ip_tcp : ProtocolSequence::ncacn_http;
      carried = {CarriedKind::rpc, sessions_.open(protocol, endpoints, nullptr).index};
      if (!carried.rpc()) break;
      ++statistics_.flows_rpc;
      if (client) sessions_.set_client(carried.rpc(), *client);
      break;
    }
    case StreamKind::smb:
      carried = {CarriedKind::smb, smb_.open(endpoints, client).index};
      if (carried.smb()) ++statistics_.flows_smb;
      break;
    default: break;
  }
  return carried.index == kNoSlot ? Carried{} : carried;
}

void CarriedStreams::close(const Carried& carried, const FrameReference& frame) noexcept {
  switch (carried.kind) {
    case CarriedKind::nothing: return;
    case CarriedKind::rpc: return sessions_.close(carried.rpc());
    case CarriedKind::smb: return smb_.close(carried.smb(), frame);
  }
}

void CarriedStreams::tell_so_far(const Carried& carried, const FrameReference& frame) noexcept {
  switch (carried.kind) {
    case CarriedKind::nothing:
    case CarriedKind::rpc: return;
    case CarriedKind::smb: return smb_.tell_so_far(carried.smb(), frame);
  }
}

void CarriedStreams::note_start(const Carried& carried, Direction direction,
                                StreamKind kind) noexcept {
  if (carried.kind != CarriedKind::rpc || kind != StreamKind::http_banner) return;
  sessions_.set_protocol(carried.rpc(), ProtocolSequence::ncacn_http);
  sessions_.skip(carried.rpc(), direction, kHttpBannerSize);
}

Bytes CarriedStreams::consume(const Carried& carried, Direction direction, Bytes bytes,
                              const FrameReference& frame) noexcept {
  switch (carried.kind) {
    case CarriedKind::nothing: break;
    case CarriedKind::rpc: return sessions_.consume(carried.rpc(), direction, bytes, frame);
    case CarriedKind::smb: return smb_.consume(carried.smb(), direction, bytes, frame);
  }
  return bytes;
}

bool CarriedStreams::gap(const Carried& carried, Direction direction, std::uint64_t missing,
                         BlindnessKind kind, const FrameReference& frame) noexcept {
  switch (carried.kind) {
    case CarriedKind::nothing: return false;
    case CarriedKind::rpc:
      sessions_.gap(carried.rpc(), direction, missing, kind, frame);
      return true;
    case CarriedKind::smb: return smb_.gap(carried.smb(), direction, missing, kind, frame);
  }
  return false;
}

void CarriedStreams::abandon(const Carried& carried, Direction direction) noexcept {
  if (carried.kind == CarriedKind::rpc) sessions_.abandon(carried.rpc(), direction);
}

void CarriedStreams::doubt(const Carried& carried, Doubts doubts,
                           const FrameReference& frame) noexcept {
  switch (carried.kind) {
    case CarriedKind::nothing: return;
    case CarriedKind::rpc: return sessions_.doubt(carried.rpc(), doubts, frame);
    case CarriedKind::smb: return smb_.doubt(carried.smb(), doubts, frame);
  }
}

FrameReference CarriedStreams::open_since(const Carried& carried,
                                          Direction direction) const noexcept {
  if (carried.kind != CarriedKind::rpc) return {};
  return sessions_.open_since(carried.rpc(), direction);
}

bool CarriedStreams::passes_over(const Carried& carried, Direction direction,
                                 std::size_t count) const noexcept {
  switch (carried.kind) {
    case CarriedKind::nothing: break;
    case CarriedKind::rpc: return sessions_.passes_over(carried.rpc(), direction, count);
    case CarriedKind::smb: return smb_.passes_over(carried.smb(), direction, count);
  }
  return false;
}

void CarriedStreams::prefetch(const Carried& carried, std::size_t step) const noexcept {
  switch (carried.kind) {
    case CarriedKind::nothing: return;
    case CarriedKind::rpc:
      if (step == 0) sessions_.prefetch(carried.rpc());
      if (step == 2) sessions_.prefetch_context(carried.rpc());
      return;
    case CarriedKind::smb: {
      if (step == 0) return smb_.prefetch(carried.smb());
      if (step == 1) return smb_.prefetch_pipe(carried.smb());
      const Slot<RpcSession> session = smb_.session_in_use(carried.smb());
      if (!session) return;
      step == 2 ? sessions_.prefetch(session) : sessions_.prefetch_context(session);
    }
  }
}

void CarriedStreams::expire(Timestamp now) noexcept {
  sessions_.expire(now);
  smb_.give_up_stale(now);
}

}  // namespace rpcaudit::dissect
