#include "engine/policy/netsh/netsh_rule.h"

#include <array>
#include <string>
#include <utility>

#include "engine/policy/condition_data.h"
#include "engine/policy/text/arguments.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr Tag kRuleTags[] = {{"layer", true},      {"actiontype", true},
                             {"filterkey", false}, {"persistence", false},
                             {"audit", false},     {"auditparameters", false}};

constexpr std::array<std::string_view, 5> kLayers{"um", "epmap", "ep_add", "proxy_conn",
                                                  "proxy_if"};
constexpr std::array<std::string_view, 3> kActions{"permit", "block", "continue"};

// A word that switches something, and what netsh itself calls it.
struct SwitchName {
  std::string_view name;
  bool on;
  bool documented;
};

constexpr SwitchName kSwitchNames[] = {
    {"enable", true, true},   {"enabled", true, true},   {"yes", true, false},
    {"true", true, false},    {"on", true, false},       {"1", true, false},
    {"disable", false, true}, {"disabled", false, true}, {"no", false, false},
    {"false", false, false},  {"off", false, false},     {"0", false, false},
};

constexpr SwitchName kPersistenceNames[] = {
    {"persistent", true, true},
    {"volatile", false, true},
    {"yes", true, false},
    {"no", false, false},
};

std::string suggestion(std::string_view text, std::span<const std::string_view> names) {
  const std::string_view nearest = nearest_name(text, names);
  if (!nearest.empty()) return "did you mean " + quoted(nearest) + "?";
  std::string list = "one of";
  for (const std::string_view name : names) {
    list += (name == names.front() ? " `" : ", `") + std::string(name) + "`";
  }
  return list;
}

std::optional<Layer> read_layer(const Word& word, Reporter& reporter) {
  if (const std::optional<Layer> layer = parse_layer(word.text)) return layer;
  const std::optional<Layer> layer = parse_layer(normalized_name(word.text));
  if (layer) {
    reporter.warning("misspelt-value", word.span(),
                     "the layer is called " + quoted(to_string(*layer)),
                     "netsh may refuse " + quoted(word.text));
    return layer;
  }
  reporter.error("unknown-layer", word.span(), "unknown layer " + quoted(word.text),
                 suggestion(word.text, kLayers));
  return std::nullopt;
}

std::optional<Action> read_action(const Word& word, Reporter& reporter) {
  const std::optional<Action> action = parse_action(word.text);
  if (!action) {
    reporter.error("unknown-action", word.span(), "unknown action " + quoted(word.text),
                   suggestion(word.text, kActions));
  }
  return action;
}

// `value` stays as it is when the word means nothing; that is reported.
void read_switch(const Word& word, std::span<const SwitchName> names, bool& value,
                 Reporter& reporter) {
  std::string_view documented;
  for (const SwitchName& row : names) {
    if (!equal_ignoring_case(word.text, row.name)) continue;
    value = row.on;
    if (row.documented) return;
    for (const SwitchName& other : names) {
      if (other.on == row.on && other.documented && documented.empty()) documented = other.name;
    }
    reporter.warning("misspelt-value", word.span(),
                     quoted(word.text) + " is taken as " + quoted(documented),
                     "netsh may refuse it");
    return;
  }
  std::vector<std::string_view> known;
  for (const SwitchName& row : names) {
    if (row.documented) known.push_back(row.name);
  }
  reporter.error("unknown-value", word.span(), "unknown value " + quoted(word.text),
                 suggestion(word.text, known));
}

void read_key(const Word& word, Uuid& key, Reporter& reporter) {
  const std::optional<Uuid> parsed = read_uuid_text(word.text);
  if (!parsed) {
    reporter.error("bad-uuid", word.span(), quoted(word.text) + " is not a UUID",
                   "as in `11111111-2222-3333-4444-555555555555`");
    return;
  }
  if (parsed->is_nil()) {
    reporter.warning("nil-filter-key", word.span(),
                     "the nil UUID is no filter key; the filter gets a generated one");
  }
  key = *parsed;
}

// FNV-1a over 64 bits, its ends stirred so that near inputs give far outputs.
class Hash {
 public:
  explicit Hash(std::uint64_t seed) noexcept : state_(0xcbf2'9ce4'8422'2325u ^ seed) {}

  void add(std::string_view text) noexcept {
    for (const char c : text) add_byte(static_cast<unsigned char>(c));
  }
  void add(std::uint64_t number) noexcept {
    for (unsigned shift = 0; shift < 64; shift += 8) add_byte(number >> shift & 0xff);
  }
  [[nodiscard]] std::uint64_t value() const noexcept {
    std::uint64_t mixed = state_;
    mixed = (mixed ^ mixed >> 30) * 0xbf58'476d'1ce4'e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d0'49bb'1331'11ebu;
    return mixed ^ mixed >> 31;
  }

 private:
  void add_byte(std::uint64_t byte) noexcept { state_ = (state_ ^ byte) * 0x0000'0100'0000'01b3u; }

  std::uint64_t state_;
};

}  // namespace

PendingRule read_netsh_rule(std::span<const Word> words, const SourceSpan& command,
                            Reporter& reporter) {
  const std::size_t errors_before = reporter.error_count();
  PendingRule rule;
  Filter& filter = rule.filter;
  filter.span = command;
  const auto values = bind_arguments(words, kRuleTags, command, reporter);
  if (values[0]) rule.layer = read_layer(*values[0], reporter);
  if (rule.layer) filter.layer = *rule.layer;
  if (values[1]) filter.action = read_action(*values[1], reporter).value_or(filter.action);
  if (values[2]) read_key(*values[2], filter.key, reporter);
  if (values[3]) read_switch(*values[3], kPersistenceNames, filter.persistent, reporter);
  if (values[4]) read_switch(*values[4], kSwitchNames, filter.audit, reporter);
  if (values[5]) read_switch(*values[5], kSwitchNames, filter.audit_parameters, reporter);
  rule.has_error = reporter.error_count() != errors_before;
  return rule;
}

Uuid generated_filter_key(std::string_view file, std::size_t occurrence,
                          std::uint32_t line) noexcept {
  Uuid key;
  for (std::size_t half = 0; half < 2; ++half) {
    Hash hash(half);
    hash.add(file);
    hash.add(std::uint64_t{occurrence});
    hash.add(std::uint64_t{line});
    for (std::size_t i = 0; i < 8; ++i) {
      key.bytes[half * 8 + i] = static_cast<std::uint8_t>(hash.value() >> (8 * i));
    }
  }
  key.bytes[6] = static_cast<std::uint8_t>((key.bytes[6] & 0x0f) | 0x80);  // version 8
  key.bytes[8] = static_cast<std::uint8_t>((key.bytes[8] & 0x3f) | 0x80);  // RFC 9562 variant
  return key;
}

}  // namespace rpcaudit::policy
