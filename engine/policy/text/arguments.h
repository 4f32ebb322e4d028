#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// One tag of a command. Its position in the list is also its place when the tag is not written.
struct Tag {
  std::string_view name;
  bool required = false;
};

// Gives each tag its value, in the order of `tags`. `words` are those after the command's verbs:
// `tag=value`, `tag= value`, `tag = value` or the bare value of the first tag still without one.
// Unknown, ambiguous, repeated, missing and surplus arguments are reported as errors; `command` is
// where a missing one is reported.
[[nodiscard]] std::vector<std::optional<Word>> bind_arguments(std::span<const Word> words,
                                                              std::span<const Tag> tags,
                                                              const SourceSpan& command,
                                                              Reporter& reporter);

// Makes one word of `count` words from `first` on, with `separator` between them.
void merge_words(std::vector<Word>& words, std::size_t first, std::size_t count,
                 std::string_view separator);

// Lower case, with `_` for what else separates the parts of a name.
[[nodiscard]] std::string normalized_name(std::string_view text);

}  // namespace rpcaudit::policy
