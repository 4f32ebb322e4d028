#include "engine/policy/netsh/netsh_script.h"

#include "engine/policy/netsh/netsh_session.h"
#include "engine/policy/netsh/rule_name.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kFileMebibytesMax = 64;
// The commands of as many filters as a policy may have are less than half of it.
constexpr std::size_t kStoreMebibytesMax = 1024;

SourceText read_script(std::string_view bytes, std::string_view name, std::size_t mebibytes_max,
                       Policy& policy, std::vector<Diagnostic>& diagnostics) {
  const auto file = static_cast<std::uint32_t>(policy.files.size());
  policy.files.emplace_back(name);
  Reporter reporter(diagnostics);
  const SourceSpan whole_file{file, 0, 0, 0};
  if (bytes.size() >> 20 >= mebibytes_max) {
    reporter.error("file-too-large", whole_file,
                   "the script has " + std::to_string(mebibytes_max) + " MiB or more",
                   "is this an RPC filter script?");
    return {};
  }
  SourceText source = SourceText::decode(bytes);
  if (source.is_binary()) {
    reporter.error("binary-file", whole_file, "the file is binary, not a script",
                   "captures are named with `-r`, policies with `-p`");
  } else {
    read_netsh_script(source, file, policy, reporter);
  }
  return source;
}

}  // namespace

std::size_t read_netsh_script(const SourceText& source, std::uint32_t file, Policy& policy,
                              Reporter& reporter) {
  if (source.encoding() == SourceText::Encoding::windows_1252) {
    reporter.warning("not-utf8", {file, 0, 0, 0},
                     "the file is neither UTF-8 nor UTF-16; it is read as Windows-1252");
  }

  NetshSession session(policy, file, reporter, {});
  ScriptReader reader(source, file, reporter);
  ScriptLine line;
  std::size_t errors_before = 0;
  while (!reporter.is_full() && reader.next(line)) {
    if (reporter.error_count() != errors_before) session.spoil();
    session.run(line);
    errors_before = reporter.error_count();
  }
  if (!reporter.is_full()) session.finish();
  name_by_comments(source, file, policy);
  reporter.sort_by_line();
  return session.command_count();
}

void read_netsh_script(std::string_view bytes, std::string_view name, Policy& policy,
                       std::vector<Diagnostic>& diagnostics) {
  (void)read_script(bytes, name, kFileMebibytesMax, policy, diagnostics);
}

SourceText read_stored_script(std::string_view script, std::string_view name, Policy& policy,
                              std::vector<Diagnostic>& diagnostics) {
  return read_script(script, name, kStoreMebibytesMax, policy, diagnostics);
}

}  // namespace rpcaudit::policy
