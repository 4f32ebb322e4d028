#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit::policy {

// A policy file as text: UTF-8 whatever it was written in, cut into lines without their ends.
class SourceText {
 public:
  enum class Encoding : std::uint8_t { utf8, utf16_little, utf16_big, windows_1252 };

  // Recognises UTF-16 by its mark or by its zeros, UTF-8 by being valid; all else is taken as
  // Windows-1252, the code page in which scripts with typographic dashes are saved most.
  [[nodiscard]] static SourceText decode(std::string_view bytes);

  [[nodiscard]] Encoding encoding() const noexcept { return encoding_; }
  // Holds control characters that no text has; the lines are then of no use.
  [[nodiscard]] bool is_binary() const noexcept { return binary_; }
  [[nodiscard]] std::size_t line_count() const noexcept { return starts_.size(); }
  // `number` is 1-based; a line that does not exist is empty. Valid as long as this object.
  [[nodiscard]] std::string_view line(std::size_t number) const noexcept;
  // The whole text in UTF-8 with a line feed between the lines, and the line at an offset of it.
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] std::size_t line_at(std::size_t offset) const noexcept;
  // A copy in which only the lines that are marked stand; the others are blank. Places stay.
  // `kept` has a mark for each line.
  [[nodiscard]] SourceText with_lines(const std::vector<bool>& kept) const;

 private:
  std::string text_;
  std::vector<std::size_t> starts_;  // of each line in text_
  Encoding encoding_ = Encoding::utf8;
  bool binary_ = false;
};

// Calls `visit(code_point)` for each code point of valid UTF-8 text.
template <typename Visit>
void for_each_code_point(std::string_view text, Visit visit) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0xc0 ? 1u : lead < 0xe0 ? 2u : lead < 0xf0 ? 3u : 4u;
    char32_t code_point = size == 1 ? lead : lead & (0x7fu >> size);
    for (std::size_t j = 1; j < size && i + j < text.size(); ++j) {
      code_point = code_point << 6 | (static_cast<unsigned char>(text[i + j]) & 0x3fu);
    }
    visit(code_point);
    i += size;
  }
}

}  // namespace rpcaudit::policy
