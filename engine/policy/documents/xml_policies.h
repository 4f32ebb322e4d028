#pragma once

#include <cstdint>
#include <string_view>

#include "engine/policy/host/registry_value.h"
#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// The kinds of XML that hold policies.
enum class XmlForm : std::uint8_t {
  unknown,
  policy_rules,  // <PolicyRules> of Policy Analyzer, as Microsoft's baselines have it
  gpo_report,    // the report of Get-GPOReport and GPMC: <GPO>, <GPOS>, <report>
  wfp_filters,   // netsh wfp show filters: <wfpdiag>
};

[[nodiscard]] XmlForm xml_form(const SourceText& source) noexcept;

// Reads such a file. Registry values go to `values`, RPC filters to the policy; what cannot be read
// is reported.
void read_xml_policies(const SourceText& source, std::uint32_t file, Policy& policy,
                       RegistryApplier& values, Reporter& reporter);

}  // namespace rpcaudit::policy
