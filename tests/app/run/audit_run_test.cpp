// Whatever the number of workers and however little may wait between them: a run ends, tells every
// event once, and the same events.

#include "engine/app/run/audit_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "engine/audit/sink/json_sink.h"
#include "tests/app/run/frames_in_memory.h"
#include "tests/audit/string_target.h"
#include "tests/support/rpc_conversation.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::app {
namespace {

using namespace test;

constexpr std::size_t kRecordsWaitingMax = 500;
constexpr unsigned kWorkers[] = {1, 2, 3, 8, 16};

struct Result {
  std::string records;
  AuditRun run;
};

Result run(std::span<const Frame> frames, RunPlan plan, Stop& stop) {
  FramesInMemory source(frames);
  StringTarget target;
  audit::OutputBuffer buffer(target, false);
  audit::AuditOptions options;
  options.write_all = true;
  options.write_blindness = true;
  options.records_waiting_max = kRecordsWaitingMax;
  audit::JsonSink sink(buffer, nullptr, {},
                       plan.workers * (plan.limits.context_slots() + options.records_waiting_max));
  AuditRun result = run_audit(source, stop, plan, options, sink);
  buffer.flush();
  return {target.text, result};
}

Result run(std::span<const Frame> frames, const RunPlan& plan) {
  Stop stop;
  return run(frames, plan, stop);
}

// Everything handed over in the smallest pieces.
RunPlan tiny_plan(unsigned workers) {
  RunPlan plan;
  plan.workers = workers;
  plan.batch_frames = 3;
  plan.merger = {.waiting_bytes = 40'000, .chunk_events = 2};
  return plan;
}

// Messages of a conversation between two hosts, as frames.
class Conversation {
 public:
  Conversation(std::uint32_t client, std::uint32_t server, FrameList& frames)
      : client_(client), server_(server), frames_(frames) {
    add(peers_.syn());
    add(peers_.syn_ack());
    add(peers_.ack(true));
  }
  void say(bool client, const ByteVector& message) {
    for (const Segment& segment : peers_.say(client, message)) add(segment);
  }
  void bind() {
    say(true, make_bind({{0, kSamr}}));
    say(false, make_bind_ack({{}}));
  }

 private:
  void add(Segment segment) {
    const bool from_server = segment.source_port == 49664;
    segment.source = from_server ? server_ : client_;
    segment.destination = from_server ? client_ : server_;
    frames_.add(segment);
  }

  std::uint32_t client_;
  std::uint32_t server_;
  FrameList& frames_;
  TcpPeers peers_;
};

// Calls that are never answered, each between hosts of their own, and beside them one busy pair.
FrameList busy_beside_unanswered(std::uint32_t busy_calls) {
  FrameList frames;
  for (std::uint32_t i = 1; i <= 8; ++i) {
    Conversation quiet(0x0a010000 + i, 0x0a020001, frames);
    quiet.bind();
    quiet.say(true, make_request({0, 5, {}, 0}, {.call_id = 2}));
  }
  Conversation busy(0x0a030001, 0x0a040001, frames);
  busy.bind();
  for (std::uint32_t id = 2; id < busy_calls + 2; ++id) {
    busy.say(true, make_request({0, static_cast<std::uint16_t>(id % 60), {}, 0}, {.call_id = id}));
    busy.say(false, make_response(0, {.call_id = id}));
  }
  return frames;
}

TEST(AuditRun, NobodyWaitsForAnOpenCallOfAnother) {
  constexpr std::uint32_t kCalls = 3'000;
  const FrameList frames = busy_beside_unanswered(kCalls);
  const Result one = run(frames.frames(), tiny_plan(1));
  EXPECT_EQ(one.run.tally.calls, kCalls + 8);
  for (const unsigned workers : kWorkers) {
    const Result several = run(frames.frames(), tiny_plan(workers));
    EXPECT_EQ(several.run.tally.calls, kCalls + 8) << workers << " workers";
    EXPECT_TRUE(several.records == one.records) << workers << " workers";
    EXPECT_EQ(several.run.tally.records_given_up, 8u) << workers << " workers";
  }
}

// One of several conversations that run side by side.
FrameList many_conversations(std::uint64_t seed) {
  Random random(seed);
  FrameList frames;
  std::vector<Conversation> conversations;
  std::vector<std::vector<Message>> messages;
  for (std::uint32_t i = 0; i < 12; ++i) {
    conversations.emplace_back(0x0a010000 + i, 0x0a020000 + i % 5, frames);
    messages.push_back(make_rpc_conversation(random));
    std::reverse(messages.back().begin(), messages.back().end());
  }
  for (std::size_t left = messages.size(); left != 0;) {
    const std::size_t at = up_to(random, messages.size() - 1);
    if (messages[at].empty()) continue;
    conversations[at].say(messages[at].back().client, messages[at].back().bytes);
    messages[at].pop_back();
    if (messages[at].empty()) --left;
  }
  return frames;
}

TEST(AuditRun, AnyNumberOfWorkersTellsTheSameInTheSmallestPieces) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const FrameList frames = many_conversations(seed);
    RunPlan plan = tiny_plan(1);
    plan.merger.waiting_bytes = 1u << 20;  // enough for all
    const Result one = run(frames.frames(), plan);
    EXPECT_GT(one.run.tally.calls, 12u);
    for (const unsigned workers : kWorkers) {
      plan.workers = workers;
      EXPECT_TRUE(run(frames.frames(), plan).records == one.records)
          << "seed " << seed << ", " << workers << " workers";
    }
  }
}

TEST(AuditRun, DoesNotDependOnHowFramesAreCutIntoBatches) {
  const FrameList frames = many_conversations(1);
  const Result whole = run(frames.frames(), {});
  for (const std::size_t batch : {1u, 2u, 5u, 64u, 255u}) {
    RunPlan plan;
    plan.batch_frames = batch;
    EXPECT_TRUE(run(frames.frames(), plan).records == whole.records) << batch;
  }
}

// A stop comes whenever it likes: the run ends, and what it tells is what it would have told of the
// frames that it read.
TEST(AuditRun, EndsAtAStopAtAnyMoment) {
  const FrameList frames = busy_beside_unanswered(2'000);
  for (const unsigned workers : kWorkers) {
    for (unsigned i = 0; i < 20; ++i) {
      Stop stop;
      std::thread stopper([&stop, i] {
        std::this_thread::sleep_for(std::chrono::microseconds(i * i * 100));
        stop.request(StopReason::terminate);
      });
      const Result stopped = run(frames.frames(), tiny_plan(workers), stop);
      stopper.join();
      const std::uint64_t read = stopped.run.frames.read.frames;
      const Result whole = run(frames.frames().first(read), tiny_plan(1));
      EXPECT_TRUE(stopped.records == whole.records) << workers << " workers, " << read << " frames";
    }
  }
}

}  // namespace
}  // namespace rpcaudit::app
