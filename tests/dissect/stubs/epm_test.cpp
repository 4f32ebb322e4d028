#include "dissect/stubs/epm.h"

#include <gtest/gtest.h>

#include <string>

#include "dissect/stubs/epm_stubs.h"
#include "tests/support/epm_bytes.h"
#include "tests/support/hex.h"
#include "tests/support/silent_observer.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

std::string text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class EpmStubTest : public testing::TestWithParam<StubForm> {
 protected:
  static std::string entries(EpmOperation operation, StubForm form, const ByteVector& stub) {
    EpmEntryReader reader(operation, form, stub);
    std::string out;
    for (EpmEntry entry; reader.next(entry);) {
      out += to_string(entry.tower.interface->uuid).substr(0, 8) + " " +
             std::string(to_string(entry.tower.protocol)) + " " +
             std::to_string(entry.tower.port.value_or(0)) + " " + text(entry.annotation) + ";";
    }
    return out + (reader.ok() ? "" : " broken") +
           (reader.unreadable() != 0 ? " " + std::to_string(reader.unreadable()) + " odd" : "");
  }
};

// C706 appendix O: ept_map, opnum 3.
TEST_P(EpmStubTest, MapAsksForTheInterfaceInItsTower) {
  EpmQuestion question;
  const ByteVector stub = map_request(GetParam(), tcp_tower(kDrsuapi, 0));
  ASSERT_EQ(parse_epm_question(EpmOperation::map, GetParam(), stub, question), ParseStatus::ok);
  EXPECT_EQ(question.interface, kDrsuapi);
  EXPECT_FALSE(question.names_no_interface);
  EXPECT_FALSE(question.continued);
  EXPECT_EQ(question.tower->protocol, TowerProtocol::ncacn_ip_tcp);
}

// C706 appendix O: ept_lookup, opnum 2; inquiry types 0 all, 1 by interface.
TEST_P(EpmStubTest, LookupAsksForOneInterfaceOrForAll) {
  EpmQuestion question;
  ByteVector stub = lookup_request(GetParam(), 1, &kSamr, 9);
  ASSERT_EQ(parse_epm_question(EpmOperation::lookup, GetParam(), stub, question), ParseStatus::ok);
  EXPECT_EQ(question.interface, kSamr);
  EXPECT_TRUE(question.continued);
  stub = lookup_request(GetParam(), 0, nullptr);
  ASSERT_EQ(parse_epm_question(EpmOperation::lookup, GetParam(), stub, question), ParseStatus::ok);
  EXPECT_FALSE(question.interface);
  EXPECT_TRUE(question.names_no_interface);
  // What is not part of the inquiry is there all the same, and does not count.
  stub = lookup_request(GetParam(), 0, &kSamr);
  ASSERT_EQ(parse_epm_question(EpmOperation::lookup, GetParam(), stub, question), ParseStatus::ok);
  EXPECT_FALSE(question.interface);
}

TEST_P(EpmStubTest, ACutQuestionIsTruncatedWhereverItIsCut) {
  const ByteVector stub = map_request(GetParam(), tcp_tower(kDrsuapi, 0));
  for (std::size_t size = 0; size + 4 < stub.size(); ++size) {
    EpmQuestion question;
    EXPECT_EQ(parse_epm_question(EpmOperation::map, GetParam(), Bytes(stub).first(size), question),
              ParseStatus::truncated)
        << size;
  }
}

TEST_P(EpmStubTest, AnswersOfMapAreTowers) {
  const ByteVector stub =
      map_response(GetParam(), {tcp_tower(kSamr, 49664), tcp_tower(kDrsuapi, 49665)});
  EXPECT_EQ(entries(EpmOperation::map, GetParam(), stub),
            "12345778 ncacn_ip_tcp 49664 ;e3514235 ncacn_ip_tcp 49665 ;");
}

TEST_P(EpmStubTest, AnswersOfLookupHaveAnnotations) {
  const ByteVector stub = lookup_response(GetParam(), {{tcp_tower(kSamr, 1), kEpm.uuid, "first"},
                                                       {{}, {}, "without tower"},
                                                       {tcp_tower(kDrsuapi, 2), {}, ""}});
  EXPECT_EQ(entries(EpmOperation::lookup, GetParam(), stub),
            "12345778 ncacn_ip_tcp 1 first;e3514235 ncacn_ip_tcp 2 ;");
}

TEST_P(EpmStubTest, InsertAndDeleteCarryEntriesInTheirRequests) {
  const ByteVector stub = insert_request(GetParam(), {{tcp_tower(kSamr, 7), {}, "mine"}});
  EXPECT_EQ(entries(EpmOperation::insert, GetParam(), stub), "12345778 ncacn_ip_tcp 7 mine;");
  const ByteVector removal = delete_request(GetParam(), {{tcp_tower(kDrsuapi, 8), {}, ""}});
  EXPECT_EQ(entries(EpmOperation::remove, GetParam(), removal), "e3514235 ncacn_ip_tcp 8 ;");
}

TEST_P(EpmStubTest, AnEmptyAnswerHasNoEntries) {
  EXPECT_EQ(entries(EpmOperation::map, GetParam(), map_response(GetParam(), {})), "");
}

TEST_P(EpmStubTest, OddTowersArePassedOverAndCounted) {
  const ByteVector stub = map_response(GetParam(), {hex("ffff"), tcp_tower(kSamr, 5)});
  EXPECT_EQ(entries(EpmOperation::map, GetParam(), stub), "12345778 ncacn_ip_tcp 5 ; 1 odd");
}

TEST_P(EpmStubTest, MoreEntriesThanTheArrayHoldsAreNotBelieved) {
  NdrWriter ndr(GetParam());
  ndr.handle().u32(2).wide(1).wide(0).wide(2);
  EXPECT_EQ(entries(EpmOperation::map, GetParam(), ndr.take()), " broken");
}

INSTANTIATE_TEST_SUITE_P(Forms, EpmStubTest, testing::ValuesIn(kStubForms), name_of_form);

// Counts what is told.
class EntryObserver : public SilentObserver {
 public:
  void on_endpoint(const EndpointEntry&) override { ++entries; }

  unsigned entries = 0;
};

class EpmStubsTest : public testing::Test {
 protected:
  // A message in pieces of `size` bytes.
  void say(std::uint64_t name, const ByteVector& stub, std::size_t size, bool whole = true) {
    for (std::size_t at = 0; at < stub.size(); at += size) {
      EpmFragment fragment;
      fragment.message = name;
      fragment.first = at == 0;
      fragment.last = at + size >= stub.size();
      if (fragment.last && !whole) return;
      fragment.stub = Bytes(stub).subspan(at, std::min(size, stub.size() - at));
      if (at == 0) {
        stubs_.begin(RpcContext{}, 3, {}, fragment);
      } else {
        stubs_.go_on(fragment);
      }
    }
  }

  Limits limits_;
  EntryObserver observer_;
  DissectStatistics statistics_;
  EpmStubs stubs_{limits_, observer_, statistics_, 1};
};

TEST_F(EpmStubsTest, TellTheSameHoweverTheStubWasCut) {
  const ByteVector stub = map_response({}, {tcp_tower(kSamr, 1), tcp_tower(kDrsuapi, 2)});
  for (std::size_t size = 1; size <= stub.size(); ++size) say(size, stub, size);
  EXPECT_EQ(observer_.entries, 2 * stub.size());
  EXPECT_EQ(statistics_.mapper_stubs_unreadable, 0u);
}

TEST_F(EpmStubsTest, AFloodOfUnfinishedMessagesStaysWithinTheLimitsAndIsCounted) {
  const ByteVector stub = map_response({}, {tcp_tower(kSamr, 1)});
  for (std::uint64_t name = 0; name < 1000; ++name) say(name, stub, 40, false);
  EXPECT_EQ(statistics_.mapper_stubs_unreadable, 1000u - limits_.mapper_stubs);
  EXPECT_EQ(observer_.entries, 0u);
}

TEST_F(EpmStubsTest, WhatIsNotCompleteAtItsEndIsCounted) {
  const ByteVector stub = map_response({}, {tcp_tower(kSamr, 1)});
  for (std::uint64_t name = 0; name < 5; ++name) say(name, stub, 40, name == 2);
  stubs_.end(1, 3);
  EXPECT_EQ(statistics_.mapper_stubs_unreadable, 2u);
  stubs_.end(0, 4);
  EXPECT_EQ(statistics_.mapper_stubs_unreadable, 4u);
}

TEST_F(EpmStubsTest, AMessageLongerThanItsBufferIsGivenUp) {
  const ByteVector stub(std::size_t{1} << 19);
  say(1, stub, 5000);
  EXPECT_EQ(statistics_.mapper_stubs_unreadable, 1u);
}

}  // namespace
}  // namespace rpcaudit::dissect
