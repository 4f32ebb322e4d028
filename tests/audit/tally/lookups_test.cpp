// Look-ups at endpoint mappers: judged by what they ask for, and what follows from them.

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/audit/report/endpoint_inventory.h"
#include "engine/audit/report/summary.h"
#include "engine/policy/netsh/netsh_script.h"
#include "tests/audit/audit_feed.h"

namespace rpcaudit::test {
namespace {

constexpr Uuid kEpm = uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa");

// A filter of layer epmap, as the Microsoft page wants it: if_uuid first, then if_version.
std::string epmap_filter(const char* action, const char* more = "") {
  return std::string("rpc\nfilter\nadd rule layer=epmap actiontype=") + action +
         "\nadd condition field=if_uuid matchtype=equal data=" + to_string(kDrsuapi) +
         "\nadd condition field=if_version matchtype=equal data=4\n" + more + "add filter\n";
}
std::string um_filter(const char* action) {
  return std::string("rpc\nfilter\nadd rule layer=um actiontype=") + action +
         "\nadd condition field=if_uuid matchtype=equal data=" + to_string(kEpm) + "\nadd filter\n";
}

dissect::RpcContext mapper_context() {
  dissect::RpcContext context = drsuapi_context();
  context.server.port = 135;
  context.abstract_syntax = dissect::SyntaxId{kEpm, 3, 0};
  return context;
}

dissect::RpcCall map_call(std::uint64_t frame, std::uint32_t slot,
                          std::optional<dissect::SyntaxId> interface) {
  dissect::RpcCall call = call_in(frame, 3, slot);
  call.question.emplace();
  call.question->interface = interface;
  call.question->names_no_interface = !interface;
  call.question->protocol = dissect::TowerProtocol::ncacn_ip_tcp;
  return call;
}

dissect::EndpointEntry answer(std::uint64_t frame, std::uint16_t port) {
  dissect::EndpointEntry entry;
  entry.frame = frame_at(frame, static_cast<std::int64_t>(frame) * 1000);
  entry.client = mapper_context().client;
  entry.mapper = mapper_context().server;
  entry.interface = {kDrsuapi, 4, 0};
  entry.protocol = dissect::TowerProtocol::ncacn_ip_tcp;
  entry.port = port;
  return entry;
}

dissect::RpcCall lookup_call(std::uint64_t frame, std::uint32_t slot,
                             std::optional<dissect::SyntaxId> interface) {
  dissect::RpcCall call = map_call(frame, slot, interface);
  call.opnum = 2;
  call.question->protocol = dissect::TowerProtocol::other;
  return call;
}

dissect::EndpointEntry listed(std::uint64_t frame, std::uint16_t port) {
  dissect::EndpointEntry entry = answer(frame, port);
  entry.source = dissect::EndpointSource::listed;
  return entry;
}

// An audit by a policy, fed call by call.
class LookupsTest : public testing::Test {
 protected:
  static evaluate::ServerPolicies policies_of(const std::string& script) {
    std::vector<policy::Diagnostic> diagnostics;
    policy::Policy policy;
    policy::read_netsh_script(script, "policy.txt", policy, diagnostics);
    return {std::move(policy), evaluate::EvaluationOptions{}};
  }
  // Others judge from here on.
  void go_on_with(const std::string& script) {
    next_.emplace(evaluate::ServerPolicies::following(*policies_, policies_of(script)));
    auditor_->take_over(*next_);
  }
  void use(const std::string& script) {
    policies_.emplace(policies_of(script));
    audit::AuditOptions options;
    options.policies = &*policies_;
    options.write_all = true;
    options.mark_findings = true;
    sink_.emplace(buffer_, &*policies_, nullptr, 4096);
    auditor_.emplace(limits_, options, *sink_);
  }
  void open(dissect::RpcContext context) {
    auditor_->on_context(context);
    context.result = dissect::ContextResult::accepted;
    auditor_->on_context_result(context);
  }
  void call(const dissect::RpcContext& context, const dissect::RpcCall& call) {
    auditor_->on_call(context, call);
    auditor_->on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  }
  // A context at the endpoint that answer() and listed() tell, begun after them, with calls on it.
  void call_there(std::uint32_t calls, std::uint16_t port = 49'153) {
    dissect::RpcContext after = drsuapi_context();
    after.server.port = port;
    after.key.slot = 1;
    after.frame = frame_at(30, 30'000);
    open(after);
    for (std::uint32_t i = 0; i < calls; ++i) call(after, call_in(31 + i, 3, 10 + i));
  }
  std::string records() {
    auditor_->on_watermark(kEnd);
    buffer_.flush();
    return target_.text;
  }

  dissect::Limits limits_;
  StringTarget target_;
  audit::OutputBuffer buffer_{target_, false};
  std::optional<evaluate::ServerPolicies> policies_;
  std::optional<evaluate::ServerPolicies> next_;
  std::optional<audit::JsonSink> sink_;
  std::optional<audit::Auditor> auditor_;
};

// [semantics] 2.3. The page's "Allowed values for the Endpoint Mapper (EPMAP) Layer":
// interface-specific rules.
TEST_F(LookupsTest, AreJudgedByTheInterfaceInsideTheTower) {
  use(epmap_filter("block"));
  open(mapper_context());
  call(mapper_context(), map_call(20, 0, dissect::SyntaxId{kDrsuapi, 4, 0}));
  call(mapper_context(), map_call(22, 1, dissect::SyntaxId{kUnknown, 4, 0}));
  const std::string text = records();
  EXPECT_NE(text.find(R"("event_type":"rpc_audit","schema":1,"frame":20)"), std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("event_type":"rpc_call","schema":1,"frame":22)"), std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("lookup":{"interface":"e3514235-4b06-11d1-ab04-00c04fc2dcd2","version":)"
                      R"("4.0","interface_name":"drsuapi","transport":"ncacn_ip_tcp",)"
                      R"("anonymous":true})"),
            std::string::npos)
      << text;
  EXPECT_EQ(auditor_->tally().lookups_hidden, 1u);
}

// [semantics] 4.2.6.
TEST_F(LookupsTest, ShowTheVerdictsOfBothLayers) {
  use(epmap_filter("block") + um_filter("permit"));
  open(mapper_context());
  call(mapper_context(), map_call(20, 0, dissect::SyntaxId{kDrsuapi, 4, 0}));
  const std::string text = records();
  EXPECT_NE(
      text.find(R"("verdict":{"action":"would_block","control":"rpc_filter","layer":"epmap")"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find(R"({"control":"rpc_filter","layer":"um","action":"would_permit"},)"
                      R"({"control":"rpc_filter","layer":"epmap","action":"would_block"})"),
            std::string::npos)
      << text;
}

TEST_F(LookupsTest, AreStoppedByFiltersOnTheMapperItself) {
  use(epmap_filter("permit") + um_filter("block"));
  open(mapper_context());
  call(mapper_context(), map_call(20, 0, dissect::SyntaxId{kDrsuapi, 4, 0}));
  EXPECT_NE(
      records().find(R"("verdict":{"action":"would_block","control":"rpc_filter","layer":"um")"),
      std::string::npos);
  EXPECT_EQ(auditor_->tally().lookups_hidden, 0u);
}

TEST_F(LookupsTest, ForAllInterfacesAreUndecidable) {
  use(epmap_filter("block"));
  open(mapper_context());
  call(mapper_context(), map_call(20, 0, std::nullopt));
  EXPECT_NE(records().find(R"("action":"undecidable","control":"rpc_filter","layer":"epmap")"),
            std::string::npos);
}

TEST_F(LookupsTest, TellWhichLaterCallsFoundTheirServerByThem) {
  use(epmap_filter("block"));
  dissect::RpcContext before = drsuapi_context();  // did not need the look-up
  before.key.slot = 2;
  open(before);
  open(mapper_context());
  call(mapper_context(), map_call(20, 0, dissect::SyntaxId{kDrsuapi, 4, 0}));
  auditor_->on_endpoint(answer(21, 49'153));

  dissect::RpcContext after = drsuapi_context();
  after.key.slot = 1;
  after.frame = frame_at(30, 30'000);
  open(after);
  dissect::RpcContext elsewhere = after;
  elsewhere.key.slot = 3;
  elsewhere.server.port = 49'999;
  open(elsewhere);
  for (std::uint32_t i = 0; i < 14; ++i) call(after, call_in(31 + i, 3, 10 + i));
  call(before, call_in(60, 3, 40));
  call(elsewhere, call_in(61, 3, 41));

  const audit::AuditTally& tally = auditor_->tally();
  EXPECT_EQ(tally.consequences.calls(false), 14u);
  ASSERT_EQ(tally.consequences.sorted(false).size(), 1u);
  EXPECT_EQ(tally.consequences.sorted(false)[0]->second.lookup.number, 21u);
  EXPECT_EQ(tally.consequences.sorted(false)[0]->second.contexts, 1u);
  const std::string text = audit::summary_text({}, tally, &*policies_);
  EXPECT_NE(text.find("14  calls  10.77.0.21 -> 10.77.0.1  drsuapi at port 49153, looked up in "
                      "frame 21"),
            std::string::npos)
      << text;
}

// What a client has learned stays when other policies take over; a question that still waits is
// forgotten, for its verdict is one of filters that judge no longer.
TEST_F(LookupsTest, WhatWasLearnedOutlivesThePolicies) {
  for (const bool is_answered : {true, false}) {
    use(epmap_filter("block"));
    open(mapper_context());
    call(mapper_context(), map_call(20, 0, dissect::SyntaxId{kDrsuapi, 4, 0}));
    if (is_answered) auditor_->on_endpoint(answer(21, 49'153));
    go_on_with(epmap_filter("permit"));
    if (!is_answered) auditor_->on_endpoint(answer(21, 49'153));
    call_there(3);
    EXPECT_EQ(auditor_->tally().consequences.calls(false), is_answered ? 3u : 0u);
  }
}

// The policies that take over ask their own filters of the next look-up.
TEST_F(LookupsTest, AreJudgedByThePoliciesThatTookOver) {
  use(epmap_filter("permit"));
  open(mapper_context());
  go_on_with(epmap_filter("block"));
  call(mapper_context(), map_call(20, 0, dissect::SyntaxId{kDrsuapi, 4, 0}));
  auditor_->on_endpoint(answer(21, 49'153));
  call_there(2);
  EXPECT_EQ(auditor_->tally().lookups_hidden, 1u);
  EXPECT_EQ(auditor_->tally().consequences.calls(false), 2u);
}

TEST_F(LookupsTest, AnAnswerCountsForAnHour) {
  use(epmap_filter("block"));
  open(mapper_context());
  call(mapper_context(), map_call(20, 0, dissect::SyntaxId{kDrsuapi, 4, 0}));
  auditor_->on_endpoint(answer(21, 49'153));
  dissect::RpcContext after = drsuapi_context();
  after.key.slot = 1;
  after.frame = frame_at(30, 2 * 3600 * kNanosecondsPerSecond);
  open(after);
  call(after, call_in(31, 3, 1));
  EXPECT_EQ(auditor_->tally().consequences.calls(false), 0u);
}

// C706 appendix O: ept_lookup with an interface is asked by name just as ept_map is.
TEST_F(LookupsTest, ByInterfaceAmongAllEndpointsAreFollowedAsWell) {
  use(epmap_filter("block"));
  open(mapper_context());
  call(mapper_context(), lookup_call(20, 0, dissect::SyntaxId{kDrsuapi, 4, 0}));
  auditor_->on_endpoint(listed(21, 49'153));
  call_there(3);
  EXPECT_EQ(auditor_->tally().consequences.calls(false), 3u);
  EXPECT_EQ(auditor_->tally().consequences.calls(true), 0u);
}

// FWPM_LAYER_RPC_EPMAP filters by "the RPC data available during endpoint resolution" (Management
// Filtering Layer Identifiers): no source tells whether it sees the entries of an answer.
TEST_F(LookupsTest, ThatListEverythingAreFollowedApart) {
  use(epmap_filter("block"));
  open(mapper_context());
  call(mapper_context(), lookup_call(20, 0, std::nullopt));
  auditor_->on_endpoint(listed(21, 49'153));
  call_there(3);
  EXPECT_EQ(auditor_->tally().consequences.calls(false), 0u);
  EXPECT_EQ(auditor_->tally().consequences.calls(true), 3u);
  const std::string text = audit::summary_text({}, auditor_->tally(), &*policies_);
  EXPECT_NE(
      text.find("Clients that might no longer locate their server (entries of a listing may be "
                "hidden)\n"
                "           3  calls  10.77.0.21 -> 10.77.0.1  drsuapi at port 49153, listed "
                "in frame 21"),
      std::string::npos)
      << text;
}

TEST_F(LookupsTest, ThatListEverythingHideOnlyWhatFiltersWouldBlockByName) {
  use(epmap_filter("block", "add condition field=remote_addr_v4 matchtype=equal data=10.9.9.9\n"));
  open(mapper_context());
  call(mapper_context(), lookup_call(20, 0, std::nullopt));
  auditor_->on_endpoint(listed(21, 49'153));
  call_there(3);
  EXPECT_EQ(auditor_->tally().consequences.calls(true), 0u);
}

// [MS-RPCE] 2.1.1.1: its endpoint is well known.
TEST_F(LookupsTest, AreNotWhatFindsTheMapper) {
  use(epmap_filter("block"));
  open(mapper_context());
  call(mapper_context(), lookup_call(20, 0, std::nullopt));
  auditor_->on_endpoint(listed(21, 135));
  call_there(3, 135);
  EXPECT_EQ(auditor_->tally().consequences.calls(true), 0u);
}

// The client would have found its server by the listing, too; that it asked by name is certain.
TEST_F(LookupsTest, ByNameCountMoreThanListings) {
  use(epmap_filter("block"));
  open(mapper_context());
  call(mapper_context(), lookup_call(18, 0, std::nullopt));
  auditor_->on_endpoint(listed(19, 49'153));
  call(mapper_context(), map_call(20, 1, dissect::SyntaxId{kDrsuapi, 4, 0}));
  auditor_->on_endpoint(answer(21, 49'153));
  call_there(3);
  EXPECT_EQ(auditor_->tally().consequences.calls(false), 3u);
  EXPECT_EQ(auditor_->tally().consequences.calls(true), 0u);
}

// What was mapped answers no listing, and the other way round.
TEST_F(LookupsTest, AreAnsweredByEntriesOfTheirOwnKind) {
  use(epmap_filter("block"));
  open(mapper_context());
  call(mapper_context(), map_call(20, 0, dissect::SyntaxId{kDrsuapi, 4, 0}));
  auditor_->on_endpoint(listed(21, 49'153));
  call_there(3);
  EXPECT_EQ(auditor_->tally().consequences.calls(false), 0u);
}

// A label for calls whose bind was not seen, until an hour has passed; never a reason to judge.
TEST_F(LookupsTest, LabelLaterCallsOfUnknownInterfaceAndProveNothing) {
  use("add rule um block\nadd condition if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
      "add filter\n");
  auditor_->on_endpoint(answer(21, 49'153));
  dissect::RpcContext midway = drsuapi_context();
  midway.abstract_syntax.reset();
  midway.origin = dissect::ContextOrigin::implied;
  midway.result = dissect::ContextResult::unanswered;
  midway.key.slot = 1;
  midway.frame = frame_at(30, 30'000);
  auditor_->on_context(midway);
  call(midway, call_in(31, 3, 1));
  midway.key.slot = 2;
  midway.frame = frame_at(40, 2 * 3600 * kNanosecondsPerSecond);
  auditor_->on_context(midway);
  call(midway, call_in(41, 3, 2));
  const std::string text = records();
  const std::string label = R"("announced":[{"interface":"e3514235-4b06-11d1-ab04-00c04fc2dcd2",)"
                            R"("version":"4.0","interface_name":"drsuapi"}])";
  const std::size_t at = text.find(label);
  ASSERT_NE(at, std::string::npos) << text;
  EXPECT_EQ(text.find(label, at + 1), std::string::npos) << text;
  EXPECT_EQ(auditor_->tally().count(evaluate::VerdictAction::undecidable), 2u);
}

TEST_F(LookupsTest, AFloodOfAnnouncementsStaysWithinTheLimitsAndIsCounted) {
  use(epmap_filter("block"));
  open(mapper_context());
  call(mapper_context(), map_call(20, 0, dissect::SyntaxId{kDrsuapi, 4, 0}));
  for (std::uint32_t port = 1000; port < 6000; ++port) {
    auditor_->on_endpoint(answer(21, static_cast<std::uint16_t>(port)));
  }
  EXPECT_EQ(auditor_->tally().consequences.endpoints.size(), 4096u);
  EXPECT_EQ(auditor_->tally().consequences.overflow, 5000u - 4096u);
}

std::string table_of(const audit::EndpointInventory& inventory) {
  StringTarget target;
  audit::OutputBuffer buffer(target, false);
  audit::write_endpoints_json(inventory, {}, buffer);
  buffer.flush();
  return target.text;
}

TEST(EndpointInventory, JoinsWhatIsAnnouncedWithWhatIsBound) {
  audit::EndpointInventory inventory{dissect::Limits{}};
  inventory.on_endpoint(answer(5, 49'153));
  EXPECT_NE(table_of(inventory).find(R"("learned":"announced")"), std::string::npos);
  dissect::RpcContext context = drsuapi_context();
  inventory.on_context(context);
  context.result = dissect::ContextResult::accepted;
  inventory.on_context_result(context);
  ASSERT_EQ(inventory.endpoints().size(), 1u);
  const std::string text = table_of(inventory);
  EXPECT_NE(
      text.find(R"("dest_ip":"10.77.0.1","dest_port":49153,"rpc":{"transport":"ncacn_ip_tcp")"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("learned":"both")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("clients":["10.77.0.21"])"), std::string::npos) << text;
}

policy::ListedEndpoint listed_drsuapi(std::uint16_t port) {
  policy::ListedEndpoint listed;
  listed.server = IpAddress::v4(0x0a4d0001);
  listed.protocol = "ncacn_ip_tcp";
  listed.port = port;
  listed.interface = kDrsuapi;
  return listed;
}

TEST(EndpointInventory, MarksWhatAListingNamesWhateverItsVersion) {
  audit::EndpointInventory inventory{dissect::Limits{}};
  inventory.on_endpoint(answer(5, 49'153));
  inventory.note_listed(listed_drsuapi(49'153), {});
  ASSERT_EQ(inventory.endpoints().size(), 1u);
  EXPECT_NE(table_of(inventory).find(R"("learned":"announced","listed":true)"), std::string::npos);
}

TEST(EndpointInventory, KeepsWhatOnlyAListingNamesWithTheTimeOfItsFile) {
  audit::EndpointInventory inventory{dissect::Limits{}};
  inventory.on_endpoint(answer(5, 49'153));
  policy::ListedEndpoint other_version = listed_drsuapi(49'153);
  other_version.version = {{3, 0}};
  inventory.note_listed(other_version, {});
  inventory.note_listed(listed_drsuapi(49'669), {kNanosecondsPerSecond});
  EXPECT_EQ(inventory.endpoints().size(), 3u);
  const std::string text = table_of(inventory);
  EXPECT_NE(text.find(R"("dest_port":49669,"rpc":{"transport":"ncacn_ip_tcp","interface":"e35)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("learned":"listed","listed":true,"first_seen":"1970-01-01T00:00:01)"),
            std::string::npos)
      << text;
}

TEST(EndpointInventory, TakesPipesForTheSameWhateverTheirCaseAndPrefix) {
  audit::EndpointInventory inventory{dissect::Limits{}};
  dissect::EndpointEntry entry = answer(5, 0);
  entry.port.reset();
  entry.protocol = dissect::TowerProtocol::ncacn_np;
  entry.name = "\\pipe\\lsass";
  inventory.on_endpoint(entry);
  dissect::RpcContext context = drsuapi_context();
  context.protocol = dissect::ProtocolSequence::ncacn_np;
  context.pipe = "\\PIPE\\LSASS";
  inventory.on_context(context);
  context.result = dissect::ContextResult::accepted;
  inventory.on_context_result(context);
  EXPECT_EQ(inventory.endpoints().size(), 1u);
}

TEST(EndpointInventory, LeavesOutWhatWasRejectedOrRemoved) {
  audit::EndpointInventory inventory{dissect::Limits{}};
  dissect::EndpointEntry entry = answer(5, 1);
  entry.source = dissect::EndpointSource::removed;
  inventory.on_endpoint(entry);
  dissect::RpcContext context = drsuapi_context();
  inventory.on_context(context);
  context.result = dissect::ContextResult::rejected;
  inventory.on_context_result(context);
  EXPECT_TRUE(inventory.endpoints().empty());
}

TEST(EndpointInventory, HoldsABoundedNumberAndCountsTheRest) {
  audit::EndpointInventory inventory{dissect::Limits{}};
  dissect::EndpointEntry entry = answer(5, 1);
  for (std::uint32_t i = 0; i < (1u << 16) + 100; ++i) {
    entry.mapper.address = IpAddress::v4(i);
    inventory.on_endpoint(entry);
  }
  EXPECT_EQ(inventory.endpoints().size(), 1u << 16);
  EXPECT_EQ(inventory.overflow(), 100u);
}

}  // namespace
}  // namespace rpcaudit::test
