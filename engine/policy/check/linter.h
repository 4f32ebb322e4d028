#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/policy/policy.h"
#include "engine/policy/target.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Names of interfaces, for people. The policy stage has none of its own.
class InterfaceNames {
 public:
  virtual ~InterfaceNames() = default;

  // Empty: not known.
  [[nodiscard]] virtual std::string name_of(const Uuid& interface) const = 0;
  // A known interface whose UUID is written almost alike.
  [[nodiscard]] virtual std::optional<Uuid> nearest(const Uuid& interface) const = 0;
  // The highest number of an operation that is known; empty where none is.
  [[nodiscard]] virtual std::optional<std::uint16_t> last_operation(const Uuid& interface) const {
    (void)interface;
    return std::nullopt;
  }
};

struct LintOptions {
  TargetProfile profile;
  const InterfaceNames* interfaces = nullptr;  // borrowed; without them no UUID is looked up
};

// Advice about a policy that is sound, beyond validate(): filters that others make pointless, what
// the target does differently, interfaces that nobody knows. Appends to `diagnostics`, in order of
// lines.
void lint(const Policy& policy, const LintOptions& options, std::vector<Diagnostic>& diagnostics);

// The part of it that is about the target alone.
void lint_for_target(const Policy& policy, const TargetProfile& profile,
                     std::vector<Diagnostic>& diagnostics);

// Filters of which each command is a process of its own, in files other than `scripts`, of which
// lint_script() tells this itself.
void lint_processes(const Policy& policy, std::span<const std::uint32_t> scripts,
                    std::vector<Diagnostic>& diagnostics);

// What a real netsh would make of the script, run as a file (`netsh -f`) or line by line. `file` is
// its index in Policy::files.
void lint_script(const SourceText& source, std::uint32_t file,
                 std::vector<Diagnostic>& diagnostics);

}  // namespace rpcaudit::policy
