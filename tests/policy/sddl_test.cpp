#include "engine/policy/sddl.h"

#include <gtest/gtest.h>

namespace rpcaudit::policy {
namespace {

struct Valid {
  const char* text;
  bool has_dacl;
  std::vector<AccessEntry> entries;
  std::size_t remarks = 0;
};

const Valid kValid[] = {
    {"D:(A;;CC;;;BA)", true, {{true, 0x1, "BA"}}},
    {"D:(a;;cc;;;ba)", true, {{true, 0x1, "BA"}}},
    {"D:(A;;CC;;;DC)(A;;CC;;;AU)", true, {{true, 0x1, "DC"}, {true, 0x1, "AU"}}},
    {"D:(D;;CC;;;AN)(A;;CC;;;WD)", true, {{false, 0x1, "AN"}, {true, 0x1, "WD"}}},
    {"O:BAG:SYD:PAI(A;;KA;;;SY)S:(AU;SAFA;GA;;;WD)", true, {{true, 0xf003f, "SY"}}},
    {"O:S-1-5-21-1-2-3-500D:(A;;CC;;;S-1-5-21-1-2-3-512)",
     true,
     {{true, 0x1, "S-1-5-21-1-2-3-512"}}},
    {"D:(A;;RC;;;BA)", true, {{true, 0x20000, "BA"}}},
    {"D:(A;;GA;;;BA)", true, {{true, 0x20001, "BA"}}},
    {"D:(A;;GX;;;BA)", true, {{true, 0x20001, "BA"}}},
    {"D:(A;;GRGW;;;BA)", true, {{true, 0x20000, "BA"}}},
    {"D:(A;;0x10000000;;;BA)", true, {{true, 0x20001, "BA"}}},
    {"D:(A;;FA;;;BA)", true, {{true, 0x1f01ff, "BA"}}},
    {"D:(A;;FR;;;BA)", true, {{true, 0x120089, "BA"}}},
    {"D:(A;;0x1;;;S-1-1-0)", true, {{true, 0x1, "WD"}}},
    {"D:(A;;1;;;S-1-5-7)", true, {{true, 0x1, "AN"}}},
    {"D:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;S-1-5-11)", true, {{true, 0xf01ff, "AU"}}},
    {"D:(A;CI;CC;;;S-1-5-32-544) (A;;CC;;;SY) ", true, {{true, 0x1, "BA"}, {true, 0x1, "SY"}}},
    {"D:(OA;;CC;bf967aba-0de6-11d0-a285-00aa003049e2;;BA)", true, {{true, 0x1, "BA", true}}, 1},
    {"D:(XA;;CC;;;AU;(Member_of {SID(BA)}))", true, {{true, 0x1, "AU", true}}, 1},
    {"D:(A;IO;CC;;;BA)", true, {}, 1},
    {"D:", true, {}},
    {"D:P", true, {}},
    {"D:NO_ACCESS_CONTROL", false, {}},
    {"O:BA", false, {}},
    {"S:(AU;SA;GA;;;WD)", false, {}},
};

TEST(Sddl, KeepsTheEntriesOfTheDacl) {
  for (const Valid& row : kValid) {
    const SddlResult result = parse_sddl(row.text);
    EXPECT_TRUE(result.ok) << row.text << ": " << result.error;
    EXPECT_EQ(result.descriptor.text, row.text);
    EXPECT_EQ(result.descriptor.has_dacl, row.has_dacl) << row.text;
    EXPECT_EQ(result.descriptor.entries, row.entries) << row.text;
    EXPECT_EQ(result.remarks.size(), row.remarks) << row.text;
  }
}

struct Invalid {
  const char* text;
  std::size_t offset;
  const char* error;
};

constexpr Invalid kInvalid[] = {
    {"", 0, "a security descriptor is expected"},
    {"BA", 0, "`O:`, `G:`, `D:` or `S:` is expected"},
    {"X:(A;;CC;;;BA)", 0, "`O:`, `G:`, `D:` or `S:` is expected"},
    {"D", 0, "`O:`, `G:`, `D:` or `S:` is expected"},
    {"D:(A;;CC;;;BA)D:", 14, "a part stands twice"},
    {"D:x", 2, "an access control entry in parentheses is expected"},
    {"D:(A;;CC;;;BA", 2, "`)` is missing"},
    {"D:(A;;CC;;BA)", 2, "an entry has six parts separated by `;`"},
    {"D:(B;;CC;;;BA)", 3, "unknown entry type `B`"},
    {"D:(A;ZZ;CC;;;BA)", 5, "unknown entry flag `ZZ`"},
    {"D:(A;;CCX;;;BA)", 8, "unknown right `X`"},
    {"D:(A;;0xGG;;;BA)", 6, "bad access mask `0xGG`"},
    {"D:(A;;0x100000000;;;BA)", 6, "bad access mask `0x100000000`"},
    {"D:(A;;CC;;;XX)", 11, "unknown trustee `XX`"},
    {"D:(A;;CC;;;)", 11, "unknown trustee ``"},
    {"D:(A;;CC;;;S-1-5-)", 11, "unknown trustee `S-1-5-`"},
    {"D:(A;;CC;;;S-2-5-7)", 11, "unknown trustee `S-2-5-7`"},
    {"D:(A;;CC;;;S-1-5-4294967296)", 11, "unknown trustee `S-1-5-4294967296`"},
    {"D:(AU;;CC;;;BA)", 3, "entry type `AU` belongs into `S:`"},
    {"O:", 2, "unknown trustee ``"},
    {"O::", 2, "unknown trustee ``"},
};

TEST(Sddl, ErrorsNameTheOffset) {
  for (const Invalid& row : kInvalid) {
    const SddlResult result = parse_sddl(row.text);
    EXPECT_FALSE(result.ok) << row.text;
    EXPECT_EQ(result.error, row.error) << row.text;
    EXPECT_EQ(result.error_offset, row.offset) << row.text;
    EXPECT_TRUE(result.descriptor.entries.empty()) << row.text;
  }
}

TEST(Sddl, EveryPrefixOfADescriptorIsReadWithoutHarm) {
  const std::string_view text =
      "O:BAG:S-1-5-18D:PAI(D;CIIO;0x1F;;;WD)(XA;;KA;;;AU;(Member_of {SID(BA)}))S:(AU;SAFA;GA;;;WD)";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const SddlResult result = parse_sddl(text.substr(0, size));
    EXPECT_EQ(result.ok, result.error.empty());
    EXPECT_LE(result.error_offset, size);
  }
}

}  // namespace
}  // namespace rpcaudit::policy
