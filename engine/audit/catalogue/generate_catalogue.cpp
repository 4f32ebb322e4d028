// generate_catalogue CATALOGUE.TSV OUTPUT.CPP
//
// Turns catalogue.tsv into the tables that catalogue_data.h declares. Runs in the build.

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dissect/uuid.h"

namespace rpcaudit::audit {
namespace {

constexpr std::size_t kNameSizeMax = 255;

struct Operation {
  std::uint16_t opnum = 0;
  std::string name;
  std::string alias;  // Zeek's name, where it is another
};

struct Interface {
  Uuid uuid;
  std::string name;
  std::vector<Operation> operations;
};

// The text up to `separator`, which is taken away with it.
std::string_view take(std::string_view& rest, char separator) {
  const std::size_t at = std::min(rest.find(separator), rest.size());
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return taken;
}

std::string checked_name(std::string_view name) {
  const bool fine = !name.empty() && name.size() <= kNameSizeMax &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return c > ' ' && c <= '~' && c != '"' && c != '\\';
                    });
  if (!fine) throw std::runtime_error("bad name: " + std::string(name));
  return std::string(name);
}

Interface parse_line(std::string_view rest) {
  Interface row;
  const std::optional<Uuid> uuid = parse_uuid(take(rest, '\t'));
  if (!uuid) throw std::runtime_error("bad UUID");
  row.uuid = *uuid;
  row.name = checked_name(take(rest, '\t'));
  while (!rest.empty()) {
    std::string_view item = take(rest, ',');
    const unsigned long opnum = std::stoul(std::string(take(item, ':')));
    if (opnum > 0xffff) throw std::runtime_error("bad opnum");
    if (!row.operations.empty() && row.operations.back().opnum >= opnum) {
      throw std::runtime_error("opnums out of order");
    }
    const std::string_view name = take(item, '=');
    row.operations.push_back({static_cast<std::uint16_t>(opnum), checked_name(name),
                              item.empty() ? std::string() : checked_name(item)});
  }
  return row;
}

std::vector<Interface> read_catalogue(const char* path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot be read");
  std::vector<Interface> interfaces;
  for (std::string line; std::getline(file, line);) {
    interfaces.push_back(parse_line(line));
    if (interfaces.size() > 1 && interfaces.end()[-2].uuid >= interfaces.back().uuid) {
      throw std::runtime_error("UUIDs out of order at " + to_string(interfaces.back().uuid));
    }
  }
  return interfaces;
}

// All names one after the other, each once.
class TextBlock {
 public:
  // `{offset,size}` of `name`.
  std::string place(const std::string& name) {
    const auto [found, is_new] = offsets_.try_emplace(name, text_.size());
    if (is_new) text_ += name;
    std::string pair = "{";
    pair += std::to_string(found->second) + "," + std::to_string(name.size()) + "}";
    return pair;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::unordered_map<std::string, std::size_t> offsets_;
};

std::string uuid_bytes(const Uuid& uuid) {
  std::string text;
  for (const std::uint8_t byte : uuid.bytes) text += std::to_string(byte) + ",";
  return text;
}

void write_source(const std::vector<Interface>& interfaces, std::ostream& out) {
  TextBlock block;
  std::size_t operation_count = 0;
  out << "#include \"engine/audit/catalogue/catalogue_data.h\"\n\n"
         "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n\n"
         "namespace rpcaudit::audit {\nnamespace {\n\n"
         "constexpr CatalogueInterface kInterfaces[] = {\n";
  for (const Interface& row : interfaces) {
    out << "{{{" << uuid_bytes(row.uuid) << "}}," << block.place(row.name) << "," << operation_count
        << "," << row.operations.size() << "},\n";
    operation_count += row.operations.size();
  }
  out << "};\n\nconstexpr CatalogueOperation kOperations[] = {\n";
  for (const Interface& row : interfaces) {
    for (const Operation& operation : row.operations) {
      out << "{" << operation.opnum << "," << block.place(operation.name) << ","
          << block.place(operation.alias) << "},\n";
    }
  }
  out << "};\n\nconstexpr char kText[] =\n";
  constexpr std::size_t kLineSize = 90;
  for (std::size_t at = 0; at < block.text().size(); at += kLineSize) {
    out << "\"" << block.text().substr(at, kLineSize) << "\"\n";
  }
  out << ";\n\n}  // namespace\n\n"
         "std::span<const CatalogueInterface> catalogue_interfaces() noexcept {"
         " return kInterfaces; }\n"
         "std::span<const CatalogueOperation> catalogue_operations() noexcept {"
         " return kOperations; }\n"
         "const char* catalogue_text() noexcept { return kText; }\n\n"
         "}  // namespace rpcaudit\n";
}

}  // namespace
}  // namespace rpcaudit::audit

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: generate_catalogue CATALOGUE.TSV OUTPUT.CPP\n";
    return 2;
  }
  try {
    const std::vector<rpcaudit::audit::Interface> interfaces =
        rpcaudit::audit::read_catalogue(argv[1]);
    std::ofstream out(argv[2]);
    rpcaudit::audit::write_source(interfaces, out);
    if (!out.flush()) throw std::runtime_error("cannot write the output");
  } catch (const std::exception& error) {
    std::cerr << argv[1] << ": " << error.what() << "\n";
    return 1;
  }
  return 0;
}
