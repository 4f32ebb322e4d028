#include "engine/policy/netsh/netsh_condition.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "engine/policy/condition_data.h"
#include "engine/policy/text/arguments.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr Tag kConditionTags[] = {{"field", true}, {"matchtype", true}, {"data", true}};

// Other names of a field: slips and inconsistencies of the documentation that people copy.
constexpr std::pair<std::string_view, Field> kFieldAliases[] = {
    {"remot_addr_v4", Field::remote_addr_v4},
    {"remot_addr_v6", Field::remote_addr_v6},
    {"client_cert_key_name", Field::client_cert_key_length},
    {"cert_key_length", Field::client_cert_key_length},
};

// What people call a field who do not know its name.
constexpr std::pair<std::string_view, Field> kFieldGuesses[] = {
    {"interface", Field::if_uuid},
    {"uuid", Field::if_uuid},
    {"version", Field::if_version},
    {"operation", Field::opnum},
    {"port", Field::local_port},
    {"user", Field::remote_user_token},
    {"sddl", Field::remote_user_token},
    {"token", Field::remote_user_token},
    {"ip", Field::remote_addr_v4},
    {"address", Field::remote_addr_v4},
    {"remote_addr", Field::remote_addr_v4},
    {"local_addr", Field::local_addr_v4},
    {"image", Field::image_name},
    {"program", Field::image_name},
    {"process", Field::image_name},
    {"authentication_level", Field::auth_level},
    {"authentication_type", Field::auth_type},
};

// Match types without what separates their parts, and the forms that are not just spaced apart.
constexpr std::pair<std::string_view, MatchType> kMatchAliases[] = {
    {"equals", MatchType::equal},
    {"equalto", MatchType::equal},
    {"greaterthan", MatchType::greater},
    {"lessthan", MatchType::less},
    {"greaterorequals", MatchType::greater_or_equal},
    {"lessorequals", MatchType::less_or_equal},
    {"greaterthanorequal", MatchType::greater_or_equal},
    {"lessthanorequal", MatchType::less_or_equal},
};

constexpr std::string_view kPhrases[] = {"greater_or_equal", "less_or_equal", "all_set",
                                         "any_set",          "none_set",      "greater_than",
                                         "less_than",        "equal_to"};

std::array<std::string_view, kFieldCount> field_names() {
  std::array<std::string_view, kFieldCount> names;
  for (std::size_t i = 0; i < kFieldCount; ++i) names[i] = to_string(static_cast<Field>(i));
  return names;
}

std::array<std::string_view, kMatchTypeCount> match_names() {
  std::array<std::string_view, kMatchTypeCount> names;
  for (std::size_t i = 0; i < kMatchTypeCount; ++i) names[i] = to_string(static_cast<MatchType>(i));
  return names;
}

// `matchtype=Greater or equal` as the documentation prints it, and `1 - 5` or `1, 5`: one value in
// several words.
void join_phrases(std::vector<Word>& words) {
  constexpr std::size_t kWordsMax = 64;  // more are no condition, and joining is quadratic
  if (words.size() > kWordsMax) return;
  for (std::size_t i = 0; i < words.size(); ++i) {
    for (const std::size_t count : {std::size_t{3}, std::size_t{2}}) {
      if (i + count > words.size()) continue;
      std::string phrase = words[i].text.substr(words[i].text.find('=') + 1);
      for (std::size_t j = i + 1; j < i + count; ++j) phrase += '_' + words[j].text;
      const bool known =
          std::any_of(std::begin(kPhrases), std::end(kPhrases),
                      [&](std::string_view name) { return equal_ignoring_case(phrase, name); });
      if (!known) continue;
      merge_words(words, i, count, " ");
      break;
    }
  }
  for (std::size_t i = 1; i + 1 < words.size(); ++i) {
    if (words[i].text == "-" || words[i].text == ",") merge_words(words, i - 1, 3, "");
  }
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i].text.ends_with(',')) merge_words(words, i, 2, "");
  }
}

std::string without_separators(std::string_view text) {
  std::string name = to_lower(text);
  std::erase_if(name, [](char c) { return c == '_' || c == '-' || c == ' '; });
  return name;
}

std::optional<Field> read_field(const Word& word, Reporter& reporter) {
  const auto names = field_names();
  const std::string name = normalized_name(word.text);
  std::optional<Field> field;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (equal_ignoring_case(word.text, names[i])) return static_cast<Field>(i);
    if (name == names[i]) field = static_cast<Field>(i);
  }
  for (const auto& [alias, meaning] : kFieldAliases) {
    if (name == alias) field = meaning;
  }
  if (field) {
    reporter.warning("misspelt-field", word.span(),
                     "the field is called " + quoted(to_string(*field)),
                     "netsh may refuse " + quoted(word.text));
    return field;
  }
  std::string_view nearest = nearest_name(name, names);
  for (const auto& [guess, meaning] : kFieldGuesses) {
    if (name == guess) nearest = to_string(meaning);
  }
  reporter.error("unknown-field", word.span(), "unknown field " + quoted(word.text),
                 nearest.empty() ? "" : "did you mean " + quoted(nearest) + "?");
  return std::nullopt;
}

std::optional<MatchType> read_match_type(const Word& word, Reporter& reporter) {
  const auto names = match_names();
  const std::string name = without_separators(word.text);
  std::optional<MatchType> match;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (equal_ignoring_case(word.text, names[i])) return static_cast<MatchType>(i);
    if (name == without_separators(names[i])) match = static_cast<MatchType>(i);
  }
  for (const auto& [alias, meaning] : kMatchAliases) {
    if (name == alias) match = meaning;
  }
  if (match) {
    reporter.warning("misspelt-match-type", word.span(),
                     "the match type is called " + quoted(to_string(*match)),
                     "netsh may refuse " + quoted(word.text));
    return match;
  }
  const std::string_view nearest = nearest_name(normalized_name(word.text), names);
  std::string hint =
      "one of `equal`, `greater`, `less`, `greater_or_equal`, `less_or_equal`, "
      "`range`, `all_set`, `any_set`, `none_set`";
  if (!nearest.empty()) hint = "did you mean " + quoted(nearest) + "?";
  if (name.starts_with("not")) hint = "netsh has no match type for inequality";
  reporter.error("unknown-match-type", word.span(), "unknown match type " + quoted(word.text),
                 std::move(hint));
  return std::nullopt;
}

std::string layers_of(Field field) {
  std::string list;
  for (std::size_t i = 0; i < kLayerCount; ++i) {
    const auto layer = static_cast<Layer>(i);
    if (!legal_on(field, layer)) continue;
    if (!list.empty()) list += ", ";
    list += '`' + std::string(to_string(layer)) + '`';
  }
  return list;
}

bool check_layer(Field field, Layer layer, const Word& word, Reporter& reporter) {
  if (legal_on(field, layer)) return true;
  reporter.error("field-not-on-layer", word.span(),
                 quoted(to_string(field)) + " is not a field of layer " + quoted(to_string(layer)),
                 "it is a field of " + layers_of(field));
  return false;
}

bool check_match(Field field, MatchType match, const Word& word, Reporter& reporter) {
  const FieldType type = info(field).type;
  if (legal_for(match, type)) return true;
  reporter.error("match-type-not-for-field", word.span(),
                 quoted(to_string(match)) + " does not compare " + quoted(to_string(field)),
                 type == FieldType::security_descriptor
                     ? "security descriptors have no order: use `equal`"
                     : "flags are tested in numbers only: use `equal` or an order");
  return false;
}

struct Requirement {
  Layer layer;
  std::array<Field, 2> fields;
  std::size_t count;
};

constexpr Requirement kRequirements[] = {
    {Layer::epmap, {Field::if_uuid, Field::if_version}, 2},
    {Layer::ep_add, {Field::process_with_if_uuid, Field::protocol}, 2},
    {Layer::proxy_if, {Field::if_uuid, Field{}}, 1},
};

}  // namespace

std::optional<Condition> read_netsh_condition(std::vector<Word> words, std::optional<Layer> layer,
                                              const SourceSpan& command, Reporter& reporter) {
  join_phrases(words);
  const auto values = bind_arguments(words, kConditionTags, command, reporter);
  std::optional<Field> field;
  std::optional<MatchType> match;
  if (values[0]) field = read_field(*values[0], reporter);
  if (values[1]) match = read_match_type(*values[1], reporter);
  bool legal = true;
  if (field && layer) legal = check_layer(*field, *layer, *values[0], reporter);
  if (field && match) legal = check_match(*field, *match, *values[1], reporter) && legal;
  if (!field || !match || !values[2]) return std::nullopt;

  Condition condition;
  condition.field = *field;
  condition.match = *match;
  condition.text = values[2]->text;
  condition.span = command;
  if (!read_condition_data(*field, *match, *values[2], condition.data, reporter)) {
    return std::nullopt;
  }
  if (!legal) return std::nullopt;
  return condition;
}

void check_required_conditions(const Filter& filter, const SourceSpan& command,
                               Reporter& reporter) {
  for (const Requirement& row : kRequirements) {
    if (row.layer != filter.layer) continue;
    for (std::size_t i = 0; i < row.count; ++i) {
      const auto has_field = [&](const Condition& condition) {
        return condition.field == row.fields[i];
      };
      const std::string name = quoted(to_string(row.fields[i]));
      if (std::none_of(filter.conditions.begin(), filter.conditions.end(), has_field)) {
        reporter.warning("required-field", command,
                         "layer " + quoted(to_string(row.layer)) + " is documented to need a " +
                             name + " condition",
                         "netsh may refuse the filter");
      } else if (i >= filter.conditions.size() || !has_field(filter.conditions[i])) {
        reporter.warning("field-order", command,
                         "layer " + quoted(to_string(row.layer)) + " is documented to need " +
                             name + " as condition number " + std::to_string(i + 1),
                         "netsh may refuse the filter");
      }
    }
  }
}

}  // namespace rpcaudit::policy
