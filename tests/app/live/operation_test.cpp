// A monitor and those who run it, in network namespaces.

#include "tests/app/live/live_program.h"

namespace rpcaudit::app {
namespace {

class OperationTest : public LiveTest {
 protected:
  [[nodiscard]] std::string socket() const { return (folder / "control.sock").string(); }
  Ended ctl(const std::string& arguments) {
    return run("ctl --control " + socket() + " " + arguments);
  }
  [[nodiscard]] bool ctl_says(const std::string& arguments, std::string_view text) {
    return wait_for([&] { return ctl(arguments).out.find(text) != std::string::npos; });
  }
};

TEST_F(OperationTest, StatusTellsInterfacesPoliciesAndWhatConfinesIt) {
  LiveProgram live(folder, "-i far0 -p " + dcsync + " --control " + socket());
  ASSERT_TRUE(ctl_says("status", "interface")) << live.said();
  const std::string text = ctl("status").out;
  for (const char* part : {"far0: up", "3 filters in", "no capabilities: yes", "no_new_privs: yes",
                           "reload      none yet", "process "}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  const std::string json = ctl("status --format json").out;
  EXPECT_NE(json.find(R"("no_capabilities": true)"), std::string::npos) << json;
  EXPECT_NE(ctl("stats --format json").out.find(R"("flows_rpc": 0)"), std::string::npos);
  EXPECT_EQ(ctl("explode").status, 2);
  EXPECT_EQ(ctl("status stop").status, 2);
  const Ended second = run("live -i far0 --control " + socket());
  EXPECT_EQ(second.status, 3);
  EXPECT_NE(second.err.find("another monitor listens there"), std::string::npos) << second.err;
  EXPECT_EQ(ctl("stop").status, 0);
  EXPECT_EQ(live.wait(), 0);
  EXPECT_FALSE(fs::exists(socket()));
  EXPECT_EQ(ctl("status").status, 3);
}

TEST_F(OperationTest, ReloadTellsWhatCameOfIt) {
  const std::string block = read_file(dcsync);
  const std::string policy = file("policy.txt", block);
  LiveProgram live(folder, "-i far0 -p " + policy + " --control " + socket());
  EXPECT_EQ(ctl("reload").out, "policies are as they were\n");
  file("policy.txt", "rpc filter\nadd rule layer=um actiontype=blook\n");
  const Ended refused = ctl("reload");
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.err.find("policy.txt:2"), std::string::npos) << refused.err;
  EXPECT_TRUE(ctl_says("status", "refused at"));
  file("policy.txt", block + "# edited\n");
  EXPECT_EQ(ctl("reload").status, 0);
  EXPECT_TRUE(ctl_says("status", "1 done, 1 unchanged, 1 refused"));
  EXPECT_EQ(live.stop(), 0);
}

// They judge at once, survive a reload, and are gone when they are deleted.
TEST_F(OperationTest, VolatileFiltersAreAddedShownAndDeleted) {
  const std::string permit =
      std::regex_replace(read_file(dcsync), std::regex("actiontype=block"), "actiontype=permit");
  const std::string policy = file("policy.txt", permit);
  LiveProgram live(folder, "-i far0 --all -p " + policy + " --control " + socket());
  const std::string netsh = "netsh --monitor " + socket() + " ";
  const auto blocked = [&] {
    return live.written().find(R"("action":"would_block")") != std::string::npos;
  };
  const Ended persistent = run(netsh + "rpc filter add rule layer=um actiontype=block");
  EXPECT_EQ(persistent.status, 0) << persistent.err;
  const Ended refused = run(netsh + "rpc filter add filter");
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.err.find("volatile filters alone"), std::string::npos) << refused.err;
  EXPECT_EQ(run(netsh + "rpc filter delete rule").status, 0);

  const std::string script = file("script.txt",
                                  "rpc filter\nadd rule layer=um actiontype=block "
                                  "persistence=volatile\nadd filter\n");
  const Ended added = run(netsh + "-f " + script);
  EXPECT_EQ(added.status, 0) << added.err;
  const std::size_t at = added.out.find("FilterKey: ");
  ASSERT_NE(at, std::string::npos) << added.out;
  const std::string key = added.out.substr(at + 11, 36);
  EXPECT_NE(run(netsh + "rpc filter show filter").out.find(key), std::string::npos);
  file("policy.txt", permit + "# edited\n");
  EXPECT_EQ(ctl("reload").status, 0);
  EXPECT_TRUE(ctl_says("status", "4 filters in"));
  const std::vector<std::string> frames =
      sendable_frames(source_folder() + "/pcaps/dcsync-ntlm-privacy.pcap");
  send(frames);
  EXPECT_TRUE(wait_for(blocked)) << live.written();

  EXPECT_EQ(run(netsh + "rpc filter delete filter filterkey=" + key).status, 0);
  EXPECT_TRUE(ctl_says("status", "3 filters in"));
  EXPECT_EQ(run(netsh + "rpc filter show filter").out.find(key), std::string::npos);
  EXPECT_EQ(run(netsh + "rpc filter delete filter filterkey=" + key).status, 1);
  EXPECT_EQ(run("netsh --monitor " + socket()).status, 2);
  EXPECT_EQ(live.stop(), 0) << live.said();
}

// Policies change again and again while frames arrive: all of them are seen.
TEST_F(OperationTest, AStormOfReloadsLosesNoFrame) {
  const std::string block = read_file(dcsync);
  const std::vector<std::string> frames =
      sendable_frames(source_folder() + "/pcaps/dcsync-ntlm-privacy.pcap");
  ASSERT_FALSE(frames.empty());
  constexpr std::size_t kRounds = 20;
  for (const char* workers : {"1", "2", "16"}) {
    const std::string policy = file("policy.txt", block);
    LiveProgram live(folder, "-q -i far0 --all -p " + policy + " --control " + socket() +
                                 " --workers " + workers);
    for (std::size_t round = 0; round < kRounds; ++round) {
      file("policy.txt", block + "# " + std::to_string(round) + "\n");
      live.signal(SIGHUP);
      send(frames);
    }
    EXPECT_EQ(ctl("reload").status, 0);
    const std::string all = std::to_string(kRounds * frames.size());
    EXPECT_TRUE(wait_for([&] {
      return ctl("stats --format json").out.find("\"tcp_segments\": " + all) != std::string::npos;
    })) << all
        << ctl("stats").out;
    EXPECT_NE(ctl("status").out.find(", 0 dropped"), std::string::npos) << ctl("status").out;
    EXPECT_EQ(live.stop(), 0) << live.said();
  }
}

TEST_F(OperationTest, RotateOpensFilesAnew) {
  const std::string records = (folder / "records.jsonl").string();
  LiveProgram live(folder, "-q -i far0 -o " + records + " --control " + socket());
  fs::rename(records, records + ".old");
  EXPECT_EQ(ctl("rotate").status, 0);
  EXPECT_EQ(live.stop(), 0);
  EXPECT_NE(read_file(records).find("stats"), std::string::npos);
}

}  // namespace
}  // namespace rpcaudit::app
