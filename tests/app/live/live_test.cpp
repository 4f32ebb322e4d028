// A live capture in network namespaces: what is sent over a wire is judged as it is in a file.

#include <sys/stat.h>

#include "tests/app/live/live_program.h"
#include "tests/support/captures_at_hand.h"

namespace rpcaudit::app {
namespace {

// By one worker and by two, which capture from the same wire at the same time.
TEST_F(LiveTest, EqualsAnAuditOfTheFileForEveryCaptureThatCanBeSent) {
  const std::string policy = source_folder() + "/pcaps/policies/require-privacy.netsh.txt";
  const std::string arguments = "-i far0 --all --stats-interval 1 -p " + policy;
  std::size_t compared = 0;
  for (const auto& entry : fs::directory_iterator(source_folder() + "/pcaps")) {
    if (!entry.is_regular_file() || entry.path().extension() == ".md") continue;
    const std::vector<std::string> frames = sendable_frames(entry.path());
    if (frames.empty()) continue;
    SCOPED_TRACE(entry.path().filename());
    const std::vector<std::string> expected = comparable_records(
        run("audit -q --all -p " + policy + " --format json " + entry.path().string()).out);

    LiveProgram by_one(folder, arguments, "one");
    LiveProgram by_two(folder, arguments + " --workers 2", "two");
    send(frames);
    for (LiveProgram* live : {&by_one, &by_two}) {
      EXPECT_TRUE(wait_for([&] { return frames_captured(live->written()) >= frames.size(); }));
      EXPECT_EQ(live->stop(), 0) << live->said();
      EXPECT_EQ(comparable_records(live->written()), expected);
    }
    ++compared;
    if (HasFailure()) return;
  }
  EXPECT_GE(compared, 30u);
}

TEST_F(LiveTest, NoCapabilityIsLeft) {
  LiveProgram live(folder, "-i far0");
  std::ifstream status("/proc/" + std::to_string(live.process()) + "/status");
  std::size_t sets = 0;
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("Cap")) continue;
    ++sets;
    EXPECT_TRUE(line.ends_with("\t0000000000000000")) << line;
  }
  EXPECT_EQ(sets, 5u);
  EXPECT_EQ(live.stop(), 0);
}

TEST_F(LiveTest, CountersComeWhenNothingHappens) {
  LiveProgram live(folder, "-i far0 --stats-interval 1");
  EXPECT_TRUE(wait_for([&] {
    const std::string text = live.written();
    return std::count(text.begin(), text.end(), '\n') >= 2;
  }));
  EXPECT_EQ(live.stop(SIGINT), 0);
  EXPECT_TRUE(live.says("this audit saw all of the")) << live.said();
}

// A call whose answer was not sent yet is written when the program is stopped.
TEST_F(LiveTest, StopUnderLoadWritesWhatIsPending) {
  const std::vector<std::string> frames =
      sendable_frames(source_folder() + "/pcaps/dcsync-ntlm-privacy.pcap");
  for (const char* workers : {"1", "3", "8"}) {
    LiveProgram live(folder, std::string("-i far0 --workers ") + workers);
    std::atomic<bool> done{false};
    std::thread load([&] {
      while (!done.load()) send(frames);
    });
    EXPECT_TRUE(wait_for([&] { return live.written().find("rpc_call") != std::string::npos; }));
    EXPECT_EQ(live.stop(), 0) << live.said();
    done = true;
    load.join();
    const std::string text = live.written();
    EXPECT_TRUE(text.ends_with("}\n"));
    EXPECT_NE(text.rfind(R"("event_type":"stats")"), std::string::npos);
  }
}

TEST_F(LiveTest, InterfaceThatGoesDownIsWaitedFor) {
  const std::vector<std::string> frames =
      sendable_frames(source_folder() + "/pcaps/dcsync-ntlm-privacy.pcap");
  for (const char* workers : {"1", "2"}) {
    LiveProgram live(folder, std::string("-i far0 --stats-interval 1 --workers ") + workers);
    ASSERT_TRUE(run_shell("ip link set far0 down"));
    EXPECT_TRUE(wait_for([&] { return live.says("far0 is down"); })) << live.said();
    ASSERT_TRUE(run_shell("ip link set far0 up"));
    EXPECT_TRUE(wait_for([&] { return live.says("far0 is up again"); })) << live.said();
    send(frames);
    EXPECT_TRUE(wait_for([&] { return live.written().find("rpc_call") != std::string::npos; }));
    EXPECT_EQ(live.stop(), 0) << live.said();
  }
}

TEST_F(LiveTest, InterfaceThatVanishesIsWaitedFor) {
  const std::vector<std::string> frames =
      sendable_frames(source_folder() + "/pcaps/dcsync-ntlm-privacy.pcap");
  LiveProgram live(folder, "-i far0 --stats-interval 1");
  wire->remove();
  EXPECT_TRUE(wait_for([&] { return live.says("far0 has vanished"); })) << live.said();
  wire->make();
  EXPECT_TRUE(wait_for([&] { return live.says("far0 is up again"); })) << live.said();
  send(frames);
  EXPECT_TRUE(wait_for([&] { return live.written().find("rpc_call") != std::string::npos; }));
  EXPECT_EQ(live.stop(), 0) << live.said();
}

TEST_F(LiveTest, FilesAreReopenedAndMendedAfterAKill) {
  const std::string records = (folder / "records.jsonl").string();
  const std::string arguments = "-q -i far0 --stats-interval 1 -o " + records;
  const auto has_lines = [](const std::string& path) {
    return read_file(path).find('\n') != std::string::npos;
  };
  {
    LiveProgram live(folder, arguments);
    EXPECT_TRUE(wait_for([&] { return has_lines(records); }));
    fs::rename(records, records + ".old");
    live.signal(SIGHUP);
    EXPECT_TRUE(wait_for([&] { return has_lines(records); }));
    EXPECT_EQ(live.stop(SIGKILL), 128 + SIGKILL);
  }
  const std::string whole = read_file(records);
  std::ofstream(records, std::ios::app) << R"({"timestamp":"20)";
  LiveProgram live(folder, arguments);
  EXPECT_TRUE(wait_for([&] { return read_file(records).size() > whole.size() + 100; }));
  EXPECT_EQ(live.stop(), 0);
  EXPECT_TRUE(read_file(records).starts_with(whole + R"({"timestamp":"2)"));
  EXPECT_EQ(read_file(records).find(R"("20{)"), std::string::npos);
}

// Calls before a reload are judged by the policy before, calls after it by the new one; one that is
// wrong changes nothing.
TEST_F(LiveTest, PoliciesAreReadAnew) {
  const auto conversation = [](const std::string& name) {
    return sendable_frames(source_folder() + "/pcaps/" + name);
  };
  const std::string block = read_file(dcsync);
  const std::string permit =
      std::regex_replace(block, std::regex("actiontype=block"), "actiontype=permit");
  ASSERT_NE(block, permit);
  const std::string replication = R"("operation":"IDL_DRSGetNCChanges")";
  for (const char* workers : {"1", "2"}) {
    const std::string policy = file("policy.txt", block);
    LiveProgram live(folder,
                     "-i far0 --all --stats-interval 1 -p " + policy + " --workers " + workers);
    const auto lines_with = [&](const std::string& text, const std::string& more = {}) {
      std::istringstream lines(live.written());
      std::size_t count = 0;
      for (std::string line; std::getline(lines, line);) {
        if (line.find(text) != std::string::npos && line.find(more) != std::string::npos) ++count;
      }
      return count;
    };
    const std::string blocked = R"("action":"would_block")";
    const std::string policies = R"("event_type":"policy")";
    EXPECT_TRUE(wait_for([&] { return lines_with(policies, R"("asked_by":"start")") == 1; }));
    send(conversation("dcsync-ntlm-privacy.pcap"));
    EXPECT_TRUE(wait_for([&] { return lines_with(replication, blocked) != 0; })) << live.said();
    const std::size_t all_before = lines_with(replication);
    EXPECT_EQ(lines_with(replication, blocked), all_before);

    file("policy.txt", "rpc filter\nadd rule layer=um actiontype=blook\n");
    live.signal(SIGHUP);
    EXPECT_TRUE(wait_for([&] { return live.says("the policies before go on"); })) << live.said();
    EXPECT_TRUE(wait_for([&] { return lines_with(policies, R"("outcome":"refused")") == 1; }));

    file("policy.txt", block);
    live.signal(SIGHUP);
    EXPECT_TRUE(wait_for([&] { return lines_with(policies, R"("outcome":"unchanged")") == 1; }));
    EXPECT_TRUE(live.says("policies were read anew: no change")) << live.said();

    file("policy.txt", permit);
    live.signal(SIGHUP);
    EXPECT_TRUE(wait_for([&] { return lines_with(policies, R"("outcome":"taken_over")") == 2; }));
    // Whoever answered a question for counters that was asked later has them.
    const std::size_t counters = lines_with(R"("event_type":"stats")");
    EXPECT_TRUE(wait_for([&] { return lines_with(R"("event_type":"stats")") >= counters + 2; }));
    send(conversation("dcsync-ntlm-connect.pcap"));
    EXPECT_TRUE(wait_for([&] { return lines_with(replication) > all_before; })) << live.said();
    EXPECT_EQ(lines_with(replication, blocked), all_before);
    EXPECT_EQ(live.stop(), 0) << live.said();
  }
}

TEST_F(LiveTest, ErrorsOfUseAreToldAtOnce) {
  EXPECT_EQ(run("live -i nowhere0").status, 3);
  EXPECT_NE(run("live -i nowhere0").err.find("no such interface"), std::string::npos);
  EXPECT_EQ(run("live -i far0 -f 'no filter'").status, 2);
  EXPECT_EQ(run("live").status, 2);
  EXPECT_EQ(run("live -i far0 -o /nowhere/records.jsonl").status, 3);
  EXPECT_NE(run("live --list-interfaces").out.find("far0"), std::string::npos);
}

}  // namespace
}  // namespace rpcaudit::app
