// The endpoint mapper over its pipe, \PIPE\epmapper, as three kinds of clients really ask it: with
// and without a name, over both versions of IP (pipe-epmapper.pcap).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/app/program.h"
#include "tests/support/places.h"

namespace rpcaudit::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kHideSamr =
    "add rule layer=epmap actiontype=block\n"
    "add condition field=if_uuid matchtype=equal data=12345778-1234-abcd-ef00-0123456789ac\n"
    "add condition field=if_version matchtype=equal data=1\n"
    "add filter\n";

constexpr std::string_view kBlockMapperOverPipes =
    "add rule layer=um actiontype=block\n"
    "add condition field=if_uuid matchtype=equal data=e1af8308-5d1f-11c9-91a4-08002b14a0fa\n"
    "add condition field=protocol matchtype=equal data=ncacn_np\n"
    "add filter\n";

class MapperOverPipe : public ProgramTest {
 protected:
  // The line of `text` that has `part`; empty if there is none.
  static std::string line_with(const std::string& text, const std::string& part) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.find(part) != std::string::npos) return line;
    }
    return {};
  }

  const std::string capture = source_folder() + "/pcaps/pipe-epmapper.pcap";
};

// C706 appendix O over [MS-RPCE] 2.1.1.2.
TEST_F(MapperOverPipe, EachLookUpTellsWhatItAsksForAndByWhom) {
  const Ended ended = run("calls -q -r " + capture);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(line_with(ended.out, "\"frame\":388,"),
              AllOf(HasSubstr("\"pipe\":\"\\\\PIPE\\\\epmapper\",\"null_session\":true"),
                    HasSubstr("\"lookup\":{\"interface\":\"12345778-1234-abcd-ef00-0123456789ac\","
                              "\"version\":\"1.0\",\"interface_name\":\"samr\",\"transport\":"
                              "\"ncacn_np\",\"anonymous\":true}")));
  EXPECT_THAT(line_with(ended.out, "\"frame\":342,"),
              AllOf(HasSubstr("\"user\":\"Administrator\",\"domain\":\"CORP\""),
                    HasSubstr("\"transport\":\"ncacn_ip_tcp\"}")));
  EXPECT_THAT(line_with(ended.out, "\"frame\":247,"),
              HasSubstr("\"lookup\":{\"unreadable\":true}"));
}

// [semantics] 2.3, 4.2.6: the interface inside the tower, whatever carried the question.
TEST_F(MapperOverPipe, FiltersSeeTheInterfaceInsideTheTower) {
  const Ended ended = run("audit -r " + capture + " -p " + file("hide.txt", kHideSamr));
  EXPECT_EQ(ended.status, 0) << ended.err;
  for (const char* frame : {"294", "338", "342", "388", "392"}) {
    EXPECT_THAT(line_with(ended.out, std::string("\"frame\":") + frame + ","),
                HasSubstr("\"control\":\"rpc_filter\",\"layer\":\"epmap\""));
    EXPECT_THAT(line_with(ended.out, std::string("\"frame\":") + frame + ","),
                HasSubstr("\"verdict\":{\"action\":\"would_block\","));
  }
  EXPECT_THAT(ended.err, HasSubstr("79 judged: 5 would be blocked, 59 undecidable, "
                                   "15 would be permitted"));
}

TEST_F(MapperOverPipe, CallsOverTcpFollowFromWhatThePipeTold) {
  const Ended ended = run("audit -r " + capture + " -p " + file("hide.txt", kHideSamr));
  EXPECT_THAT(ended.err, HasSubstr("6  calls  10.77.0.21 -> 10.77.0.1  samr at port 49154, looked "
                                   "up in frame 298  hide.txt:1"));
}

TEST_F(MapperOverPipe, FiltersOnTheMapperItselfStopEveryQuestion) {
  const Ended ended = run("audit -r " + capture + " -p " + file("um.txt", kBlockMapperOverPipes));
  EXPECT_THAT(ended.err, HasSubstr("79 judged: 73 would be blocked, 0 undecidable, "
                                   "6 would be permitted"));
}

TEST_F(MapperOverPipe, TheInventoryHoldsWhatItAnnounced) {
  const Ended ended = run("endpoints -r " + capture);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("106 endpoints of 2 servers: 103 announced, 0 bound, 3 both"));
  EXPECT_THAT(ended.out, AllOf(HasSubstr("\"event_type\":\"rpc_endpoint\",\"schema\":1,\"dest_ip\":"
                                         "\"fd00:77::1\",\"dest_port\":49153,"
                                         "\"rpc\":{\"transport\":\"ncacn_ip_tcp\",\"interface\":"
                                         "\"e3514235-4b06-11d1-ab04-00c04fc2dcd2\""),
                               HasSubstr("\"pipe\":\"\\\\PIPE\\\\netlogon\"")));
  // Told over the pipe, then bound over TCP.
  EXPECT_THAT(line_with(ended.out,
                        "\"dest_port\":49154,\"rpc\":{\"transport\":\"ncacn_ip_tcp\",\"interface\":"
                        "\"12345778-"),
              AllOf(HasSubstr("\"learned\":\"both\""), HasSubstr("[\"10.77.0.21\"]"),
                    Not(HasSubstr("fd00"))));
}

}  // namespace
}  // namespace rpcaudit::app
