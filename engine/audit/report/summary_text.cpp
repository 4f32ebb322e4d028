#include "engine/audit/report/summary_text.h"

namespace rpcaudit::audit {
namespace {

constexpr std::size_t kCountWidth = 12;

std::string line(const std::string& number, std::string_view text) {
  std::string out(number.size() < kCountWidth ? kCountWidth - number.size() : 0, ' ');
  return out.append(number).append("  ").append(text) += '\n';
}

}  // namespace

std::string grouped(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

std::string counted(std::uint64_t count, std::string_view text) {
  return line(grouped(count), text);
}

std::string counted_calls(std::uint64_t count, std::string_view what) {
  return counted(count, (count == 1 ? "call " : "calls ") + std::string(what));
}

std::string not_counted(std::string_view text) { return line("-", text); }

}  // namespace rpcaudit::audit
