#pragma once

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "dissect/dissector.h"
#include "tests/support/capture_bytes.h"
#include "tests/support/model_server.h"
#include "tests/support/silent_observer.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::test {

struct ToldCall {
  ExecutedCall call;
  bool is_in_doubt = false;
  bool knows_caller = true;  // false: it is told as made by somebody whose name was not seen
  bool knows_pipe = true;
};

// What a dissector says about the only connection there is.
class CallListener : public SilentObserver {
 public:
  void on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) override {
    if (context.client.port != kClientPort)
      return;  // told the wrong way round: as good as not told
    // A call whose interface was not seen has the nil one: it is undecidable.
    const Uuid interface = context.abstract_syntax ? context.abstract_syntax->uuid : Uuid{};
    const ExecutedCall told{interface, call.opnum, std::string(call.identity.user),
                            std::string(context.pipe)};
    const bool by_pipe = context.protocol == dissect::ProtocolSequence::ncacn_np;
    const bool is_authenticated = by_pipe || call.auth || call.connection_auth;
    told_.push_back({told, call.doubts.any(), !told.user.empty() || !is_authenticated,
                     !by_pipe || !context.pipe.empty()});
  }
  void on_blindness(const dissect::Blindness& blindness) override {
    if (blindness.kind == dissect::BlindnessKind::missed_bind) return;  // its calls are told
    const bool is_of_client = blindness.client && blindness.client->port == kClientPort;
    const bool is_of_server = blindness.server && blindness.server->port == kClientPort;
    const bool is_fragments = blindness.kind == dissect::BlindnessKind::unfinished_fragments;
    is_told_ = is_told_ || is_of_client || is_of_server || is_fragments;
  }

  [[nodiscard]] const std::vector<ToldCall>& told() const { return told_; }
  // Whether something of the connection is said not to have been seen.
  [[nodiscard]] bool is_told() const { return is_told_; }

 private:
  static constexpr std::uint16_t kClientPort = 40000;

  std::vector<ToldCall> told_;
  bool is_told_ = false;
};

// One conversation needs little, and little is soon set up.
inline dissect::Limits small_limits() {
  dissect::Limits limits;
  limits.flows = 1024;
  limits.rpc_connections = limits.smb_sessions = limits.smb_pipes = limits.smb_requests = 64;
  limits.tcp_openings = 64;
  limits.contexts = 1024;
  limits.contexts_per_connection = 256;
  limits.pending_calls = 64;
  limits.pdu_buffers = limits.smb_header_buffers = 64;
  limits.reorder_bytes = 1u << 20;
  limits.datagram_activities = limits.datagram_contexts = limits.datagram_calls = 64;
  limits.outcome_window.nanoseconds *= 1000;
  return limits;
}

inline void play(const FrameList& frames, std::size_t batch, CallListener& listener) {
  const dissect::Limits limits = small_limits();
  dissect::Dissector dissector(limits, listener, 1);
  for (std::span<const Frame> rest = frames.frames(); !rest.empty();) {
    const std::span<const Frame> some = rest.first(std::min(batch, rest.size()));
    dissector.process(some);
    dissector.advance(some);
    rest = rest.subspan(some.size());
  }
  dissector.finish();
}

inline std::string to_text(const ExecutedCall& call) {
  return to_string(call.interface) + " opnum " + std::to_string(call.opnum) +
         (call.user.empty() ? "" : " as " + call.user) +
         (call.pipe.empty() ? "" : " on " + call.pipe);
}

inline constexpr int kExact = 3;

// How well a call that was told stands for one that was run: 0 means not at all.
inline int likeness(const ToldCall& told, const ExecutedCall& run, bool must_be_seen) {
  if (told.call == run && !told.is_in_doubt) return kExact;
  if (must_be_seen) return 0;
  if (told.call.interface.is_nil() && told.call.opnum == run.opnum) return 2;
  ExecutedCall known = run;
  if (!told.knows_caller) known.user = told.call.user;
  if (!told.knows_pipe) known.pipe = told.call.pipe;
  if (told.call == known) return 2;
  return told.is_in_doubt ? 1 : 0;
}

// How many calls were run, and how many of them were told as they are, without a doubt.
struct CallTally {
  std::size_t run = 0;
  std::size_t exact = 0;

  [[nodiscard]] std::string text() const {
    return std::to_string(run) + " calls run, " + std::to_string(run == 0 ? 0 : 100 * exact / run) +
           " % told without a doubt\n";
  }
};

// What is false in what a dissector says; empty when nothing is. What comes over `another link`,
// out of a tunnel, is told as well, and not among what this server runs.
inline std::string fault_of(const std::vector<ExecutedCall>& executed, const CallListener& listener,
                            bool must_be_seen, CallTally& tally, bool has_another_link = false) {
  std::string faults;
  std::vector<ToldCall> left = listener.told();
  for (const ExecutedCall& call : executed) {
    const auto like = [&](const ToldCall& told) { return likeness(told, call, must_be_seen); };
    const auto best =
        std::max_element(left.begin(), left.end(),
                         [&](const ToldCall& a, const ToldCall& b) { return like(a) < like(b); });
    ++tally.run;
    if (best != left.end() && like(*best) != 0) {
      if (like(*best) == kExact) ++tally.exact;
      left.erase(best);
    } else if (must_be_seen || !listener.is_told()) {
      faults += "run but not told: " + to_text(call) + "\n";
    }
  }
  if ((listener.is_told() && !must_be_seen) || has_another_link) return faults;
  for (const ToldCall& told : left) {
    const bool claims_nothing = told.call.interface == Uuid{};
    if (must_be_seen || !(told.is_in_doubt || claims_nothing))
      faults += "told but not run: " + to_text(told.call) + "\n";
  }
  return faults;
}

// Writes the frames to the file that RPCAUDIT_EVASION_PCAP names, if it names one.
inline void write_capture(const FrameList& frames) {
  const char* path = std::getenv("RPCAUDIT_EVASION_PCAP");
  if (path == nullptr) return;
  std::vector<CaptureRecord> records;
  for (const Frame& frame : frames.frames()) {
    const auto milliseconds = static_cast<std::uint32_t>(frame.number);
    records.push_back({1'700'000'000 + milliseconds / 1000,
                       milliseconds % 1000 * 1000,
                       {reinterpret_cast<const char*>(frame.bytes.data()), frame.bytes.size()}});
  }
  const ByteVector bytes = make_pcap(records);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

}  // namespace rpcaudit::test
