// Connections to endpoint mappers: what each operation asks for, and which entries are told of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dissect/rpc/rpc_session.h"
#include "tests/support/epm_bytes.h"
#include "tests/support/silent_observer.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr Direction kToServer = Direction::forward;
constexpr Direction kToClient = Direction::reverse;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr SyntaxId kNdr64{uuid("71710533-beba-4937-8319-b5dbef9ccc36"), 1, 0};

// Writes down questions and entries, one line each.
class MapperObserver : public SilentObserver {
 public:
  void on_call(const RpcContext&, const RpcCall& call) override {
    if (!call.question) return;
    std::string line = "asked ";
    if (call.question->interface) line += to_string(call.question->interface->uuid).substr(0, 8);
    if (call.question->names_no_interface) line += "all";
    if (call.question->unreadable) line += "unreadable";
    lines.push_back(line);
  }
  void on_endpoint(const EndpointEntry& entry) override {
    constexpr std::string_view kSources[] = {"mapped", "listed", "inserted", "removed", "served"};
    lines.push_back(std::string(kSources[static_cast<std::size_t>(entry.source)]) + " " +
                    to_string(entry.interface.uuid).substr(0, 8) + " " +
                    std::to_string(entry.port.value_or(0)));
  }

  std::vector<std::string> lines;
};

// A connection whose context 0 is that of an endpoint mapper, in one of the forms of its stubs.
class MapperSession : public testing::TestWithParam<StubForm> {
 protected:
  MapperSession() {
    const Endpoint client{IpAddress::v4(0x0a4d'0002), 40'000};
    const Endpoint server{IpAddress::v4(0x0a4d'0001), 135};
    slot_ = sessions_.open(ProtocolSequence::ncacn_ip_tcp, {client, server}, nullptr);
    const SyntaxId syntax = GetParam().ndr64 ? kNdr64 : kNdr;
    say(kToServer, make_bind({{0, kEpm, {syntax}}}, shape(1)));
    say(kToClient, make_bind_ack({{.transfer = syntax}}, shape(1)));
  }

  [[nodiscard]] static PduShape shape(std::uint32_t call_id) {
    return {.call_id = call_id, .order = GetParam().order};
  }
  void say(Direction direction, const ByteVector& bytes) {
    sessions_.consume(slot_, direction, bytes, {});
  }
  void ask(std::uint32_t call_id, EpmOperation operation, const ByteVector& stub) {
    ByteWriter body(GetParam().order);
    body.u32(static_cast<std::uint32_t>(stub.size())).u16(0);
    body.u16(static_cast<unsigned>(operation)).bytes(stub);
    say(kToServer, make_pdu(PduType::request, shape(call_id), body.take()));
  }
  void answer(std::uint32_t call_id, const ByteVector& stub) {
    ByteWriter body(GetParam().order);
    body.u32(static_cast<std::uint32_t>(stub.size())).u16(0).u8(0).u8(0).bytes(stub);
    say(kToClient, make_pdu(PduType::response, shape(call_id), body.take()));
  }

  Limits limits_;
  MapperObserver observer_;
  DissectStatistics statistics_;
  RpcSessions sessions_{limits_, observer_, statistics_, 1};
  Slot<RpcSession> slot_;
};

// C706 appendix O, opnum 3.
TEST_P(MapperSession, MapIsAskedForAnInterfaceAndAnsweredByTowers) {
  ask(2, EpmOperation::map, map_request(GetParam(), tcp_tower(kSamr, 0)));
  answer(2, map_response(GetParam(), {tcp_tower(kSamr, 49664), tcp_tower(kSamr, 49665)}));
  EXPECT_THAT(observer_.lines,
              ElementsAre("asked 12345778", "mapped 12345778 49664", "mapped 12345778 49665"));
}

// Opnum 2: the handle of an answer goes on with the listing, which is the same question.
TEST_P(MapperSession, LookupGoesOnByItsHandle) {
  ask(2, EpmOperation::lookup, lookup_request(GetParam(), 0, nullptr, 0));
  answer(2, lookup_response(GetParam(), {{tcp_tower(kSamr, 1), {}, "one"}}));
  ask(3, EpmOperation::lookup, lookup_request(GetParam(), 0, nullptr, 7));
  answer(3, lookup_response(GetParam(), {{tcp_tower(kDrsuapi, 2), {}, "two"}}));
  EXPECT_THAT(observer_.lines,
              ElementsAre("asked all", "listed 12345778 1", "asked all", "listed e3514235 2"));
}

// Opnums 0 and 1: the entries are in the requests, and nothing is asked for.
TEST_P(MapperSession, InsertAndDeleteTellWhatTheServerIsTold) {
  ask(2, EpmOperation::insert, insert_request(GetParam(), {{tcp_tower(kSamr, 7), {}, "mine"}}));
  answer(2, NdrWriter(GetParam()).u32(0).take());
  ask(3, EpmOperation::remove, delete_request(GetParam(), {{tcp_tower(kSamr, 7), {}, "mine"}}));
  answer(3, NdrWriter(GetParam()).u32(0).take());
  EXPECT_THAT(observer_.lines, ElementsAre("inserted 12345778 7", "removed 12345778 7"));
  EXPECT_EQ(statistics_.mapper_stubs_unreadable, 0u);
}

// Opnums 4 to 6 have no list of towers.
TEST_P(MapperSession, OtherOperationsTellNothing) {
  for (const EpmOperation operation :
       {EpmOperation::lookup_handle_free, EpmOperation::inq_object, EpmOperation::mgmt_delete}) {
    const auto call_id = 2 + static_cast<std::uint32_t>(operation);
    ask(call_id, operation, NdrWriter(GetParam()).handle(7).take());
    answer(call_id, NdrWriter(GetParam()).handle().u32(0).take());
  }
  EXPECT_THAT(observer_.lines, IsEmpty());
  EXPECT_EQ(statistics_.mapper_stubs_unreadable, 0u);
}

// The first fragment of an answer whose others never come.
TEST_P(MapperSession, AnAnswerThatIsCutOffIsCountedWhenItsConnectionEnds) {
  ask(2, EpmOperation::map, map_request(GetParam(), tcp_tower(kSamr, 0)));
  PduShape first = shape(2);
  first.flags = kPfcFirstFragment;
  say(kToClient, make_response(0, first, 40));
  EXPECT_EQ(statistics_.mapper_stubs_unreadable, 0u);
  sessions_.close(slot_);
  EXPECT_EQ(statistics_.mapper_stubs_unreadable, 1u);
}

// What is refused has no entries, and is no message that could not be read.
TEST_P(MapperSession, AFaultIsNoAnswer) {
  ask(2, EpmOperation::map, map_request(GetParam(), tcp_tower(kSamr, 0)));
  say(kToClient, make_fault(5, shape(2)));
  EXPECT_THAT(observer_.lines, ElementsAre("asked 12345778"));
  EXPECT_EQ(statistics_.mapper_stubs_unreadable, 0u);
}

INSTANTIATE_TEST_SUITE_P(Forms, MapperSession, testing::ValuesIn(kStubForms), name_of_form);

}  // namespace
}  // namespace rpcaudit::dissect
