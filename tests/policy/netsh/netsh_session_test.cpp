// A session that somebody sits in front of: one command at a time, with answers.

#include "engine/policy/netsh/netsh_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/policy/netsh/netsh_help.h"
#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/netsh/printer.h"

namespace rpcaudit::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = NetshEffect::Kind;

constexpr Uuid kKey = uuid("11111111-2222-3333-4444-555555555555");

class LiveSession : public testing::Test {
 protected:
  LiveSession() : reporter_(diagnostics_) {
    policy_.files.emplace_back("console");
    NetshSessionOptions options;
    options.live = true;
    options.make_key = [] { return kKey; };
    session_.emplace(policy_, 0, reporter_, std::move(options));
  }

  // The effects of a command given as a shell gives it, by kind.
  std::vector<Kind> run(const std::vector<std::string>& arguments) {
    session_->run(script_line(arguments, 0));
    std::vector<Kind> kinds;
    for (const NetshEffect& effect : session_->effects()) kinds.push_back(effect.kind);
    return kinds;
  }

  std::vector<std::string> codes() const {
    std::vector<std::string> codes;
    for (const Diagnostic& diagnostic : diagnostics_) codes.push_back(diagnostic.code);
    return codes;
  }

  Policy policy_;
  std::vector<Diagnostic> diagnostics_;
  Reporter reporter_;
  std::optional<NetshSession> session_;
};

// [semantics] 1.1.5.
TEST_F(LiveSession, BuildsAFilterCommandByCommand) {
  EXPECT_THAT(run({"rpc", "filter", "add", "rule", "layer=um", "actiontype=block"}),
              ElementsAre(Kind::rule_added));
  ASSERT_NE(session_->pending(), nullptr);
  EXPECT_THAT(run({"rpc", "filter", "add", "condition", "opnum", "equal", "3"}),
              ElementsAre(Kind::condition_added));
  EXPECT_THAT(run({"rpc", "filter", "add", "filter"}), ElementsAre(Kind::filter_added));
  EXPECT_EQ(session_->effects()[0].key, kKey);
  ASSERT_EQ(policy_.filters.size(), 1u);
  EXPECT_FALSE(policy_.filters[0].key_generated);
  EXPECT_EQ(session_->pending(), nullptr);
  EXPECT_THAT(codes(), IsEmpty());
}

TEST_F(LiveSession, KeepsThePendingRuleWhenACommandIsRefused) {
  run({"rpc", "filter"});
  EXPECT_EQ(session_->context(), NetshContext::filter);
  run({"add", "rule", "um", "block"});
  EXPECT_THAT(run({"add", "condition", "opnum", "equal", "many"}), IsEmpty());
  EXPECT_THAT(run({"add", "rule", "nowhere", "block"}), IsEmpty());
  run({"add", "condition", "opnum", "equal", "3"});
  EXPECT_THAT(run({"add", "filter", "now"}), IsEmpty());
  EXPECT_THAT(run({"add", "filter"}), ElementsAre(Kind::filter_added));
  EXPECT_EQ(describe(policy_.filters.at(0)), "block um opnum=3");
  EXPECT_THAT(codes(), ElementsAre("bad-number", "unknown-layer", "unexpected-argument"));
}

TEST_F(LiveSession, GivesThePendingRuleToAnotherSessionAsCommands) {
  run({"rpc", "filter", "add", "rule", "um", "permit", "audit=enable"});
  run({"rpc", "filter", "add", "condition", "image_name", "equal", "smy program.exe"});
  const std::string commands = print_netsh_rule(session_->pending()->filter);
  EXPECT_EQ(commands,
            "add rule layer=um actiontype=permit audit=enable\n"
            "add condition field=image_name matchtype=equal data=\"smy program.exe\"\n");
  Policy other;
  std::vector<Diagnostic> diagnostics;
  read_netsh_script("rpc filter\n" + commands + "add filter\n", "again", other, diagnostics);
  ASSERT_EQ(other.filters.size(), 1u);
  EXPECT_EQ(describe(other.filters[0]), "permit um image_name=my program.exe audit");
}

TEST_F(LiveSession, DeletesOneFilterAllFiltersOrTheRule) {
  for (int i = 0; i < 2; ++i) {
    run({"rpc", "filter", "add", "rule", "um", "block"});
    run({"rpc", "filter", "add", "condition", "opnum", "equal", "3"});
    run({"rpc", "filter", "add", "filter"});
  }
  policy_.filters[1].key = uuid("21111111-2222-3333-4444-555555555555");
  EXPECT_THAT(run({"rpc", "filter", "delete", "filter", to_string(kKey)}),
              ElementsAre(Kind::filters_deleted));
  EXPECT_EQ(session_->effects()[0].count, 1u);
  EXPECT_EQ(session_->effects()[0].key, kKey);
  EXPECT_THAT(run({"rpc", "filter", "delete", "filter", "filterkey=all"}),
              ElementsAre(Kind::filters_deleted));
  EXPECT_TRUE(policy_.filters.empty());
  EXPECT_TRUE(session_->effects()[0].key.is_nil());
  run({"rpc", "filter", "add", "rule", "um", "block"});
  EXPECT_THAT(run({"rpc", "filter", "delete", "rule"}), ElementsAre(Kind::rule_deleted));
  EXPECT_EQ(session_->effects()[0].count, 1u);
  EXPECT_EQ(session_->pending(), nullptr);
}

TEST_F(LiveSession, MovesThroughContexts) {
  EXPECT_THAT(run({"rpc"}), ElementsAre(Kind::context_entered));
  EXPECT_EQ(session_->context(), NetshContext::rpc);
  run({"filter"});
  EXPECT_EQ(session_->context(), NetshContext::filter);
  run({"pushd"});
  run({".."});
  EXPECT_EQ(session_->context(), NetshContext::rpc);
  run({"popd"});
  EXPECT_EQ(session_->context(), NetshContext::filter);
  EXPECT_THAT(run({"bye"}), ElementsAre(Kind::left));
}

TEST_F(LiveSession, AnswersShow) {
  EXPECT_THAT(run({"rpc", "filter", "show", "filter"}), ElementsAre(Kind::filters_shown));
  EXPECT_THAT(run({"rpc", "filter", "show", "rule"}), IsEmpty());
  EXPECT_THAT(codes(), ElementsAre("unknown-command"));
}

struct HelpCase {
  std::vector<std::string> words;
  NetshTopic topic;
};

const HelpCase kHelpCases[] = {
    {{"/?"}, NetshTopic::root},
    {{"rpc", "/?"}, NetshTopic::rpc},
    {{"rpc", "filter", "/?"}, NetshTopic::filter},
    {{"rpc", "filter", "?"}, NetshTopic::filter},
    {{"rpc", "filter", "add", "/?"}, NetshTopic::add},
    {{"rpc", "filter", "add", "rule", "/?"}, NetshTopic::add_rule},
    {{"rpc", "filter", "add", "rule", "layer=um", "/?"}, NetshTopic::add_rule},
    {{"rpc", "filter", "add", "condition", "/?"}, NetshTopic::add_condition},
    {{"rpc", "filter", "add", "filter", "/?"}, NetshTopic::add_filter},
    {{"rpc", "filter", "delete", "help"}, NetshTopic::remove},
    {{"rpc", "filter", "delete", "rule", "/?"}, NetshTopic::delete_rule},
    {{"rpc", "filter", "Delete", "Filter", "/?"}, NetshTopic::delete_filter},
    {{"rpc", "filter", "show", "/?"}, NetshTopic::show},
    {{"rpc", "filter", "show", "filter", "/?"}, NetshTopic::show_filter},
};

// [semantics] 1.1.12.
TEST_F(LiveSession, AnswersHelpAtEveryLevel) {
  for (const HelpCase& row : kHelpCases) {
    EXPECT_THAT(run(row.words), ElementsAre(Kind::help_wanted)) << row.words.back();
    EXPECT_EQ(session_->effects()[0].topic, row.topic);
    EXPECT_FALSE(netsh_help(row.topic).empty());
  }
  EXPECT_THAT(codes(), IsEmpty());
  EXPECT_TRUE(policy_.filters.empty());
}

}  // namespace
}  // namespace rpcaudit::policy
