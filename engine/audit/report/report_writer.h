#pragma once

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <optional>
#include <string>
#include <string_view>

#include "capture/timestamp.h"
#include "dissect/uuid.h"

namespace rpcaudit::audit {

// As records write times: RFC 3339, UTC, nanoseconds.
[[nodiscard]] std::string report_time(Timestamp time);

// Writes a JSON document, indented. Texts are escaped as those of records are. Inside
// arrays objects and elements have no key.
class ReportWriter {
 public:
  ReportWriter() { writer_.SetIndent(' ', 1); }

  void object() { writer_.StartObject(); }
  void object(std::string_view key) {
    name(key);
    writer_.StartObject();
  }
  void end_object() { writer_.EndObject(); }
  void array(std::string_view key) {
    name(key);
    writer_.StartArray();
  }
  void end_array() { writer_.EndArray(); }

  void text(std::string_view key, std::string_view value);
  void number(std::string_view key, std::uint64_t value) {
    name(key);
    writer_.Uint64(value);
  }
  void truth(std::string_view key, bool value) {
    name(key);
    writer_.Bool(value);
  }
  void time(std::string_view key, Timestamp value) { text(key, report_time(value)); }
  void element(std::string_view value);
  void element(std::uint64_t value) { writer_.Uint64(value); }

  // The document, with a line end.
  [[nodiscard]] std::string take() const { return std::string(buffer_.GetString()) + '\n'; }

 private:
  void name(std::string_view key) {
    writer_.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  }

  rapidjson::StringBuffer buffer_;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer_{buffer_};
};

// `interface` and `interface_name`, or nothing.
void write_interface(ReportWriter& out, const std::optional<Uuid>& interface);
// These, and `opnum` and `operation`.
void write_operation(ReportWriter& out, const std::optional<Uuid>& interface, std::uint16_t opnum);

}  // namespace rpcaudit::audit
