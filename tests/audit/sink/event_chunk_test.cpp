// What is in a chunk stays as it was when it was added, whatever becomes of the originals.

#include "engine/audit/sink/event_chunk.h"

#include <gtest/gtest.h>

#include <string>

namespace rpcaudit::audit {
namespace {

// Notes what it is told as words.
class WordSink : public EventSink {
 public:
  void on_context(const ContextInfo& context, const IdentityText& identity) override {
    note("context", context, identity);
  }
  void on_refused_context(const ContextInfo& context, const RefusedContext&,
                          const IdentityText& identity) override {
    note("refused", context, identity);
  }
  void on_connection(const ConnectionEvent& connection) override {
    words += "connection " + std::to_string(connection.frame.sequence) + "\n";
  }
  void on_call(const ContextInfo& context, const CallEvent& call,
               const IdentityText& identity) override {
    note("call " + std::to_string(call.opnum), context, identity);
  }
  void on_blindness(const dissect::Blindness& blindness) override {
    words += "blindness " + std::to_string(blindness.bytes) + "\n";
  }
  void on_statistics(const StatisticsEvent&) override {}

  std::string words;

 private:
  void note(const std::string& what, const ContextInfo& context, const IdentityText& identity) {
    words += what + " slot " + std::to_string(context.slot) + " " + context.pipe + " " +
             std::string(to_string(context.result)) + " " + std::string(identity.domain) + "\\" +
             std::string(identity.user) + (identity.null_session ? " null\n" : "\n");
  }
};

ContextInfo context_in(std::uint32_t slot, const char* pipe) {
  ContextInfo context;
  context.slot = slot;
  context.pipe = pipe;
  return context;
}

CallEvent call_of(std::uint16_t opnum) {
  CallEvent call;
  call.opnum = opnum;
  return call;
}

std::string all_of(EventChunk& chunk) {
  WordSink sink;
  while (!chunk.empty()) chunk.pass_on(sink);
  return sink.words;
}

TEST(EventChunk, TellsWorkstationsApart) {
  struct WorkstationSink : WordSink {
    void on_call(const ContextInfo&, const CallEvent& call, const IdentityText& identity) override {
      words += std::to_string(call.opnum) + " from " + std::string(identity.workstation) + '\n';
    }
  } sink;
  EventChunk chunk(0, 1);
  const ContextInfo context = context_in(3, "");
  std::string workstation = "PC-1";
  const auto add = [&](std::uint16_t opnum) {
    chunk.add(context, call_of(opnum), IdentityText{"alice", "DOM", false, workstation});
  };
  add(1);
  add(2);
  workstation = "PC-2";
  add(3);
  workstation = "gone";
  while (!chunk.empty()) chunk.pass_on(sink);
  EXPECT_EQ(sink.words, "1 from PC-1\n2 from PC-1\n3 from PC-2\n");
}

TEST(EventChunk, KeepsWhatChangesOrGoesAfterwards) {
  EventChunk chunk(0, 1);
  ContextInfo context = context_in(3, "\\PIPE\\lsarpc");
  std::string user = "alice";
  chunk.add(context, IdentityText{user, "DOM", false});
  context.result = dissect::ContextResult::accepted;
  ++context.revision;
  chunk.add(context, call_of(7), IdentityText{user, "DOM", false});
  user = "bob.b";
  chunk.add(context, call_of(8), IdentityText{user, "DOM", false});
  chunk.add(context, call_of(9), IdentityText{{}, {}, true});
  ++context.generation;
  context.revision = 0;
  context.pipe = "\\PIPE\\samr";
  chunk.add(context, RefusedContext{}, {});
  user = "gone!";
  context.pipe = "gone";
  EXPECT_EQ(all_of(chunk),
            "context slot 3 \\PIPE\\lsarpc unanswered DOM\\alice\n"
            "call 7 slot 3 \\PIPE\\lsarpc accepted DOM\\alice\n"
            "call 8 slot 3 \\PIPE\\lsarpc accepted DOM\\bob.b\n"
            "call 9 slot 3 \\PIPE\\lsarpc accepted \\ null\n"
            "refused slot 3 \\PIPE\\samr accepted \\\n");
}

TEST(EventChunk, HoldsEventsWithoutAContext) {
  EventChunk chunk(0, 1);
  ConnectionEvent connection;
  connection.frame.sequence = 12;
  chunk.add(connection);
  dissect::Blindness blindness;
  blindness.bytes = 99;
  chunk.add(blindness);
  EXPECT_EQ(all_of(chunk), "connection 12\nblindness 99\n");
}

TEST(EventChunk, GivesContextsOfDifferentShardsDifferentSlots) {
  EventChunk first(0, 3);
  EventChunk last(2, 3);
  first.add(context_in(1, "a"), {});
  last.add(context_in(0, "b"), {});
  EXPECT_EQ(all_of(first), "context slot 3 a unanswered \\\n");
  EXPECT_EQ(all_of(last), "context slot 2 b unanswered \\\n");
}

// Contexts that share a place in the table of recent ones are told apart.
TEST(EventChunk, TellsContextsApartOnceCleared) {
  EventChunk chunk(0, 1);
  chunk.add(context_in(1, "first"), {});
  (void)all_of(chunk);
  chunk.clear();
  chunk.add(context_in(65, "other"), {});
  chunk.add(context_in(1, "second"), {});
  chunk.add(context_in(65, "other"), {});
  EXPECT_EQ(all_of(chunk),
            "context slot 65 other unanswered \\\n"
            "context slot 1 second unanswered \\\n"
            "context slot 65 other unanswered \\\n");
}

}  // namespace
}  // namespace rpcaudit::audit
