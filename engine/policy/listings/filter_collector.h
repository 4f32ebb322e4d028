#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Takes the filters of one file that is no netsh session, in the order of the file, and adds them
// to the policy from the oldest to the newest.
class FilterCollector {
 public:
  // Both are borrowed. `file` indexes Policy::files.
  FilterCollector(Policy& policy, std::uint32_t file, Reporter& reporter);

  // A filter without a key gets one of its place. Too many are reported, once.
  void add(Filter filter);

  // To be called at the end of a listing, which has the newest filters first: puts them in the
  // order of their ids, or in reverse where ids are missing.
  void finish_listing();
  // To be called at the end of a file whose order is its own.
  void finish();

 private:
  Policy& policy_;
  Reporter& reporter_;
  std::uint32_t file_;
  std::size_t occurrence_ = 0;  // files of the same name that came before
  std::vector<Filter> filters_;
  bool full_ = false;
};

// A line of a file without the blanks around it, and where what is left stands.
struct TrimmedLine {
  std::string_view text;
  std::uint32_t number = 0;
  std::uint32_t column = 1;  // of its first character

  // Where `part`, a piece of `text`, stands.
  [[nodiscard]] SourceSpan span(std::uint32_t file, std::string_view part) const noexcept;
};

[[nodiscard]] std::string_view without_blanks(std::string_view text) noexcept;
[[nodiscard]] TrimmedLine trimmed_line(const SourceText& source, std::uint32_t number) noexcept;

// Hands each line to `take`, until the reporter takes no more.
template <typename Take>
void for_each_trimmed_line(const SourceText& source, const Reporter& reporter, Take take) {
  for (std::size_t i = 1; i <= source.line_count() && !reporter.is_full(); ++i) {
    take(trimmed_line(source, static_cast<std::uint32_t>(i)));
  }
}

// Decimal, or hexadecimal after `0x`; nothing around it.
[[nodiscard]] std::optional<std::uint64_t> read_plain_number(std::string_view text) noexcept;

// `10.0.0.0/8` and `fe80::/10`: both ends of the subnet. An address without a length is itself.
[[nodiscard]] std::optional<AddressRange> read_subnet(std::string_view text) noexcept;

// A condition that the source names without telling all of it.
[[nodiscard]] Condition unreadable_condition(Field field, std::string_view text,
                                             const SourceSpan& span);

}  // namespace rpcaudit::policy
