#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

namespace rpcaudit::test {

inline std::string file_content(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The codes of diagnostics that a source file of engine/policy can emit: the literals in the first
// argument of calls that report something.
inline std::set<std::string> emitted_codes(const std::filesystem::path& path) {
  const std::string source = file_content(path);
  const auto is_code = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
  };
  std::set<std::string> codes;
  for (const std::string_view call : {"error(", "warning(", "note(", "warning_once(", "fail("}) {
    for (std::size_t at = source.find(call); at != std::string::npos;
         at = source.find(call, at + 1)) {
      const std::size_t end = source.find_first_of(",;)", at + call.size());
      for (std::size_t i = at + call.size(); i < end;) {
        const std::size_t open = source.find('"', i);
        if (open >= end) break;
        const std::size_t close = source.find('"', open + 1);
        const std::string code = source.substr(open + 1, close - open - 1);
        if (is_code(code)) codes.insert(code);
        i = close + 1;
      }
    }
  }
  return codes;
}

}  // namespace rpcaudit::test
