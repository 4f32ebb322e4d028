// Which tunnels count as the wire itself is for the user to say.

#include <gtest/gtest.h>

#include "tests/app/program.h"
#include "tests/support/capture_bytes.h"
#include "tests/support/datagram_frames.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::app {
namespace {

using namespace test;

constexpr std::uint32_t kMirror = 0x0a630001;  // 10.99.0.1

// Frames of the server come in VXLAN from 10.99.0.1, those of the client do not.
class TunnelOptionsTest : public ProgramTest {
 protected:
  TunnelOptionsTest() {
    TcpPeers peers;
    add(peers.syn());
    add(peers.syn_ack());
    say(peers, true, make_bind({{0, kSamr}}));
    say(peers, false, make_bind_ack({{}}));
    say(peers, true, make_request({0, 5, {}, 0}, {.call_id = 2}));
    say(peers, false, make_response(0, {.call_id = 2}));
    std::vector<CaptureRecord> records;
    for (const std::string& frame : frames_) records.push_back({.text = frame});
    const ByteVector bytes = make_pcap(records);
    capture = file("mirrored.pcap", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }

  [[nodiscard]] bool is_answered(const std::string& options) {
    const Ended ended = run("calls -q -r " + capture + " " + options);
    EXPECT_EQ(ended.status, 0) << ended.err;
    EXPECT_NE(ended.out.find("\"opnum\":5"), std::string::npos) << ended.out;
    return ended.out.find("\"outcome\":\"response\"") != std::string::npos;
  }

  std::string capture;

 private:
  void say(TcpPeers& peers, bool client, const ByteVector& message) {
    for (const Segment& segment : peers.say(client, message)) add(segment);
  }
  void add(const Segment& segment) {
    const bool from_server = segment.source_port == 49664;
    for (const ByteVector& frame : make_ethernet(segment)) {
      keep(from_server ? mirrored(frame) : frame);
    }
  }
  static ByteVector mirrored(const ByteVector& frame) {
    UdpDatagram datagram;
    datagram.source = kMirror;
    datagram.destination_port = 4789;
    datagram.payload =
        ByteWriter(std::endian::big).u32(0x0800'0000).u32(77u << 8).bytes(frame).take();
    return make_udp_frame(datagram);
  }
  void keep(const ByteVector& frame) {
    frames_.emplace_back(reinterpret_cast<const char*>(frame.data()), frame.size());
  }

  std::vector<std::string> frames_;
};

TEST_F(TunnelOptionsTest, TunnelsAreApartUnlessTheUserSaysOtherwise) {
  EXPECT_FALSE(is_answered(""));
  EXPECT_FALSE(is_answered("--tunnel apart"));
  EXPECT_TRUE(is_answered("--tunnel same"));
}

TEST_F(TunnelOptionsTest, FramesOfNamedMirrorsCountAsOnTheWire) {
  EXPECT_TRUE(is_answered("--mirror-from 10.99.0.1"));
  EXPECT_TRUE(is_answered("--mirror-from fe80::1 --mirror-from 10.99.0.1 --workers 3"));
  EXPECT_FALSE(is_answered("--mirror-from 10.99.0.2"));
}

TEST_F(TunnelOptionsTest, WrongValuesAreUsageErrors) {
  EXPECT_EQ(run("calls -r " + capture + " --tunnel maybe").status, 2);
  const Ended name = run("calls -r " + capture + " --mirror-from switch-7");
  EXPECT_EQ(name.status, 2);
  EXPECT_NE(name.err.find("`switch-7` is no IP address"), std::string::npos) << name.err;
  std::string many;
  for (int i = 0; i < 17; ++i) many += " --mirror-from 10.99.0." + std::to_string(i);
  EXPECT_EQ(run("calls -r " + capture + many).status, 2);
}

}  // namespace
}  // namespace rpcaudit::app
