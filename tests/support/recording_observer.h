#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dissect/rpc_observer.h"

namespace rpcaudit::test {

// Writes down what a dissector tells, one line per context and call once its end is known, in the
// order of their Positions; frames and keys left out, so that the same conversation reads the same
// however its bytes were cut. Also checks the observer's contract as it goes.
class RecordingObserver : public dissect::RpcObserver {
 public:
  void on_context(const dissect::RpcContext& context) override {
    note(!open_contexts_.contains(context.key.slot), "context slot used twice");
    open_contexts_[context.key.slot] = context.key.generation;
    if (context.origin != dissect::ContextOrigin::proposed) return;
    ++unresolved_[context.key.slot];
    (void)position(context.frame, context.ordinal);
  }
  void on_context_result(const dissect::RpcContext& context) override {
    note(unresolved_[context.key.slot]-- == 1, "context resolved twice or never opened");
    static constexpr const char* kNames[] = {"unanswered", "accepted", "rejected", "negotiated"};
    std::string line = "context " + std::to_string(context.context_id) + " " +
                       syntax(context.abstract_syntax) + pipe(context) + " " +
                       kNames[static_cast<int>(context.result)] + auth(context.auth) +
                       who(context.identity) + " call " + std::to_string(context.call_id);
    lines_.emplace_back(dissect::Position{context.frame.sequence, context.ordinal},
                        std::move(line));
  }
  void on_context_closed(dissect::ContextKey key) override {
    note(open_contexts_.erase(key.slot) == 1, "context closed twice");
    note(unresolved_[key.slot] == 0, "context closed without a result");
  }
  void on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) override {
    ++call_count_;
    note(open_contexts_[context.key.slot] == context.key.generation, "call on a closed context");
    note(!calls_.contains(call.key.slot), "call slot used twice");
    static constexpr const char* kResults[] = {"provisional", "", "rejected", "negotiated"};
    std::string line =
        "call " + std::to_string(call.call_id) + " context " + std::to_string(call.context_id) +
        " " +
        (context.origin == dissect::ContextOrigin::implied
             ? std::string("implied")
             : syntax(context.abstract_syntax) + kResults[static_cast<int>(context.result)]) +
        " opnum " + std::to_string(call.opnum) + auth(call.auth) + who(call.identity) +
        (call.auth_unseen ? " auth unseen" : "") +
        (call.connection_auth ? " connection" + auth(call.connection_auth) : "") +
        (call.object ? " object " + to_string(*call.object) : "") +
        (call.activity ? " activity " + to_string(*call.activity).substr(0, 8) + " sequence " +
                             std::to_string(call.sequence)
                       : "") +
        " body " + std::to_string(call.body.size()) +
        (call.activated_class ? " class " + to_string(*call.activated_class) : "") +
        names(call.doubts);
    calls_[call.key.slot] = {call.key.generation, position(call.frame, call.ordinal),
                             std::move(line)};
  }
  void on_outcome(const dissect::RpcOutcome& outcome) override {
    const auto found = calls_.find(outcome.call.slot);
    if (found == calls_.end() || found->second.generation != outcome.call.generation) {
      note(false, "outcome of no open call");
      return;
    }
    static constexpr const char* kNames[] = {"response", "fault",   "rejected",  "cancelled",
                                             "orphaned", "one_way", "unanswered"};
    std::string line = found->second.line + " -> " + kNames[static_cast<int>(outcome.outcome)];
    if (outcome.outcome == dissect::Outcome::fault) line += " " + std::to_string(outcome.status);
    lines_.emplace_back(found->second.position, std::move(line));
    calls_.erase(found);
  }
  void on_doubt(dissect::CallKey call, dissect::Doubts doubts) override {
    const auto found = calls_.find(call.slot);
    const bool open = found != calls_.end() && found->second.generation == call.generation;
    note(open, "doubt of no open call");
    if (open) found->second.line += " since" + names(doubts);
  }
  void on_blindness(const dissect::Blindness& blindness) override {
    ++blind_[static_cast<std::size_t>(blindness.kind)];
    last_blindness_ = blindness;
  }
  void on_watermark(std::uint64_t sequence) override {
    note(sequence >= watermark_, "watermark went back");
    watermark_ = sequence;
  }

  // All lines so far, by Position.
  [[nodiscard]] std::string text() const {
    auto sorted = lines_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string out;
    for (const auto& [at, line] : sorted) out += line + "\n";
    return out;
  }
  // The lines of text() sorted by themselves: for captures that shuffle frames.
  [[nodiscard]] std::string sorted_text() const {
    std::vector<std::string> sorted;
    for (const auto& [at, line] : lines_) sorted.push_back(line + "\n");
    std::sort(sorted.begin(), sorted.end());
    std::string out;
    for (const std::string& line : sorted) out += line;
    return out;
  }
  [[nodiscard]] std::uint64_t blind(dissect::BlindnessKind kind) const {
    return blind_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] const dissect::Blindness& last_blindness() const { return last_blindness_; }
  // Broken promises of the dissector; empty when it kept all of them.
  [[nodiscard]] const std::string& complaints() const { return complaints_; }
  [[nodiscard]] std::uint64_t calls() const { return call_count_; }
  [[nodiscard]] bool all_closed() const { return open_contexts_.empty() && calls_.empty(); }

 private:
  struct OpenCall {
    std::uint32_t generation = 0;
    dissect::Position position;
    std::string line;
  };

  dissect::Position position(const dissect::FrameReference& frame, std::uint64_t ordinal) {
    note(frame.sequence >= watermark_, "told behind the watermark");
    return {frame.sequence, ordinal};
  }
  void note(bool kept, const char* promise) {
    if (!kept) complaints_ += std::string(promise) + "\n";
  }
  static std::string syntax(const std::optional<dissect::SyntaxId>& id) {
    if (!id) return "-";
    return to_string(id->uuid).substr(0, 8) + "/" + std::to_string(id->version_major) + "." +
           std::to_string(id->version_minor);
  }
  static std::string pipe(const dissect::RpcContext& context) {
    if (context.protocol != dissect::ProtocolSequence::ncacn_np) return "";
    return " on " + (context.pipe.empty() ? "?" : std::string(context.pipe));
  }
  static std::string auth(const std::optional<dissect::AuthNumbers>& numbers) {
    if (!numbers) return "";
    return " auth " + std::to_string(numbers->type) + "/" + std::to_string(numbers->level);
  }
  static std::string names(dissect::Doubts doubts) {
    std::string text;
    for (std::size_t i = 0; i < dissect::kDoubtCount; ++i) {
      const auto doubt = static_cast<dissect::Doubt>(i);
      if (doubts.contains(doubt)) text += " " + std::string(to_string(doubt));
    }
    return text;
  }
  static std::string who(const dissect::SecurityIdentity& identity) {
    std::string text;
    if (!identity.user.empty() || !identity.domain.empty()) {
      text += " as " + std::string(identity.domain) + "\\" + std::string(identity.user);
    }
    if (identity.null_session) text += " null session";
    if (!identity.service.empty()) text += " to " + std::string(identity.service);
    return text;
  }

  std::map<std::uint32_t, std::uint32_t> open_contexts_;
  std::map<std::uint32_t, int> unresolved_;
  std::map<std::uint32_t, OpenCall> calls_;
  std::vector<std::pair<dissect::Position, std::string>> lines_;
  std::array<std::uint64_t, dissect::kBlindnessKindCount> blind_{};
  dissect::Blindness last_blindness_;
  std::uint64_t watermark_ = 0;
  std::uint64_t call_count_ = 0;
  std::string complaints_;
};

}  // namespace rpcaudit::test
