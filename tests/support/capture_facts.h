#pragma once

#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "capture/odd_link.h"
#include "capture/pcap_file.h"
#include "dissect/dissector.h"
#include "tests/support/silent_observer.h"

namespace rpcaudit::test {

// Shows all of a capture to the observer.
inline dissect::DissectStatistics read_capture(const std::string& path,
                                               dissect::RpcObserver& observer) {
  const std::array<std::string, 1> paths{path};
  capture::OpenedCaptures opened = capture::open_captures(paths, "");
  dissect::Dissector dissector(dissect::Limits{}, observer, 1);
  capture::OddLink odd;
  std::array<Frame, 64> frames;
  for (capture::ReadResult result = opened.source->read(frames);
       result.status == capture::ReadStatus::frames; result = opened.source->read(frames)) {
    for (Frame& frame : std::span(frames).first(result.count)) {
      if (frame.link == LinkType::other && !odd.peel(frame)) continue;
      dissector.process({&frame, 1});
      dissector.advance({&frame, 1});
    }
  }
  dissector.finish();
  return dissector.statistics();
}

// What a capture holds, one line per context and call, in order:
//   context client > server call 1 id 0 <uuid> 1.0 accepted
//   call client > server call 2 id 0 <uuid> 1.0 opnum 5 object - auth 10/6 response
// and over pipes, behind the ends, their name and who opened the SMB session:
//   on \PIPE\samr … as CORP\alice mechanism 10
// Of a connectionless call the number is its sequence number, the id 0.
class CaptureFacts : public SilentObserver {
 public:
  explicit CaptureFacts(const std::string& path) { statistics = read_capture(path, *this); }

  void on_context_result(const dissect::RpcContext& context) override {
    static constexpr const char* kNames[] = {"unanswered", "accepted", "rejected", "negotiated"};
    add(context.frame, context.ordinal,
        "context " + ends(context) + pipe(context) + " call " + std::to_string(context.call_id) +
            " id " + std::to_string(context.context_id) + syntax(context) + " " +
            kNames[static_cast<int>(context.result)] + user(context));
  }
  void on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) override {
    const bool usable = context.result == dissect::ContextResult::accepted ||
                        context.result == dissect::ContextResult::unanswered;
    const std::uint32_t number = call.activity ? call.sequence : call.call_id;
    std::string line = "call " + ends(context, call.carrier) + pipe(context) + " call " +
                       std::to_string(number) + " id " + std::to_string(call.context_id) +
                       (usable ? syntax(context) : " - -") + " opnum " +
                       std::to_string(call.opnum) + " object ";
    line += call.object && !call.object->is_nil() ? to_string(*call.object) : "-";
    line += " auth ";
    line +=
        call.auth ? std::to_string(call.auth->type) + "/" + std::to_string(call.auth->level) : "-";
    calls_[call.key.slot] = {dissect::Position{call.frame.sequence, call.ordinal}, std::move(line)};
  }
  void on_outcome(const dissect::RpcOutcome& outcome) override {
    auto [position, line] = calls_[outcome.call.slot];
    if (outcome.outcome == dissect::Outcome::response) {
      line += " response";
    } else if (outcome.outcome == dissect::Outcome::fault) {
      char status[20];
      std::snprintf(status, sizeof status, " fault 0x%08x", outcome.status);
      line += status;
    } else {
      line += " unanswered";
    }
    lines.emplace_back(position, line);
  }
  void on_blindness(const dissect::Blindness& blind) override {
    const bool encrypted = blind.kind == dissect::BlindnessKind::smb_encrypted;
    if (!encrypted && blind.kind != dissect::BlindnessKind::smb_compressed) return;
    add(blind.frame, blind.ordinal,
        (encrypted ? "encrypted " : "compressed ") + ends(*blind.client, *blind.server) +
            " messages " + std::to_string(blind.messages) + " bytes " +
            std::to_string(blind.bytes) + " since " + std::to_string(blind.since->number));
  }

  // `frame line` for each, in order.
  [[nodiscard]] std::string text() const {
    auto sorted = lines;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string out;
    for (const auto& [position, line] : sorted) {
      out += std::to_string(position.sequence) + " " + line + "\n";
    }
    return out;
  }

  std::vector<std::pair<dissect::Position, std::string>> lines;
  dissect::DissectStatistics statistics;

 private:
  void add(const dissect::FrameReference& frame, std::uint64_t ordinal, std::string line) {
    lines.emplace_back(dissect::Position{frame.sequence, ordinal}, std::move(line));
  }
  static std::string ends(const Endpoint& client, const Endpoint& server) {
    return to_string(client.address) + ":" + std::to_string(client.port) + " > " +
           to_string(server.address) + ":" + std::to_string(server.port);
  }
  static std::string ends(const dissect::RpcContext& context,
                          const std::optional<std::array<Endpoint, 2>>& carrier = {}) {
    return carrier ? ends((*carrier)[0], (*carrier)[1]) : ends(context.client, context.server);
  }
  // Nothing but over pipes.
  static std::string pipe(const dissect::RpcContext& context) {
    if (context.protocol != dissect::ProtocolSequence::ncacn_np) return "";
    return " on " + (context.pipe.empty() ? "?" : std::string(context.pipe));
  }
  static std::string user(const dissect::RpcContext& context) {
    if (context.protocol != dissect::ProtocolSequence::ncacn_np) return "";
    if (!context.smb) return " as ?";
    const dissect::SmbIdentity& smb = *context.smb;
    std::string text =
        " as " + std::string(smb.identity.domain) + "\\" + std::string(smb.identity.user);
    if (smb.identity.null_session) text += " null";
    if (smb.guest) text += " guest";
    if (smb.is_signed) text += " signed";
    return text + " mechanism " + std::to_string(smb.identity.mechanism);
  }
  static std::string syntax(const dissect::RpcContext& context) {
    if (!context.abstract_syntax) return " - -";
    return " " + to_string(context.abstract_syntax->uuid) + " " +
           std::to_string(context.abstract_syntax->version_major) + "." +
           std::to_string(context.abstract_syntax->version_minor);
  }

  std::map<std::uint32_t, std::pair<dissect::Position, std::string>> calls_;
};

}  // namespace rpcaudit::test
