#include <cstdint>
#include <cstdlib>
#include <string>

#include "engine/policy/sddl.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const rpcaudit::policy::SddlResult result = rpcaudit::policy::parse_sddl(text);
  const bool consistent = result.ok == result.error.empty() && result.error_offset <= size &&
                          (result.ok || result.descriptor.entries.empty());
  if (!consistent) std::abort();
  for (const rpcaudit::policy::SddlRemark& remark : result.remarks) {
    if (remark.offset > size || remark.message.empty()) std::abort();
  }
  for (const rpcaudit::policy::AccessEntry& entry : result.descriptor.entries) {
    if (entry.trustee.empty()) std::abort();
  }
  return 0;
}
