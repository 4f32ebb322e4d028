#include "engine/policy/sddl.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

struct Right {
  std::string_view name;
  std::uint32_t mask;
};

// [MS-DTYP] 2.5.1.1; the letters of directory objects first, as they are the ones in use here.
constexpr Right kRights[] = {
    {"CC", 0x1},        {"DC", 0x2},        {"LC", 0x4},        {"SW", 0x8},
    {"RP", 0x10},       {"WP", 0x20},       {"DT", 0x40},       {"LO", 0x80},
    {"CR", 0x100},      {"SD", 0x10000},    {"RC", 0x20000},    {"WD", 0x40000},
    {"WO", 0x80000},    {"GA", 0x10000000}, {"GX", 0x20000000}, {"GW", 0x40000000},
    {"GR", 0x80000000}, {"FA", 0x1f01ff},   {"FR", 0x120089},   {"FW", 0x120116},
    {"FX", 0x1200a0},   {"KA", 0xf003f},    {"KR", 0x20019},    {"KW", 0x20006},
    {"KX", 0x20019},    {"NR", 0x2},        {"NW", 0x1},        {"NX", 0x4},
};

// What the generic rights mean for a filter condition: only `all` and `execute` include the match
// right; read and write are no more than READ_CONTROL.
constexpr std::uint32_t kReadControl = 0x20000;
constexpr Right kGenericRights[] = {
    {"GA", kReadControl | kMatchFilterRight},
    {"GX", kReadControl | kMatchFilterRight},
    {"GW", kReadControl},
    {"GR", kReadControl},
};

constexpr std::string_view kAliases[] = {
    "AA", "AC", "AN", "AO", "AP", "AS", "AU", "BA", "BG", "BO", "BU", "CA", "CD", "CG",
    "CN", "CO", "CY", "DA", "DC", "DD", "DG", "DU", "EA", "ED", "EK", "ER", "ES", "HA",
    "HI", "IS", "IU", "KA", "LA", "LG", "LS", "LU", "LW", "ME", "MP", "MS", "MU", "NO",
    "NS", "NU", "OW", "PA", "PO", "PS", "PU", "RA", "RC", "RD", "RE", "RM", "RO", "RS",
    "RU", "SA", "SI", "SO", "SS", "SU", "SY", "UD", "WD", "WR"};

// [MS-DTYP] 2.4.2.4 and 2.5.1.1.
constexpr std::pair<std::string_view, std::string_view> kWellKnownSids[] = {
    {"S-1-1-0", "WD"},
    {"S-1-3-0", "CO"},
    {"S-1-3-1", "CG"},
    {"S-1-3-4", "OW"},
    {"S-1-5-2", "NU"},
    {"S-1-5-4", "IU"},
    {"S-1-5-6", "SU"},
    {"S-1-5-7", "AN"},
    {"S-1-5-9", "ED"},
    {"S-1-5-10", "PS"},
    {"S-1-5-11", "AU"},
    {"S-1-5-12", "RC"},
    {"S-1-5-18", "SY"},
    {"S-1-5-19", "LS"},
    {"S-1-5-20", "NS"},
    {"S-1-5-33", "WR"},
    {"S-1-5-32-544", "BA"},
    {"S-1-5-32-545", "BU"},
    {"S-1-5-32-546", "BG"},
    {"S-1-5-32-547", "PU"},
    {"S-1-5-32-548", "AO"},
    {"S-1-5-32-549", "SO"},
    {"S-1-5-32-550", "PO"},
    {"S-1-5-32-551", "BO"},
    {"S-1-5-32-552", "RE"},
    {"S-1-5-32-554", "RU"},
    {"S-1-5-32-555", "RD"},
    {"S-1-5-32-556", "NO"},
    {"S-1-5-32-558", "MU"},
    {"S-1-5-32-559", "LU"},
    {"S-1-5-32-568", "IS"},
    {"S-1-5-32-569", "CY"},
    {"S-1-5-32-573", "ER"},
    {"S-1-5-32-574", "CD"},
    {"S-1-5-32-575", "RA"},
    {"S-1-5-32-576", "ES"},
    {"S-1-5-32-577", "MS"},
    {"S-1-5-32-578", "HA"},
    {"S-1-5-32-579", "AA"},
    {"S-1-5-32-580", "RM"},
    {"S-1-15-2-1", "AC"},
    {"S-1-16-4096", "LW"},
    {"S-1-16-8192", "ME"},
    {"S-1-16-8448", "MP"},
    {"S-1-16-12288", "HI"},
    {"S-1-16-16384", "SI"},
    {"S-1-18-1", "AS"},
    {"S-1-18-2", "SS"},
    {"S-1-5-84-0-0-0-0-0", "UD"},
};

enum class EntryKind : std::uint8_t { allow, deny, system };

struct EntryType {
  std::string_view name;
  EntryKind kind;
  bool conditional;
};

constexpr EntryType kEntryTypes[] = {
    {"A", EntryKind::allow, false},   {"D", EntryKind::deny, false},
    {"OA", EntryKind::allow, true},   {"OD", EntryKind::deny, true},
    {"XA", EntryKind::allow, true},   {"XD", EntryKind::deny, true},
    {"ZA", EntryKind::allow, true},   {"AU", EntryKind::system, false},
    {"OU", EntryKind::system, false}, {"XU", EntryKind::system, false},
    {"AL", EntryKind::system, false}, {"OL", EntryKind::system, false},
    {"ML", EntryKind::system, false}, {"RA", EntryKind::system, false},
    {"SP", EntryKind::system, false}, {"TL", EntryKind::system, false},
    {"FL", EntryKind::system, false},
};

constexpr std::string_view kEntryFlags[] = {"CI", "OI", "NP", "IO", "ID", "SA", "FA", "CR", "TP"};

bool is_one_of(std::string_view text, std::span<const std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [text](std::string_view name) { return equal_ignoring_case(text, name); });
}

// A number of at most 32 bits: 0x hexadecimal, leading-zero octal, or decimal.
std::optional<std::uint32_t> parse_mask(std::string_view text) noexcept {
  int base = 10;
  if (starts_with_ignoring_case(text, "0x")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.front() == '0') {
    base = 8;
  }
  std::uint32_t mask = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mask, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return mask;
}

std::uint32_t map_generic(std::uint32_t mask) noexcept {
  std::uint32_t mapped = mask & 0x0fff'ffffu;
  for (std::size_t i = 0; i < std::size(kGenericRights); ++i) {
    if ((mask & 0x1000'0000u << i) != 0) mapped |= kGenericRights[i].mask;
  }
  return mapped;
}

// S-1-authority{-subauthority}, up to fifteen of them ([MS-DTYP] 2.4.2.1).
bool is_sid(std::string_view text) {
  if (!starts_with_ignoring_case(text, "S-1-")) return false;
  text.remove_prefix(4);
  for (std::size_t count = 0; count < 16; ++count) {
    const std::size_t dash = text.find('-');
    const std::string_view number = text.substr(0, dash);
    std::uint64_t value = 0;
    const bool is_hex = count == 0 && starts_with_ignoring_case(number, "0x");
    const char* begin = number.data() + (is_hex ? 2 : 0);
    const char* end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(begin, end, value, is_hex ? 16 : 10);
    const std::uint64_t value_max = count == 0 ? 0xffff'ffff'ffffu : 0xffff'ffffu;
    if (error != std::errc() || stop != end || value > value_max) return false;
    if (dash == std::string_view::npos) return true;
    text.remove_prefix(dash + 1);
  }
  return false;
}

std::string upper_case(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

// Walks the text once; the first thing that is wrong ends it.
class SddlReader {
 public:
  SddlReader(std::string_view text, SddlResult& result) : text_(text), result_(result) {}

  void read() {
    skip_spaces();
    if (at_ == text_.size()) return fail(at_, "a security descriptor is expected");
    while (at_ < text_.size() && result_.error.empty()) read_part();
    result_.ok = result_.error.empty();
  }

 private:
  void fail(std::size_t offset, std::string message) {
    if (!result_.error.empty()) return;
    result_.error_offset = offset;
    result_.error = std::move(message);
  }

  void remark(std::size_t offset, std::string message) {
    result_.remarks.push_back({offset, std::move(message)});
  }

  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  // `O:`, `G:`, `D:` or `S:` and what belongs to it.
  void read_part() {
    const std::size_t start = at_;
    const char part = upper_case(text_.substr(at_, 1))[0];
    const bool known = part == 'O' || part == 'G' || part == 'D' || part == 'S';
    if (!known || at_ + 1 >= text_.size() || text_[at_ + 1] != ':') {
      return fail(start, "`O:`, `G:`, `D:` or `S:` is expected");
    }
    if (std::exchange(seen_[part - 'D'], true)) return fail(start, "a part stands twice");
    at_ += 2;
    skip_spaces();
    if (part == 'O' || part == 'G') {
      read_part_trustee();
    } else {
      read_list(part == 'D');
    }
    skip_spaces();
  }

  // The trustee of an owner or group ends where the next part begins.
  void read_part_trustee() {
    const std::size_t start = at_;
    std::size_t end = text_.find(':', at_);
    end = end == std::string_view::npos ? text_.size() : end - 1;
    end = std::max(end, start);
    at_ = end;
    (void)read_trustee(text_.substr(start, end - start), start);
  }

  void read_list(bool is_dacl) {
    if (is_dacl) result_.descriptor.has_dacl = true;
    read_list_flags(is_dacl);
    while (result_.error.empty() && at_ < text_.size() && text_[at_] == '(') {
      read_entry(is_dacl);
      skip_spaces();
    }
  }

  void read_list_flags(bool is_dacl) {
    constexpr std::string_view kNoAccessControl = "NO_ACCESS_CONTROL";
    while (at_ < text_.size() && text_[at_] != '(') {
      const std::string_view rest = text_.substr(at_);
      if (rest.size() > 1 && rest[1] == ':') return;  // the next part
      if (starts_with_ignoring_case(rest, kNoAccessControl)) {
        if (is_dacl) result_.descriptor.has_dacl = false;
        at_ += kNoAccessControl.size();
      } else if (starts_with_ignoring_case(rest, "AR") || starts_with_ignoring_case(rest, "AI")) {
        at_ += 2;
      } else if (to_lower(rest[0]) == 'p' || rest[0] == ' ') {
        ++at_;
      } else {
        return fail(at_, "an access control entry in parentheses is expected");
      }
    }
  }

  // (type;flags;rights;object;inherited object;trustee[;condition])
  void read_entry(bool is_dacl) {
    const std::size_t start = at_++;
    std::string_view parts[7];
    std::size_t offsets[7] = {};
    std::size_t count = 0;
    std::size_t depth = 0;
    std::size_t part_start = at_;
    bool closed = false;
    for (; at_ < text_.size() && !closed; ++at_) {
      const char c = text_[at_];
      if (c == '(') ++depth;
      closed = c == ')' && depth == 0;
      if (c == ')' && depth > 0) --depth;
      const bool separates = c == ';' && depth == 0 && count < 6;
      if (!closed && !separates) continue;
      parts[count] = text_.substr(part_start, at_ - part_start);
      offsets[count++] = part_start;
      part_start = at_ + 1;
    }
    if (!closed) return fail(start, "`)` is missing");
    if (count < 6) return fail(start, "an entry has six parts separated by `;`");
    keep_entry(is_dacl, parts, offsets);
  }

  void keep_entry(bool is_dacl, const std::string_view (&parts)[7],
                  const std::size_t (&offsets)[7]) {
    const auto* type =
        std::find_if(std::begin(kEntryTypes), std::end(kEntryTypes),
                     [&](const EntryType& row) { return equal_ignoring_case(row.name, parts[0]); });
    if (type == std::end(kEntryTypes)) {
      return fail(offsets[0], "unknown entry type " + quoted(parts[0]));
    }
    const bool inherit_only = read_entry_flags(parts[1], offsets[1]);
    AccessEntry entry;
    entry.allow = type->kind == EntryKind::allow;
    entry.conditional = type->conditional;
    if (type->kind != EntryKind::system) entry.mask = read_rights(parts[2], offsets[2]);
    entry.trustee = read_trustee(parts[5], offsets[5]);
    if (!result_.error.empty() || !is_dacl) return;
    if (type->kind == EntryKind::system) {
      return fail(offsets[0], "entry type " + quoted(parts[0]) + " belongs into `S:`");
    }
    if (type->conditional) {
      remark(offsets[0],
             "an object or callback entry (" + quoted(parts[0]) + ") applies only to some callers");
    }
    if (inherit_only) {
      return remark(offsets[1], "an inherit-only entry grants and denies nothing");
    }
    result_.descriptor.entries.push_back(std::move(entry));
  }

  // Whether the entry is for inheritance alone.
  bool read_entry_flags(std::string_view text, std::size_t offset) {
    bool inherit_only = false;
    for (std::size_t i = 0; i < text.size(); i += 2) {
      const std::string_view flag = text.substr(i, 2);
      if (!is_one_of(flag, kEntryFlags)) fail(offset + i, "unknown entry flag " + quoted(flag));
      if (equal_ignoring_case(flag, "IO")) inherit_only = true;
    }
    return inherit_only;
  }

  std::uint32_t read_rights(std::string_view text, std::size_t offset) {
    if (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      const std::optional<std::uint32_t> mask = parse_mask(text);
      if (!mask) fail(offset, "bad access mask " + quoted(text));
      return map_generic(mask.value_or(0));
    }
    std::uint32_t mask = 0;
    for (std::size_t i = 0; i < text.size(); i += 2) {
      const std::string_view name = text.substr(i, 2);
      const auto* right =
          std::find_if(std::begin(kRights), std::end(kRights),
                       [&](const Right& row) { return equal_ignoring_case(row.name, name); });
      if (right == std::end(kRights)) {
        fail(offset + i, "unknown right " + quoted(name));
        return 0;
      }
      mask |= right->mask;
    }
    return map_generic(mask);
  }

  std::string read_trustee(std::string_view text, std::size_t offset) {
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    std::string trustee = parse_trustee(text);
    if (trustee.empty()) fail(offset, "unknown trustee " + quoted(text));
    return trustee;
  }

  std::string_view text_;
  SddlResult& result_;
  std::size_t at_ = 0;
  bool seen_['S' - 'D' + 1] = {};
};

}  // namespace

std::string parse_trustee(std::string_view text) {
  std::string trustee = upper_case(text);
  const auto* known = std::find_if(std::begin(kWellKnownSids), std::end(kWellKnownSids),
                                   [&](const auto& row) { return row.first == trustee; });
  if (known != std::end(kWellKnownSids)) return std::string(known->second);
  return is_one_of(trustee, kAliases) || is_sid(trustee) ? trustee : std::string();
}

SddlResult parse_sddl(std::string_view text) {
  SddlResult result;
  result.descriptor.text = text;
  SddlReader(text, result).read();
  if (!result.ok) {
    result.descriptor.has_dacl = false;
    result.descriptor.entries.clear();
  }
  return result;
}

}  // namespace rpcaudit::policy
