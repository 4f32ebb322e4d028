// The program reads hostile bytes, so the linker's defences are part of what it promises.

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/app/program.h"

namespace rpcaudit::app {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

template <typename Part>
Part part_at(const std::string& bytes, std::size_t offset) {
  Part part{};
  if (offset + sizeof part <= bytes.size()) std::memcpy(&part, bytes.data() + offset, sizeof part);
  return part;
}

TEST(Hardening, TheProgramHasNoWritableTableOfFunctions) {
  if (kSanitized) GTEST_SKIP() << "sanitizers bring checks of their own";
  const std::string bytes = read_file(program_path());
  const auto header = part_at<Elf64_Ehdr>(bytes, 0);
  EXPECT_EQ(header.e_type, ET_DYN) << "loaded where nobody knows beforehand";
  bool has_relro = false;
  bool has_stack_flags = false;
  bool binds_now = false;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = part_at<Elf64_Phdr>(bytes, header.e_phoff + i * sizeof(Elf64_Phdr));
    has_relro = has_relro || segment.p_type == PT_GNU_RELRO;
    has_stack_flags =
        has_stack_flags || (segment.p_type == PT_GNU_STACK && (segment.p_flags & PF_X) == 0);
    if (segment.p_type != PT_DYNAMIC) continue;
    for (std::size_t at = 0; at < segment.p_filesz; at += sizeof(Elf64_Dyn)) {
      const auto entry = part_at<Elf64_Dyn>(bytes, segment.p_offset + at);
      binds_now = binds_now || (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_BIND_NOW) != 0);
    }
  }
  EXPECT_TRUE(has_relro) << "addresses of functions are read-only after start";
  EXPECT_TRUE(binds_now) << "all of them are known at start";
  EXPECT_TRUE(has_stack_flags) << "nothing on the stack is executed";
}

}  // namespace
}  // namespace rpcaudit::app
