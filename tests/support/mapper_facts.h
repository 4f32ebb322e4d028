#pragma once

#include <string>

#include "tests/support/capture_facts.h"
#include "tests/support/silent_observer.h"

namespace rpcaudit::test {

// What endpoint mappers are asked and told in a capture, one line each, in order:
//   asked <uuid>|all major|- protocol|-
//   told <uuid> major protocol port|pipe|- [annotation]
class MapperFacts : public SilentObserver {
 public:
  explicit MapperFacts(const std::string& path) { statistics = read_capture(path, *this); }

  void on_call(const dissect::RpcContext&, const dissect::RpcCall& call) override {
    if (!call.question || call.question->unreadable) return;
    const dissect::EndpointQuestion& question = *call.question;
    constexpr std::uint16_t kMap = 3;
    std::string line = "asked ";
    line += question.interface ? to_string(question.interface->uuid) : "all";
    line += " ";
    line += question.interface ? std::to_string(question.interface->version_major) : "-";
    line += " ";
    line += call.opnum == kMap ? to_string(question.protocol) : "-";
    add(call.frame, call.ordinal, std::move(line));
  }
  void on_endpoint(const dissect::EndpointEntry& entry) override {
    if (entry.source == dissect::EndpointSource::served) return;  // by no mapper
    std::string line = "told " + to_string(entry.interface.uuid) + " " +
                       std::to_string(entry.interface.version_major) + " ";
    line += to_string(entry.protocol);
    const bool is_pipe = entry.protocol == dissect::TowerProtocol::ncacn_np;
    line += " " + (is_pipe      ? std::string(entry.name)
                   : entry.port ? std::to_string(*entry.port)
                                : "-");
    if (!entry.annotation.empty()) line += " " + std::string(entry.annotation);
    add(entry.frame, 0, std::move(line));
  }

  [[nodiscard]] std::string text() const {
    auto sorted = lines_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string out;
    for (const auto& [position, line] : sorted) {
      out += line + "\n";
    }
    return out;
  }

  dissect::DissectStatistics statistics;

 private:
  void add(const dissect::FrameReference& frame, std::uint64_t ordinal, std::string line) {
    lines_.emplace_back(dissect::Position{frame.sequence, ordinal}, std::move(line));
  }

  std::vector<std::pair<dissect::Position, std::string>> lines_;
};

}  // namespace rpcaudit::test
