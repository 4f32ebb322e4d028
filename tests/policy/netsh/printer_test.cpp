#include "engine/policy/netsh/printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "engine/policy/listings/show_filter.h"
#include "engine/policy/netsh/rule_name.h"
#include "engine/policy/policy_text.h"
#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

using testing::IsEmpty;

TEST(RuleName, IsTheCommentDirectlyAboveTheRule) {
  const ReadPolicy read = read_policy(
      "# header\n\n"
      "rem Only the first line\n:: and not the second\n"
      "add rule um block\nadd condition opnum equal 1\nadd filter\n"
      "add rule um block\nadd condition opnum equal 2\nadd filter\n");
  ASSERT_EQ(read.policy.filters.size(), 2u);
  EXPECT_EQ(rule_name(read.policy.filters[0]), "Only the first line");
  EXPECT_TRUE(rule_name(read.policy.filters[1]).starts_with("block-um-"));
}

TEST(RuleName, OfAFilterWithoutOneFollowsFromWhatItSays) {
  const std::string rule = "add rule um block\nadd condition opnum equal 2\nadd filter\n";
  const std::string other = "add rule um permit\nadd condition opnum equal 3\nadd filter\n";
  const Filter alone = read_policy(rule).policy.filters.at(0);
  const Policy moved = read_policy(other + rule).policy;
  EXPECT_EQ(rule_name(moved.filters.at(1)), rule_name(alone));
  EXPECT_NE(rule_name(moved.filters.at(0)), rule_name(alone));
}

TEST(Printer, WritesTheCanonicalScript) {
  const ReadPolicy read = read_policy(
      "add rule Um Block {11111111-2222-3333-4444-555555555555} volatile Enabled\n"
      "add condition if_uuid equals E3514235-4B06-11D1-AB04-00C04FC2DCD2\n"
      "add condition opnum range 3 - 5\n"
      "add condition protocol equal 1\n"
      "add condition if_flag any_set 1\n"
      "add condition remote_addr_v4 equal 192.168.1.1\n"
      "add condition remote_addr_v6 equal FE80:0::1\n"
      "add condition image_name equal \"smy program.exe\"\n"
      "add filter\n"
      "add rule proxy_conn permit\nadd condition server_name equal w\xc3\xa4\nadd filter\n");
  EXPECT_EQ(print_netsh_script(read.policy),
            "rpc filter\n"
            "\n"
            "add rule layer=um actiontype=block filterkey=11111111-2222-3333-4444-555555555555 "
            "persistence=volatile audit=enable\n"
            "add condition field=if_uuid matchtype=equal "
            "data=e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
            "add condition field=opnum matchtype=range data=3,5\n"
            "add condition field=protocol matchtype=equal data=ncacn_ip_tcp\n"
            "add condition field=if_flag matchtype=any_set data=0x00000001\n"
            "add condition field=remote_addr_v4 matchtype=equal data=0xC0A80101\n"
            "add condition field=remote_addr_v6 matchtype=equal data=fe80::1\n"
            "add condition field=image_name matchtype=equal data=\"smy program.exe\"\n"
            "add filter\n"
            "\n"
            "add rule layer=proxy_conn actiontype=permit\n"
            "add condition field=server_name matchtype=equal data=w\xc3\xa4\n"
            "add filter\n");
}

TEST(Printer, DescribesAFilterInOneLine) {
  const ReadPolicy read = read_policy(
      "add rule um permit audit=enable\nadd condition auth_level less 6\n"
      "add condition opnum range 1-3\nadd condition if_flag all_set 1\nadd filter\n");
  EXPECT_EQ(read.filters().at(0),
            "permit um auth_level<6 opnum=1..3 if_flag all_set 0x00000001 audit");
}

// Policies of every shape that the types allow, from a seed.
class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  Policy policy() {
    Policy policy;
    policy.files.emplace_back("generated");
    for (std::uint32_t i = below(4); i > 0; --i) policy.filters.push_back(filter());
    return policy;
  }

 private:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  Filter filter() {
    Filter filter;
    filter.layer = static_cast<Layer>(below(kLayerCount));
    filter.action = static_cast<Action>(below(3));
    filter.key_generated = below(2) == 0;
    filter.key = uuid_value();
    filter.key.bytes[0] |= 1;
    filter.persistent = below(2) == 0;
    filter.audit = below(2) == 0;
    filter.audit_parameters = below(2) == 0;
    for (std::uint32_t i = below(6); i > 0; --i)
      filter.conditions.push_back(condition(filter.layer));
    return filter;
  }

  Condition condition(Layer layer) {
    Condition condition;
    do {
      condition.field = static_cast<Field>(below(kFieldCount));
    } while (!legal_on(condition.field, layer));
    const FieldType type = info(condition.field).type;
    do {
      condition.match = static_cast<MatchType>(below(kMatchTypeCount));
    } while (!legal_for(condition.match, type));
    condition.data = data(type, condition.match == MatchType::range);
    return condition;
  }

  ConditionData data(FieldType type, bool is_range) {
    switch (type) {
      case FieldType::uint8:
      case FieldType::protocol: return ends<NumberRange>(is_range, number(0xff));
      case FieldType::uint16: return ends<NumberRange>(is_range, number(0xffff));
      case FieldType::uint32: return ends<NumberRange>(is_range, number(0xffffffff));
      case FieldType::uuid: return ends<UuidRange>(is_range, [this] { return uuid_value(); });
      case FieldType::address_v4:
        return ends<AddressRange>(
            is_range, [this] { return IpAddress::v4(static_cast<std::uint32_t>(random_())); });
      case FieldType::address_v6:
        return ends<AddressRange>(is_range, [this] { return IpAddress{uuid_value().bytes}; });
      case FieldType::blob: return ends<TextRange>(is_range, [this] { return text(); });
      case FieldType::security_descriptor: break;
    }
    constexpr std::string_view kDescriptors[] = {"D:(A;;CC;;;BA)", "D:(D;;GA;;;AN)(A;;CC;;;WD)",
                                                 "O:BAD:", "G:SY"};
    return parse_sddl(kDescriptors[below(4)]).descriptor;
  }

  template <typename Range, typename MakeEnd>
  Range ends(bool is_range, MakeEnd make_end) {
    Range range;
    range.low = make_end();
    range.high = range.low;
    if (is_range) range.high = make_end();
    if (range.high < range.low) std::swap(range.low, range.high);
    return range;
  }

  std::function<std::uint64_t()> number(std::uint64_t max) {
    return [this, max] { return below(4) == 0 ? std::uint64_t{below(6)} : random_() & max; };
  }

  Uuid uuid_value() {
    Uuid uuid;
    for (std::uint8_t& byte : uuid.bytes) byte = static_cast<std::uint8_t>(random_());
    return uuid;
  }

  std::string text() {
    constexpr std::string_view kPieces[] = {"\\PIPE\\", "s", "w",        "a-b",   " ", "^", "`",
                                            "'",        "=", "\xc3\xa4", "range", "x", "\\"};
    std::string text = "n";
    for (std::uint32_t i = below(5); i > 0; --i) text += kPieces[below(std::size(kPieces))];
    return text;
  }

  std::mt19937 random_;
};

TEST(PrinterProperty, WhatIsPrintedReadsBackWithTheSameMeaning) {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    const Policy policy = Generator(seed).policy();
    const std::string script = print_netsh_script(policy);
    const ReadPolicy read = read_policy(script);
    ASSERT_EQ(read.policy.filters.size(), policy.filters.size()) << seed << '\n' << script;
    for (std::size_t i = 0; i < policy.filters.size(); ++i) {
      ASSERT_TRUE(same_meaning(read.policy.filters[i], policy.filters[i])) << seed << '\n'
                                                                           << script;
    }
    EXPECT_EQ(print_netsh_script(read.policy), script) << seed;
  }
}

// What a listing cannot hold is made plain first: persistence, parameters, blanks at the end.
void make_listable(Filter& filter) {
  filter.persistent = true;
  filter.audit_parameters = false;
  filter.key_generated = false;
  for (Condition& condition : filter.conditions) {
    auto* text = std::get_if<TextRange>(&condition.data);
    if (text == nullptr) continue;
    text->low += '.';
    text->high = condition.match == MatchType::range ? text->high + '.' : text->low;
    if (text->high < text->low) std::swap(text->low, text->high);
  }
}

TEST(ListingProperty, WhatIsListedReadsBackWithTheSameMeaning) {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    Policy policy = Generator(seed).policy();
    for (Filter& filter : policy.filters) make_listable(filter);
    const std::string listing = print_show_filter(policy);
    Policy read;
    std::vector<Diagnostic> diagnostics;
    read_policy(listing, "listing", read, diagnostics);
    ASSERT_EQ(read.filters.size(), policy.filters.size()) << seed << '\n' << listing;
    for (std::size_t i = 0; i < policy.filters.size(); ++i) {
      ASSERT_TRUE(same_meaning(read.filters[i], policy.filters[i])) << seed << '\n' << listing;
    }
    EXPECT_EQ(print_show_filter(read), listing) << seed;
  }
}

TEST(SameMeaning, IgnoresPlacesAndSpellings) {
  const ReadPolicy a = read_policy(block_um("field=opnum matchtype=equal data=16"));
  const ReadPolicy b = read_policy("\n\n" + block_um("opnum equals 0x10"));
  const ReadPolicy c = read_policy(block_um("opnum equal 17"));
  EXPECT_TRUE(same_meaning(a.policy.filters[0], b.policy.filters[0]));
  EXPECT_FALSE(same_meaning(a.policy.filters[0], c.policy.filters[0]));
  EXPECT_FALSE(same_effect(a.policy.filters[0], c.policy.filters[0]));
}

}  // namespace
}  // namespace rpcaudit::policy
