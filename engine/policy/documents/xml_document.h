#pragma once

#include <cstdint>
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "engine/policy/text/diagnostic.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// A parsed XML file whose nodes know their lines. Names are compared without the prefix of their
// namespace, which differs from report to report.
class XmlDocument {
 public:
  // `source` is borrowed.
  XmlDocument(const SourceText& source, std::uint32_t file) : source_(source), file_(file) {}

  // Empty when it was parsed, else why not. The span is where.
  [[nodiscard]] std::string parse(SourceSpan& span);
  [[nodiscard]] pugi::xml_node root() const { return document_.document_element(); }
  [[nodiscard]] SourceSpan span_of(const pugi::xml_node& node) const;

 private:
  const SourceText& source_;
  std::uint32_t file_;
  pugi::xml_document document_;
};

[[nodiscard]] std::string_view local_name(const pugi::xml_node& node) noexcept;
// The first child of that name, and its text without the blanks around it; empty without one.
[[nodiscard]] pugi::xml_node child_named(const pugi::xml_node& node,
                                         std::string_view name) noexcept;
[[nodiscard]] std::string child_text(const pugi::xml_node& node, std::string_view name);

// Calls `visit(node)` for every element below `node` whose name is `name`.
template <typename Visit>
void for_each_named(const pugi::xml_node& top, std::string_view name, Visit visit) {
  // Without recursion: a file may nest as deep as it likes.
  pugi::xml_node node = top.first_child();
  while (node) {
    if (local_name(node) == name) visit(node);
    if (node.first_child()) {
      node = node.first_child();
      continue;
    }
    while (node && node != top && !node.next_sibling()) node = node.parent();
    if (!node || node == top) return;
    node = node.next_sibling();
  }
}

}  // namespace rpcaudit::policy
