#include "engine/policy/text/source_text.h"

#include <algorithm>
#include <array>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

// 0x80..0x9f of Windows-1252; what it leaves open stays what it is.
constexpr std::array<char16_t, 32> kWindows1252{
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178};

unsigned byte_at(std::string_view bytes, std::size_t i) noexcept {
  return static_cast<unsigned char>(bytes[i]);
}

// Tabs, line ends, form feeds and the end mark of DOS; everything else below the space is no text.
bool is_text(char32_t c) noexcept { return c >= 0x20 || (c >= '\t' && c <= '\r') || c == 0x1a; }

// The size of the valid UTF-8 sequence at `i` (RFC 3629), 0 when there is none.
std::size_t utf8_size(std::string_view bytes, std::size_t i) noexcept {
  const unsigned lead = byte_at(bytes, i);
  if (lead < 0x80) return 1;
  const std::size_t size = lead < 0xc2 ? 0u : lead < 0xe0 ? 2u : lead < 0xf0 ? 3u : 4u;
  if (size == 0 || lead > 0xf4 || i + size > bytes.size()) return 0;
  for (std::size_t j = 1; j < size; ++j) {
    if ((byte_at(bytes, i + j) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte_at(bytes, i + 1);
  if (lead == 0xe0 && second < 0xa0) return 0;  // longer than needed
  if (lead == 0xed && second > 0x9f) return 0;  // a surrogate
  if (lead == 0xf0 && second < 0x90) return 0;
  if (lead == 0xf4 && second > 0x8f) return 0;  // beyond U+10FFFF
  return size;
}

bool is_utf8(std::string_view bytes) noexcept {
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t size = utf8_size(bytes, i);
    if (size == 0) return false;
    i += size;
  }
  return true;
}

// Removes the byte order mark, if any.
SourceText::Encoding detect_encoding(std::string_view& bytes) noexcept {
  if (bytes.starts_with("\xef\xbb\xbf")) {
    bytes.remove_prefix(3);
  } else if (bytes.starts_with("\xff\xfe")) {
    bytes.remove_prefix(2);
    return SourceText::Encoding::utf16_little;
  } else if (bytes.starts_with("\xfe\xff")) {
    bytes.remove_prefix(2);
    return SourceText::Encoding::utf16_big;
  } else if (bytes.size() >= 2 && (bytes[0] == '\0') != (bytes[1] == '\0')) {
    return bytes[0] == '\0' ? SourceText::Encoding::utf16_big : SourceText::Encoding::utf16_little;
  }
  return is_utf8(bytes) ? SourceText::Encoding::utf8 : SourceText::Encoding::windows_1252;
}

template <typename Visit>
void for_each_utf16(std::string_view bytes, bool big, Visit visit) {
  const auto unit_at = [&](std::size_t i) {
    const unsigned first = byte_at(bytes, i);
    const unsigned second = byte_at(bytes, i + 1);
    return char32_t{big ? first << 8 | second : second << 8 | first};
  };
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    char32_t c = unit_at(i);
    if (c >= 0xd800 && c < 0xdc00 && i + 3 < bytes.size()) {
      const char32_t low = unit_at(i + 2);
      if (low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        i += 2;
      }
    }
    visit(c);
  }
  if (bytes.size() % 2 != 0) visit(char32_t{0xfffd});
}

}  // namespace

SourceText SourceText::decode(std::string_view bytes) {
  SourceText source;
  source.encoding_ = detect_encoding(bytes);
  source.text_.reserve(bytes.size());
  source.starts_.push_back(0);
  bool after_return = false;
  const auto put = [&](char32_t c) {
    if (!is_text(c)) source.binary_ = true;
    if (c == '\n' && after_return) {
      after_return = false;
      return;
    }
    after_return = c == '\r';
    if (c == '\n' || c == '\r') {
      source.text_ += '\n';
      source.starts_.push_back(source.text_.size());
    } else {
      append_utf8(c, source.text_);
    }
  };
  switch (source.encoding_) {
    case Encoding::utf8: for_each_code_point(bytes, put); break;
    case Encoding::utf16_little: for_each_utf16(bytes, false, put); break;
    case Encoding::utf16_big: for_each_utf16(bytes, true, put); break;
    case Encoding::windows_1252:
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        const unsigned byte = byte_at(bytes, i);
        put(byte >= 0x80 && byte < 0xa0 ? kWindows1252[byte - 0x80] : char32_t{byte});
      }
      break;
  }
  return source;
}

std::size_t SourceText::line_at(std::size_t offset) const noexcept {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  return static_cast<std::size_t>(after - starts_.begin());
}

SourceText SourceText::with_lines(const std::vector<bool>& kept) const {
  SourceText copy = *this;
  for (std::size_t i = 0; i < starts_.size(); ++i) {
    if (i < kept.size() && kept[i]) continue;
    const std::size_t size = line(i + 1).size();
    std::fill_n(copy.text_.begin() + static_cast<std::ptrdiff_t>(starts_[i]), size, ' ');
  }
  return copy;
}

std::string_view SourceText::line(std::size_t number) const noexcept {
  if (number == 0 || number > starts_.size()) return {};
  const std::size_t start = starts_[number - 1];
  const std::size_t end = number < starts_.size() ? starts_[number] - 1 : text_.size();
  return std::string_view(text_).substr(start, end - start);
}

}  // namespace rpcaudit::policy
