// Answers to inq_if_ids of the management interface (C706 appendix Q).

#include "dissect/stubs/management.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dissect/rpc/rpc_session.h"
#include "tests/support/rpc_bytes.h"
#include "tests/support/silent_observer.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr StubForm kNdrForm{false, std::endian::little};
constexpr StubForm kNdr64Form{true, std::endian::little};

// The stub of an answer that lists the interfaces; nil: a pointer to nothing in its place.
ByteVector make_list(const std::vector<std::optional<SyntaxId>>& interfaces,
                     StubForm form = kNdrForm, std::uint32_t count_more = 0) {
  ByteWriter writer(form.order);
  const auto wide = [&](std::uint32_t value) {
    if (form.ndr64) writer.zeros((8 - writer.size() % 8) % 8);
    writer.u32(value);
    if (form.ndr64) writer.u32(0);
  };
  const auto count = static_cast<std::uint32_t>(interfaces.size());
  wide(0x20000);
  wide(count);
  writer.u32(count + count_more);
  for (std::uint32_t i = 0; i < count; ++i) wide(interfaces[i] ? 0x20004 + 4 * i : 0);
  for (const auto& interface : interfaces) {
    if (interface) writer.syntax(*interface);
  }
  return writer.u32(0).take();
}

std::vector<SyntaxId> read_list(Bytes stub, StubForm form, bool& ok) {
  InterfaceListReader reader(form, stub);
  std::vector<SyntaxId> interfaces;
  for (SyntaxId interface; reader.next(interface);) interfaces.push_back(interface);
  ok = reader.ok();
  return interfaces;
}

TEST(InterfaceList, IsReadInBothForms) {
  for (const StubForm form : {kNdrForm, kNdr64Form}) {
    bool ok = false;
    const ByteVector stub = make_list({kSamr, std::nullopt, kDrsuapi}, form);
    EXPECT_EQ(read_list(stub, form, ok), (std::vector<SyntaxId>{kSamr, kDrsuapi}));
    EXPECT_TRUE(ok);
  }
}

TEST(InterfaceList, MayBeMissing) {
  bool ok = false;
  EXPECT_TRUE(
      read_list(ByteWriter(std::endian::little).u32(0).u32(5).take(), kNdrForm, ok).empty());
  EXPECT_TRUE(ok);
}

TEST(InterfaceList, ThatIsCutGivesWhatCameBefore) {
  const ByteVector stub = make_list({kSamr, kDrsuapi});
  const std::size_t whole = stub.size() - 4;  // the status behind it is not read
  for (std::size_t size = 0; size < whole; ++size) {
    bool ok = true;
    const auto interfaces = read_list(Bytes(stub).first(size), kNdrForm, ok);
    EXPECT_FALSE(ok) << size;
    EXPECT_EQ(interfaces.size(), size >= whole - 20 ? 1u : 0u) << size;
  }
}

TEST(InterfaceList, WithMoreThanItsBoundIsNone) {
  bool ok = true;
  EXPECT_TRUE(read_list(make_list({kSamr}, kNdrForm, 1), kNdrForm, ok).empty());
  EXPECT_FALSE(ok);
}

class EntryObserver : public SilentObserver {
 public:
  void on_endpoint(const EndpointEntry& entry) override {
    EXPECT_EQ(entry.source, EndpointSource::served);
    told.push_back(to_string(entry.interface.uuid).substr(0, 8) + " " +
                   std::string(to_string(entry.protocol)) + " " +
                   std::to_string(entry.port.value_or(0)));
  }

  std::vector<std::string> told;
};

struct Asked {
  const char* name;
  SyntaxId interface;
  std::uint16_t opnum;
  unsigned flags;
  std::size_t told;
  std::uint64_t unreadable;
};

TEST(InterfaceList, IsToldForTheEndpointThatWasAsked) {
  constexpr unsigned kWhole = kPfcFirstFragment | kPfcLastFragment;
  constexpr SyntaxId kMgmt{kManagement, 1, 0};
  const Asked kCases[] = {
      {"list", kMgmt, 0, kWhole, 2, 0},
      {"other_operation", kMgmt, 1, kWhole, 0, 0},
      {"other_interface", kSamr, 0, kWhole, 0, 0},
      {"in_several_fragments", kMgmt, 0, kPfcFirstFragment, 0, 1},
  };
  for (const Asked& row : kCases) {
    EntryObserver observer;
    DissectStatistics statistics;
    const Limits limits;
    RpcSessions sessions(limits, observer, statistics, 1);
    const Endpoint client{IpAddress::v4(0x0a4d'0002), 40'000};
    const Endpoint server{IpAddress::v4(0x0a4d'0001), 49'664};
    const Slot<RpcSession> slot =
        sessions.open(ProtocolSequence::ncacn_ip_tcp, {client, server}, nullptr);
    const auto say = [&](Direction direction, const ByteVector& bytes) {
      sessions.consume(slot, direction, bytes, {});
    };
    say(Direction::forward, make_bind({{0, row.interface}}));
    say(Direction::reverse, make_bind_ack({{}}));
    say(Direction::forward, make_request({0, row.opnum}, {.call_id = 2}));
    ByteWriter body(std::endian::little);
    body.u32(0).u16(0).u8(0).u8(0).bytes(make_list({kSamr, kDrsuapi}));
    say(Direction::reverse,
        make_pdu(PduType::response, {.call_id = 2, .flags = row.flags}, body.take()));
    EXPECT_EQ(observer.told.size(), row.told) << row.name;
    EXPECT_EQ(statistics.mapper_stubs_unreadable, row.unreadable) << row.name;
    for (const std::string& told : observer.told) {
      EXPECT_THAT(told, testing::EndsWith(" ncacn_ip_tcp 49664"));
    }
  }
}

}  // namespace
}  // namespace rpcaudit::dissect
