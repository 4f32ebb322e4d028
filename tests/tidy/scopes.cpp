#include "tests/tidy/scopes.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace rpcaudit::test {
namespace {

// The code of a source without comments, preprocessor lines, and what stands inside of literals.
// Lines stay lines.
class Stripper {
 public:
  explicit Stripper(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      text_ += line;
      text_ += '\n';
    }
  }

  [[nodiscard]] std::string strip() {
    while (at_ < text_.size()) step();
    return std::move(code_);
  }

 private:
  [[nodiscard]] bool is_at(std::string_view what) const {
    return std::string_view(text_).substr(at_).starts_with(what);
  }

  void step() {
    if (is_at("//")) return skip_to(text_.find('\n', at_));
    if (is_at("/*")) return skip_to(end_of("*/", at_ + 2));
    if (is_at("R\"")) return skip_raw();
    const char c = text_[at_];
    if (c == '#' && at_line_start_) return skip_directive();
    if (c == '"' || (c == '\'' && !follows_digit())) return skip_quoted(c);
    if (std::isspace(static_cast<unsigned char>(c)) == 0) at_line_start_ = false;
    keep(c);
    ++at_;
  }

  // Digit separators are no quotation marks.
  [[nodiscard]] bool follows_digit() const {
    return !code_.empty() && std::isalnum(static_cast<unsigned char>(code_.back())) != 0;
  }

  [[nodiscard]] std::size_t end_of(std::string_view what, std::size_t from) const {
    const std::size_t found = text_.find(what, from);
    return found == std::string::npos ? text_.size() : found + what.size();
  }

  void keep(char c) {
    code_ += c;
    if (c == '\n') at_line_start_ = true;
  }

  void skip_to(std::size_t end) {
    for (end = std::min(end, text_.size()); at_ < end; ++at_) {
      if (text_[at_] == '\n') keep('\n');
    }
  }

  void skip_directive() {
    std::size_t end = text_.find('\n', at_);
    while (end != std::string::npos && text_[end - 1] == '\\') end = text_.find('\n', end + 1);
    skip_to(end);
  }

  void skip_raw() {
    const std::size_t open = text_.find('(', at_);
    if (open == std::string::npos) return skip_to(text_.size());
    skip_to(end_of(")" + text_.substr(at_ + 2, open - at_ - 2) + "\"", open));
  }

  void skip_quoted(char quote) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2u : 1u;
    keep(quote);
    skip_to(end + 1);
    keep(quote);
  }

  std::string text_;
  std::string code_;
  std::size_t at_ = 0;
  bool at_line_start_ = true;
};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Whether `word` stands in `text`, and not as part of a longer one.
bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end]))) {
      return true;
    }
  }
  return false;
}

// Without a leading `template <...>`.
std::string_view without_template(std::string_view text) {
  if (!text.starts_with("template")) return text;
  int depth = 0;
  for (std::size_t i = text.find('<'); i < text.size(); ++i) {
    depth += text[i] == '<' ? 1 : text[i] == '>' ? -1 : 0;
    if (depth == 0) return text.substr(i + 1);
  }
  return text;
}

// Whether a brace behind `declaration` opens the body of a function.
bool opens_function(std::string_view declaration) {
  const std::string_view text = without_template(declaration);
  const std::size_t parenthesis = text.find('(');
  if (parenthesis == std::string_view::npos) return false;
  if (has_word(text.substr(0, parenthesis), "operator")) return true;
  return text.substr(0, parenthesis).find('=') == std::string_view::npos;
}

// A brace that is open.
struct Open {
  enum class Kind : unsigned char { namespace_, class_, function, other };
  Kind kind;
  std::string name;
  std::size_t first;
};

class ScopeFinder {
 public:
  [[nodiscard]] std::vector<Scope> find(std::string_view code) {
    for (const char c : code) step(c);
    return std::move(found_);
  }

 private:
  void step(char c) {
    if (c == '\n') ++line_;
    if (c == '{') return open();
    if (c == '}') return close();
    if (c == ';' && parentheses_ == 0) return forget();
    if (c == ':' && is_access_specifier()) return forget();
    parentheses_ += c == '(' ? 1 : c == ')' ? -1 : 0;
    const bool is_space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (statement_.empty() && is_space) return;
    if (statement_.empty()) first_ = line_;
    statement_ += is_space ? ' ' : c;
  }

  [[nodiscard]] bool is_access_specifier() const {
    return statement_ == "public" || statement_ == "protected" || statement_ == "private";
  }

  void forget() {
    statement_.clear();
    parentheses_ = 0;
  }

  [[nodiscard]] bool is_inside_code() const {
    return !open_.empty() &&
           (open_.back().kind == Open::Kind::function || open_.back().kind == Open::Kind::other);
  }

  void open() {
    Open next{Open::Kind::other, {}, first_};
    if (statement_.empty()) next.first = line_;
    if (is_inside_code()) {
      next.kind = Open::Kind::other;
    } else if (has_word(statement_, "namespace")) {
      next.kind = Open::Kind::namespace_;
      next.name = statement_.substr(statement_.find("namespace") + 9);
      while (next.name.starts_with(' ')) next.name.erase(0, 1);
      while (next.name.ends_with(' ')) next.name.pop_back();
    } else if (opens_function(statement_)) {
      next.kind = Open::Kind::function;
    } else if (has_word(statement_, "class") || has_word(statement_, "struct") ||
               has_word(statement_, "union")) {
      next.kind = Open::Kind::class_;
    }
    open_.push_back(std::move(next));
    forget();
  }

  void close() {
    forget();
    if (open_.empty()) return;
    const Open& last = open_.back();
    if (last.kind == Open::Kind::namespace_) {
      found_.push_back({Scope::Kind::namespace_, last.name, last.first, line_});
    } else if (last.kind == Open::Kind::function) {
      found_.push_back({Scope::Kind::function, {}, last.first, line_});
    }
    open_.pop_back();
  }

  std::vector<Scope> found_;
  std::vector<Open> open_;
  std::string statement_;
  std::size_t line_ = 1;
  std::size_t first_ = 1;
  int parentheses_ = 0;
};

}  // namespace

std::vector<Scope> find_scopes(const std::vector<std::string>& lines) {
  return ScopeFinder().find(Stripper(lines).strip());
}

}  // namespace rpcaudit::test
