#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/app/log.h"
#include "engine/policy/policy.h"
#include "engine/policy/policy_text.h"
#include "engine/policy/text/diagnostic.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::app {

// Policies as read from files, with everything there is to say about them.
struct LoadedPolicy {
  policy::Policy policy;
  std::vector<policy::SourceText> sources;  // by index of Policy::files
  std::vector<std::uint32_t> scripts;       // indexes of the sources that are netsh scripts
  std::vector<policy::Diagnostic> diagnostics;
  std::vector<std::string> unreadable;  // files that could not be read, and why

  [[nodiscard]] std::size_t count(policy::Severity severity) const;
  [[nodiscard]] bool has_errors() const {
    return !unreadable.empty() || count(policy::Severity::error) != 0;
  }
  // Whether calls can be judged by what was read: some errors are about nothing but its author.
  [[nodiscard]] bool can_judge() const;
};

// The bytes of a file, nothing and `errno` when it cannot be read. `-` is standard input.
[[nodiscard]] std::optional<std::string> read_policy_file(const std::string& path);

// Of Policy::digest: the first digits of the SHA-256 of the file, so that sha256sum shows them too.
inline constexpr std::size_t kPolicyDigestSize = 12;

// What is asked of the files besides their names.
struct PolicyFileOptions {
  bool allow_empty = false;   // a file that asks for nothing gets a warning, not an error
  bool as_session = false;    // commands of separate processes count as those of one session
  bool only_checked = false;  // nothing is judged: a warning is enough for values without RPC
};

// Reads all of them into `loaded`, which may hold files already, and validates the whole.
void load_policies(std::span<const std::string> paths, const PolicyFileOptions& options,
                   LoadedPolicy& loaded);

// Adds the filters of a script that was written by a filter store. `name` stands for its file.
void add_stored_script(const std::string& script, const std::string& name, LoadedPolicy& loaded);

// One diagnostic with the line that it is about, no line end after it.
[[nodiscard]] std::string diagnostic_text(const LoadedPolicy& loaded,
                                          const policy::Diagnostic& diagnostic);

}  // namespace rpcaudit::app
