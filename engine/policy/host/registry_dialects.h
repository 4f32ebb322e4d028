#pragma once

#include <cstdint>
#include <string_view>

#include "engine/policy/host/registry_value.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Readers of the forms in which administrators have registry values. Each hands what it finds to
// `values` in order, and reports what it cannot read; none stops before the end of the file.

// A file of regedit or `reg export`: `Windows Registry Editor Version 5.00` or `REGEDIT4`.
void read_reg_file(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                   Reporter& reporter);

// What `reg query` prints: a key in a line, below it `    Name    REG_DWORD    0x1`.
void read_reg_query(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                    Reporter& reporter);

// A security template of secedit or a GptTmpl.inf: `[Registry Values]`, `MACHINE\key\name=4,1`.
void read_security_template(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                            Reporter& reporter);

// The text of LGPO.exe: `Computer`, key, value name, `DWORD:1`, and a blank line.
void read_lgpo_text(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                    Reporter& reporter);

// A policy file of a group policy, `PReg` version 1 ([MS-GPREG] 2.2.1).
void read_registry_pol(std::string_view bytes, std::uint32_t file, RegistryApplier& values,
                       Reporter& reporter);

}  // namespace rpcaudit::policy
