// The parsers of endpoint mappers' messages: questions and entries of any bytes, in every form.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "dissect/stubs/epm.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  if (size == 0) return 0;
  const auto operation = static_cast<dissect::EpmOperation>(data[0] & 7);
  const dissect::StubForm form{(data[0] & 8) != 0,
                               (data[0] & 16) != 0 ? std::endian::big : std::endian::little};
  const Bytes stub = std::as_bytes(std::span(data, size)).subspan(1);
  dissect::EpmQuestion question;
  if (dissect::parse_epm_question(operation, form, stub, question) == dissect::ParseStatus::ok) {
    if (question.interface.has_value() == question.names_no_interface) std::abort();
  }
  dissect::EpmEntryReader reader(operation, form, stub);
  std::size_t entries = 0;
  for (dissect::EpmEntry entry; reader.next(entry); ++entries) {
    if (!entry.tower.interface) std::abort();
  }
  // No entry takes less than a pointer.
  if (4 * entries > size) std::abort();
  return 0;
}
