#include "dissect/smb/messages/smb_pipe_name.h"

#include <algorithm>
#include <string_view>

namespace rpcaudit::dissect {
namespace {

bool equal_ignoring_case(char a, char b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return lower(a) == lower(b);
}

}  // namespace

bool names_ipc_share(Bytes path, bool is_unicode) noexcept {
  constexpr std::string_view kName = "IPC$";
  const std::size_t unit = is_unicode ? 2 : 1;
  if (path.size() < unit * kName.size()) return false;
  path = path.last(unit * kName.size());
  for (std::size_t i = 0; i < kName.size(); ++i) {
    const auto at = static_cast<char>(path[unit * i]);
    if (!equal_ignoring_case(at, kName[i])) return false;
    if (is_unicode && path[unit * i + 1] != std::byte{0}) return false;
  }
  return true;
}

void set_smb1_text(Bytes bytes, bool is_unicode, TextSlot text) noexcept {
  text.clear();
  is_unicode ? text.append_utf16(bytes) : text.append_octets(bytes);
}

void append_smb2_pipe_name(Bytes utf16, TextSlot text) noexcept {
  constexpr std::byte kBackslash[] = {std::byte{'\\'}, std::byte{0}};
  while (utf16.size() >= 2 && std::equal(kBackslash, kBackslash + 2, utf16.begin())) {
    utf16 = utf16.subspan(2);
  }
  if (utf16.empty()) return;
  text.append_utf8("\\PIPE\\");
  text.append_utf16(utf16);
}

void append_smb1_pipe_name(Bytes name, bool is_unicode, TextSlot text) noexcept {
  constexpr std::string_view kPrefix = "PIPE\\";
  BoundedText<kPipeNameMax> raw;
  set_smb1_text(name, is_unicode, raw.slot());
  std::string_view rest = raw.view();
  while (rest.starts_with('\\')) rest.remove_prefix(1);
  if (rest.size() >= kPrefix.size() &&
      std::equal(kPrefix.begin(), kPrefix.end(), rest.begin(), equal_ignoring_case)) {
    rest.remove_prefix(kPrefix.size());
  }
  if (rest.empty()) return;
  text.append_utf8("\\PIPE\\");
  text.append_utf8(rest);
}

}  // namespace rpcaudit::dissect
