#include "engine/policy/text/arguments.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

bool is_name(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  });
}

// Quotation marks of a kind that netsh leaves alone, around a whole value.
Word without_single_quotes(Word word) {
  const std::string& text = word.text;
  const bool wrapped =
      !word.quoted && text.size() >= 2 && text.front() == '\'' && text.back() == '\'';
  if (!wrapped) return word;
  Word inner = word.slice(1, text.size() - 2);
  inner.quoted = true;
  return inner;
}

class Binder {
 public:
  Binder(std::span<const Word> words, std::span<const Tag> tags, Reporter& reporter)
      : words_(words), tags_(tags), values_(tags.size()), reporter_(reporter) {
    for (const Tag& tag : tags) names_.push_back(tag.name);
  }

  std::vector<std::optional<Word>> bind(const SourceSpan& command) {
    while (at_ < words_.size()) take_one();
    bind_bare_values();
    for (std::size_t i = 0; i < tags_.size(); ++i) {
      if (!tags_[i].required || values_[i] || refused_) continue;
      reporter_.error("missing-argument", command,
                      quoted(std::string(tags_[i].name) + '=') + " is missing");
    }
    return std::move(values_);
  }

 private:
  void take_one() {
    const Word& word = words_[at_++];
    const std::size_t equals = word.text.find('=');
    if (equals == std::string::npos && equals_follows()) {
      take_spaced(word);
    } else if (equals == std::string::npos ||
               !is_name(std::string_view(word.text).substr(0, equals))) {
      bare_.push_back(&word);
    } else {
      const Word value = word.slice(equals + 1, std::string::npos);
      const bool empty = value.text.empty() && !word.quoted;
      set(word.slice(0, equals), empty ? next_value(word) : value);
    }
  }

  [[nodiscard]] bool equals_follows() const {
    return at_ < words_.size() && words_[at_].text.starts_with('=');
  }

  // `tag = value` and `tag =value`.
  void take_spaced(const Word& tag) {
    const Word& equals = words_[at_++];
    set(tag, equals.text.size() > 1 ? equals.slice(1, std::string::npos) : next_value(equals));
  }

  // The value of a tag that ends in `=`: the next word, unless that is a tag itself.
  Word next_value(const Word& after) {
    Word none = after.slice(0, 0);
    none.place = after.span(after.text.size() - 1, 1);
    if (at_ == words_.size()) return none;
    const Word& next = words_[at_];
    const std::string_view text = next.text;
    const std::size_t equals = text.find('=');
    const bool is_tag = equals != std::string_view::npos &&
                        match_name(text.substr(0, equals), names_).kind != NameMatch::Kind::none;
    if (is_tag) return none;
    ++at_;
    return next;
  }

  void set(const Word& tag, Word value) {
    const NameMatch match = match_name(tag.text, names_);
    if (match.kind == NameMatch::Kind::none) {
      refused_ = true;
      const std::string_view nearest = nearest_name(tag.text, names_);
      reporter_.error("unknown-tag", tag.span(), "unknown tag " + quoted(tag.text),
                      nearest.empty() ? list_names() : "did you mean " + quoted(nearest) + "?");
      return;
    }
    if (match.kind == NameMatch::Kind::ambiguous) {
      refused_ = true;
      reporter_.error("ambiguous-abbreviation", tag.span(),
                      quoted(tag.text) + " abbreviates more than one tag", list_names());
      return;
    }
    const std::string_view name = names_[match.index];
    if (match.kind == NameMatch::Kind::abbreviated) {
      reporter_.warning_once("abbreviation", tag.span(),
                             quoted(tag.text) + " is taken as " + quoted(name),
                             "write names in full: what an abbreviation means depends on the "
                             "version of netsh");
    }
    if (value.text.empty()) {
      refused_ = true;
      reporter_.error("missing-value", tag.span(),
                      quoted(std::string(name) + "=") + " has no value");
      return;
    }
    if (values_[match.index]) {
      reporter_.error("repeated-tag", tag.span(), quoted(name) + " stands twice");
      return;
    }
    values_[match.index] = without_single_quotes(std::move(value));
  }

  void bind_bare_values() {
    std::size_t next = 0;
    for (const Word* word : bare_) {
      while (next < values_.size() && values_[next]) ++next;
      if (next == values_.size()) {
        reporter_.error("unexpected-argument", word->span(),
                        "unexpected argument " + quoted(word->text), list_names());
        return;
      }
      values_[next] = without_single_quotes(*word);
    }
  }

  [[nodiscard]] std::string list_names() const {
    if (names_.empty()) return "this command takes no arguments";
    std::string list = "the tags are";
    for (const std::string_view name : names_) {
      list += (name == names_.front() ? " `" : ", `") + std::string(name) + "`";
    }
    return list;
  }

  std::span<const Word> words_;
  std::span<const Tag> tags_;
  std::vector<std::string_view> names_;
  std::vector<std::optional<Word>> values_;
  std::vector<const Word*> bare_;
  Reporter& reporter_;
  std::size_t at_ = 0;
  bool refused_ = false;  // an argument was refused: a missing one is no news
};

}  // namespace

std::vector<std::optional<Word>> bind_arguments(std::span<const Word> words,
                                                std::span<const Tag> tags,
                                                const SourceSpan& command, Reporter& reporter) {
  return Binder(words, tags, reporter).bind(command);
}

void merge_words(std::vector<Word>& words, std::size_t first, std::size_t count,
                 std::string_view separator) {
  Word& whole = words[first];
  for (std::size_t i = first + 1; i < first + count; ++i) {
    const std::uint32_t end = whole.columns.empty() ? whole.place.column : whole.columns.back();
    whole.text += separator;
    whole.columns.insert(whole.columns.end(), separator.size(), end);
    whole.text += words[i].text;
    whole.columns.insert(whole.columns.end(), words[i].columns.begin(), words[i].columns.end());
  }
  const auto begin = words.begin() + static_cast<std::ptrdiff_t>(first);
  words.erase(begin + 1, begin + static_cast<std::ptrdiff_t>(count));
}

std::string normalized_name(std::string_view text) {
  std::string name = to_lower(text);
  for (char& c : name) {
    if (c == '-' || c == ' ') c = '_';
  }
  return name;
}

}  // namespace rpcaudit::policy
