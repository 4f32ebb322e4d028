#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit::test {

// A text file of the project.
struct Source {
  std::string path;  // relative to the root, with forward slashes
  std::vector<std::string> lines;
};

// Every source, README, build file and script, read once.
[[nodiscard]] const std::vector<Source>& all_sources();

// Whether it is a header or a source of C++.
[[nodiscard]] bool is_code(const Source& source);

// `dissect/tcp` for `dissect/tcp/flow_table.h`; empty for what lies at the root.
[[nodiscard]] std::string_view folder_of(std::string_view path);
// `flow_table` for `dissect/tcp/flow_table.h`.
[[nodiscard]] std::string_view stem_of(std::string_view path);

// The file named by an #include of either kind, empty when the line is none.
[[nodiscard]] std::string_view included_file(std::string_view line);

[[nodiscard]] bool starts_with_any(std::string_view text,
                                   std::initializer_list<std::string_view> prefixes);

}  // namespace rpcaudit::test
