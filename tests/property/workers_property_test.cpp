// Any number of workers writes the same bytes: over all captures at hand, as they are and damaged,
// with batches of a few frames.
//
// RPCAUDIT_CORPUS adds the captures of a folder. RPCAUDIT_PROPERTY_CASES as for all properties.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "engine/app/run/audit_run.h"
#include "engine/audit/sink/json_sink.h"
#include "tests/app/run/frames_in_memory.h"
#include "tests/audit/string_target.h"
#include "tests/support/captures_at_hand.h"
#include "tests/support/mutated_capture.h"
#include "tests/support/rpc_conversation.h"

namespace rpcaudit::app {
namespace {

using namespace test;

constexpr unsigned kWorkers[] = {2, 3, 8, 16};

std::size_t cases() {
  const char* const wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  return wanted == nullptr ? 100'000 : std::strtoull(wanted, nullptr, 10);
}

// Enough for every capture here: what a full table evicts depends on who shares it.
RunPlan plan_for(unsigned workers, std::size_t batch_frames) {
  RunPlan plan;
  plan.workers = workers;
  plan.batch_frames = batch_frames;
  plan.limits.flows = 1u << 15;
  plan.limits.rpc_connections = plan.limits.smb_sessions = plan.limits.smb_pipes = 2'048;
  plan.limits.contexts = plan.limits.pending_calls = plan.limits.datagram_calls = 4'096;
  plan.limits.datagram_activities = plan.limits.datagram_contexts = 1'024;
  plan.merger.chunk_events = 2;
  return plan;
}

std::string records_of(std::span<const Frame> frames, const RunPlan& plan) {
  FramesInMemory source(frames);
  StringTarget target;
  audit::OutputBuffer buffer(target, false);
  audit::AuditOptions options;
  options.write_all = options.write_blindness = true;
  audit::JsonSink sink(buffer, nullptr, {},
                       plan.workers * (plan.limits.context_slots() + options.records_waiting_max));
  Stop stop;
  (void)run_audit(source, stop, plan, options, sink);
  buffer.flush();
  return target.text;
}

// Both texts from the first line on in which they differ.
std::string difference(const std::string& one, const std::string& other) {
  const auto at = std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first;
  const std::size_t same = static_cast<std::size_t>(at - one.begin());
  const std::size_t newline = same == 0 ? std::string::npos : one.rfind('\n', same - 1);
  const std::size_t line = newline == std::string::npos ? 0 : newline + 1;
  return "one worker, whole batches:\n" + one.substr(line, 2'000) + "\nin small batches:\n" +
         other.substr(line, 2'000);
}

void expect_same_bytes(const MutatedCapture& capture, Random& random, const std::string& name) {
  const std::vector<Frame> frames = capture.frames();
  const std::string one = records_of(frames, plan_for(1, FrameRoom::kFramesMax));
  const unsigned some = kWorkers[random() % std::size(kWorkers)];
  for (const unsigned workers : {1u, some}) {
    const std::size_t batch = 1 + random() % 7;
    const std::string other = records_of(frames, plan_for(workers, batch));
    EXPECT_TRUE(other == one) << name << ": " << workers << " workers, batches of " << batch << '\n'
                              << difference(one, other);
  }
}

TEST(WorkersProperty, AnyNumberWritesTheSameBytesOfEveryCapture) {
  Random random(1);
  for (const auto& path : captures_at_hand(3'000'000)) {
    expect_same_bytes(MutatedCapture(path.string()), random, path.string());
  }
}

TEST(WorkersProperty, AnyNumberWritesTheSameBytesOfDamagedCaptures) {
  std::vector<MutatedCapture> captures;
  for (const auto& path : captures_at_hand(200'000)) captures.emplace_back(path.string());
  for (std::size_t seed = 0; seed < std::max<std::size_t>(20, cases() / 100); ++seed) {
    Random random(seed);
    MutatedCapture capture = captures[random() % captures.size()];
    for (auto damages = random() % 40; damages != 0; --damages) capture.damage(random);
    expect_same_bytes(capture, random, "seed " + std::to_string(seed));
  }
}

}  // namespace
}  // namespace rpcaudit::app
