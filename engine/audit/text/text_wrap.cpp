#include "engine/audit/text/text_wrap.h"

#include <algorithm>
#include <utility>

#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::audit {
namespace {

std::size_t visible_columns(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const std::size_t escape = std::min(text.find('\x1b'), text.size());
    columns += column_count(text.substr(0, escape));
    text.remove_prefix(escape);
    if (!text.empty()) text.remove_prefix(std::min(text.find('m'), text.size() - 1) + 1);
  }
  return columns;
}

// Puts words behind one another, on new lines where they do not fit.
class WrappedLine {
 public:
  WrappedLine(std::size_t columns, std::size_t indent) : columns_(columns), indent_(indent) {}

  // `gap` is what stands before the word where it is not the first of its line.
  void add(std::string_view word, std::string_view gap) {
    const std::size_t size = visible_columns(word);
    if (used_ > start_ && used_ + gap.size() + size > columns_) {
      text_ += '\n';
      text_.append(indent_, ' ');
      start_ = used_ = indent_;
    } else if (used_ > start_) {
      text_ += gap;
      used_ += gap.size();
    }
    text_ += word;
    used_ += size;
  }
  [[nodiscard]] bool fits(std::string_view part) const {
    return indent_ + visible_columns(part) <= columns_;
  }
  [[nodiscard]] std::string take() && { return std::move(text_) + '\n'; }

 private:
  std::size_t columns_;
  std::size_t indent_;
  std::size_t start_ = 0;  // of what stands in the line at hand
  std::size_t used_ = 0;
  std::string text_;
};

// The text up to `gap`, which is taken away with it.
std::string_view take_up_to(std::string_view& text, std::string_view gap) {
  const std::size_t end = std::min(text.find(gap), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + gap.size(), text.size()));
  return taken;
}

}  // namespace

std::string wrapped_line(std::string_view line, std::size_t columns, std::size_t indent) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  WrappedLine wrapped(columns, indent);
  while (!line.empty()) {
    std::string_view part = take_up_to(line, "  ");
    if (wrapped.fits(part)) {
      wrapped.add(part, "  ");
      continue;
    }
    for (std::string_view gap = "  "; !part.empty(); gap = " ") {
      wrapped.add(take_up_to(part, " "), gap);
    }
  }
  return std::move(wrapped).take();
}

}  // namespace rpcaudit::audit
