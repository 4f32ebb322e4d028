#include <string>

#include "engine/policy/host/registry_dialects.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

// [MS-GPREG] 2.2.1: `PReg`, version 1, then `[key;value;type;size;data]` in UTF-16LE, where type
// and size are 32-bit numbers and data is `size` bytes.
constexpr std::string_view kSignature = "PReg";
constexpr std::size_t kHeaderSize = 8;
constexpr std::size_t kEntriesMax = 1'000'000;

class PolReader {
 public:
  PolReader(std::string_view bytes, std::uint32_t file, RegistryApplier& values, Reporter& reporter)
      : bytes_(bytes), file_(file), values_(values), reporter_(reporter) {}

  void read() {
    if (bytes_.size() < kHeaderSize || !bytes_.starts_with(kSignature) || bytes_[4] != 1) {
      return fail("the file is no policy file of version 1");
    }
    at_ = kHeaderSize;
    for (std::size_t entry = 1; at_ < bytes_.size() && entry <= kEntriesMax; ++entry) {
      RegistryValue value;
      // The file has no lines: entries are counted instead.
      value.span = {file_, 0, 0, 0};
      if (!read_entry(value)) {
        return fail("entry " + std::to_string(entry) + ", at byte " + std::to_string(at_) +
                    ", is broken");
      }
      apply(value);
    }
  }

 private:
  void fail(const std::string& message) {
    reporter_.error("bad-registry-pol", {file_, 0, 0, 0}, message,
                    "the rest of the file is not read");
  }

  [[nodiscard]] bool take_unit(unsigned& unit) noexcept {
    if (bytes_.size() - at_ < 2) return false;
    unit = static_cast<unsigned char>(bytes_[at_]) |
           static_cast<unsigned>(static_cast<unsigned char>(bytes_[at_ + 1])) << 8;
    at_ += 2;
    return true;
  }
  [[nodiscard]] bool take(char wanted) noexcept {
    unsigned unit = 0;
    return take_unit(unit) && unit == static_cast<unsigned char>(wanted);
  }
  [[nodiscard]] bool take_text(std::string& out) {
    for (unsigned unit = 0; take_unit(unit);) {
      if (unit == 0) return true;
      append_utf8(unit, out);
    }
    return false;
  }
  [[nodiscard]] bool take_number(std::uint32_t& number) noexcept {
    unsigned low = 0;
    unsigned high = 0;
    if (!take_unit(low) || !take_unit(high)) return false;
    number = high << 16 | low;
    return true;
  }

  [[nodiscard]] bool read_entry(RegistryValue& value) {
    std::uint32_t type = 0;
    std::uint32_t size = 0;
    if (!take('[') || !take_text(value.key) || !take(';') || !take_text(value.name) || !take(';') ||
        !take_number(type) || !take(';') || !take_number(size) || !take(';')) {
      return false;
    }
    if (size > bytes_.size() - at_) return false;
    const std::string_view data = bytes_.substr(at_, size);
    at_ += size;
    value.type = static_cast<RegistryType>(type);
    read_data(data, value);
    return take(']');
  }

  static void read_data(std::string_view data, RegistryValue& value) {
    if (value.type == RegistryType::dword) {
      // A number of another size is none: the value's type says so.
      if (data.size() != 4) value.type = RegistryType::binary;
      for (std::size_t i = data.size(); i-- > 0 && data.size() == 4;) {
        value.number = value.number << 8 | static_cast<unsigned char>(data[i]);
      }
      return;
    }
    std::string text;
    for (std::size_t i = 0; i + 1 < data.size(); i += 2) {
      const unsigned unit = static_cast<unsigned char>(data[i]) |
                            static_cast<unsigned>(static_cast<unsigned char>(data[i + 1])) << 8;
      if (unit != 0) {
        append_utf8(unit, text);
      } else if (!text.empty()) {
        value.texts.push_back(std::exchange(text, {}));
      }
    }
    if (!text.empty()) value.texts.push_back(text);
  }

  // Names that begin with `**` are commands ([MS-GPREG] 3.2.5.1).
  void apply(RegistryValue& value) {
    constexpr std::string_view kDelete = "**Del.";
    if (starts_with_ignoring_case(value.name, kDelete)) {
      value.name.erase(0, kDelete.size());
      value.deleted = true;
    } else if (starts_with_ignoring_case(value.name, "**DelVals") ||
               starts_with_ignoring_case(value.name, "**DeleteKeys")) {
      return values_.remove_key(value.key, value.span);
    } else if (value.name.starts_with("**")) {
      return;
    }
    values_.apply(value);
  }

  std::string_view bytes_;
  std::uint32_t file_;
  RegistryApplier& values_;
  Reporter& reporter_;
  std::size_t at_ = 0;
};

}  // namespace

void read_registry_pol(std::string_view bytes, std::uint32_t file, RegistryApplier& values,
                       Reporter& reporter) {
  PolReader(bytes, file, values, reporter).read();
}

}  // namespace rpcaudit::policy
