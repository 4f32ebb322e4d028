#include "engine/policy/documents/xml_document.h"

namespace rpcaudit::policy {

std::string XmlDocument::parse(SourceSpan& span) {
  const std::string_view text = source_.text();
  span = {file_, 0, 0, 0};
  const pugi::xml_parse_result result = document_.load_buffer(
      text.data(), text.size(), pugi::parse_default | pugi::parse_trim_pcdata, pugi::encoding_utf8);
  if (result) return {};
  const auto line = source_.line_at(static_cast<std::size_t>(result.offset));
  span = {file_, static_cast<std::uint32_t>(line), 1, 1};
  return result.description();
}

SourceSpan XmlDocument::span_of(const pugi::xml_node& node) const {
  const auto offset = node.offset_debug();
  const std::size_t line = source_.line_at(offset < 0 ? 0 : static_cast<std::size_t>(offset));
  return {file_, static_cast<std::uint32_t>(line), 1, 1};
}

std::string_view local_name(const pugi::xml_node& node) noexcept {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child_named(const pugi::xml_node& node, std::string_view name) noexcept {
  for (const pugi::xml_node child : node.children()) {
    if (local_name(child) == name) return child;
  }
  return {};
}

std::string child_text(const pugi::xml_node& node, std::string_view name) {
  return child_named(node, name).text().get();
}

}  // namespace rpcaudit::policy
